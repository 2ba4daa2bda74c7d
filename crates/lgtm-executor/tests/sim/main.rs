//! The executor and the planner on a world in memory, where everything goes wrong that can.
//!
//! A failing case says its seed; with it in `LGTMCTL_SIM_SEED` the same command runs that case alone.
//! `LGTMCTL_SIM_RUNS` is how many runs with random faults there are instead of a thousand; of the other random
//! cases there are more or fewer in proportion.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this crate is test code, also what is outside of test functions"
)]

mod clock;
mod crash;
mod faults;
mod lease;
mod order;
mod partition;
mod scaling;
mod scene;
mod snapshot;
mod spec;
mod takeover;
mod walks;
