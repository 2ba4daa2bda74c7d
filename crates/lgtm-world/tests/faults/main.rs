//! Faults on real API servers: a proxy that loses, delays and refuses, servers that restart, run out of
//! space, and no longer take credentials, and accounts that may not do everything.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "all of this crate is test code, also what is outside of test functions"
)]

#[path = "../e2e/bed.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod bed;
#[path = "../e2e/census.rs"]
mod census;
#[path = "../e2e/existing.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod existing;
mod expiry;
mod front;
mod full;
#[path = "../e2e/hand.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod hand;
mod proxy;
mod rights;
mod scripted;
mod seeded;
#[path = "../e2e/state.rs"]
mod state;
mod tally;
mod tls;
#[path = "../e2e/tools.rs"]
mod tools;
