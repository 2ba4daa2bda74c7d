//! The real program against real API servers: killed at random moments, and searched for secrets.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this crate is test code, also what is outside of test functions"
)]

mod ground;
mod kill;
mod program;
mod rehearse;
mod secrets;
mod together;
mod tools;
mod trace;
