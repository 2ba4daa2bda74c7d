//! What the user said: the topology file, its defaults, and everything that can be wrong with it.
//!
//! The crate turns text into a [`Topology`] and a list of [`Diagnostic`]s with positions. It never
//! reads a file, an environment variable or a clock, and knows nothing of Kubernetes objects.

mod model;

pub use model::*;
