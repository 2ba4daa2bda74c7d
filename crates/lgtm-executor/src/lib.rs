//! Drive a plan: ask the world what is there, let the planner decide, do it in order, look again.
//!
//! The crate owns the [`World`] port and the [`scheduler`], a synchronous state machine with async
//! only around it. It knows no Kubernetes client, no chart and no terminal; what happens is told
//! through [`Event`]s.

pub mod apply;
pub mod event;
pub mod prepare;
pub mod scheduler;
#[cfg(feature = "sim")]
pub mod sim;
pub mod world;

pub use apply::{ApplyOptions, Report, apply};
pub use event::{Event, Events};
pub use prepare::{Prepared, prepare, prepare_destroy};
pub use world::{Done, Failure, Kind, Outcome, World};
