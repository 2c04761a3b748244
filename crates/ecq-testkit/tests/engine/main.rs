//! Engine tests on packed models.

mod cache;
mod events;
mod experts;
mod models;
mod modes;
mod schedules;
mod threads;
