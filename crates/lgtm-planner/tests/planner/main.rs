//! The planner against a model of an ideal world: properties on random topologies, and scenarios.
//!
//! `model` is what a world would be if nothing ever failed, and panics where an adapter would find
//! that the plan was wrong (an object in a namespace that is not there, a write to a cluster that is
//! not recorded). `drive` does what the executor does, one step after the other in any allowed order,
//! and `settled` says independently of the planner what must be there at the end.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this crate is test code, also what is outside of test functions"
)]

mod access_keys;
mod catalog;
mod drive;
mod material;
mod model;
mod needs;
mod properties;
mod render;
mod repairs;
mod scenarios;
mod settled;
mod spec;
