//! lgtm-world

pub mod pki;
pub mod providers;
pub mod rehearsal;
pub mod tools;
