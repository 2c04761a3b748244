//! Oracles, generators and fixtures shared by the tests of ecq (unpublished).
