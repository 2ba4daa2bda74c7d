//! Touching the world: Kubernetes API servers, helm, simulated clusters, key material.
//!
//! Everything here implements what the executor's port asks for and chooses nothing. The crate prints
//! nothing and reads no command line.

pub mod access;
pub mod charts;
mod cluster;
mod connection;
mod digest_key;
mod lock;
mod material;
mod object_storage;
mod objects;
mod observe;
pub mod pki;
pub mod providers;
mod records;
pub mod rehearsal;
mod render;
pub mod tools;
mod whole_file;
mod world;

pub use connection::USER_AGENT;
pub use world::{ClusterWorld, Settings};
