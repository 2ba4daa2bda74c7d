//! What people and scripts read: pure functions from plans, reports and events to text.
//!
//! Nothing here writes, waits or asks the environment. Text that comes from clusters is made safe
//! for terminals before it is shown, and values of Secrets are concealed once more, whoever was to do
//! that before.

pub mod graph;
pub mod json;
pub mod manifest;
pub mod plan;
pub mod problem;
pub mod progress;
pub mod status;
mod style;
pub mod summary;
mod value;

#[cfg(test)]
pub(crate) mod fixture;

pub use style::{Style, Tone, duration, plural};
pub use value::shield;
