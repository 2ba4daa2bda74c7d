//! A world in memory, for tests: API servers as data, driven by one seed.
//!
//! [`Universe`] is what is outside: clusters, the machine that lgtmctl runs on, and what goes wrong. A
//! [`SimWorld`] is one process that sees it; when it dies, another is started on the same universe. It
//! does its work by the same order of single writes as the real adapter, each of which is logged and
//! may fail. Time is tokio's, so a test that pauses the clock does years of it in a moment.
//!
//! Nothing here knows Kubernetes beyond what lgtmctl relies on; `tests/e2e/differential.rs` of
//! `lgtm-world` compares that with a real API server.

mod answer;
mod api;
mod faults;
mod fields;
mod lease;
mod log;
mod look;
mod material;
mod membership;
mod merge;
mod objects;
mod prune;
mod records;
mod render;
mod seed;
mod server;
mod shape;
mod universe;
mod world;

pub use answer::{Answer, Refusal};
pub use faults::{Fault, Faults, Outage, Trouble};
pub use log::{Entry, Verb};
pub use seed::Random;
pub use server::Server;
pub use universe::{Pace, SimCluster, Universe};
pub use world::SimWorld;
