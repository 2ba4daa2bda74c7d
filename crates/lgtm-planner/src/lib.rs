//! What must exist, and what to do next: the pure core of lgtmctl.
//!
//! Everything here is a function from values to values. The crate starts no process, opens no file,
//! reads no clock and knows no randomness, so equal inputs give equal bytes; `clippy.toml` beside
//! this crate and the tidy check keep it so.

pub mod catalog;
pub mod desired;
pub mod diff;
pub mod digest;
pub mod fact;
pub mod fingerprint;
pub mod graph;
pub mod inventory;
pub mod object;
pub mod observed;
pub mod phase;
pub mod plan;
pub mod unit;
