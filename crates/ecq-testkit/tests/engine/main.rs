//! The engine from outside: what it says, and that nothing but a request decides its tokens.

mod cache;
mod events;
mod experts;
mod models;
mod modes;
mod schedules;
mod threads;
