//! What the project checks and generates about itself.
//!
//! `cargo xtask tidy` holds the rules that neither the compiler nor clippy knows; `cargo xtask generate`
//! writes what is derived from code and checked in; `cargo xtask bench` compares with helmfile; `cargo xtask
//! verify-configs` has generated configurations read by the real programs. Nothing of it is part of the product.

pub mod bench;
pub mod generate;
pub mod tidy;
pub mod verify;
