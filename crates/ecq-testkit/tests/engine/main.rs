//! Engine tests on packed models.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helper functions of tests")]

mod cache;
mod events;
mod experts;
mod models;
mod modes;
mod schedules;
mod threads;
mod wgpu;
