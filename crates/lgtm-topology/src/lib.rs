//! What the user said: the topology file, its defaults, and everything that can be wrong with it.
//!
//! The crate turns text into a [`Topology`] and a list of [`Diagnostic`]s with positions. It never
//! reads a file, an environment variable or a clock, and knows nothing of Kubernetes objects.
//!
//! ```text
//! text ─tree─▶ keys and values with places ─input─▶ typed fields ─check─▶ Topology
//!                     └──────────── problems ◀───────────┴─────────────────┘
//! ```

mod check;
mod defaults;
mod diagnostic;
mod input;
mod model;
mod parse;
mod problems;
mod redact;
mod schema;
mod suggest;
mod tenant;
mod tree;

pub use defaults::KWOK_NODE_NETWORK;
pub use diagnostic::{Code, Diagnostic, Parsed, Related, Report, Severity, SingleReport, Span};
pub use model::*;
pub use parse::{helm_values, parse, parse_bytes};
pub use schema::json_schema;
pub use suggest::did_you_mean;
