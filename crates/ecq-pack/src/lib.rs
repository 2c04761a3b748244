//! The offline pipeline of ecq: read, encode, write, verify, export, diff, analyze.
