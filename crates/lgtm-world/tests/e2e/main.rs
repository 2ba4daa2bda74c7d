//! End to end, on real etcd, kube-apiserver, controller-manager and scheduler.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "all of this crate is test code, also what is outside of test functions"
)]

mod access;
mod access_keys;
mod bed;
mod census;
mod conditions;
mod converge;
mod crash;
mod differential;
mod drift;
mod entrance;
mod existing;
mod extra;
mod extras;
mod frozen;
mod hand;
mod kubelet;
mod lock;
mod namespaces;
mod operators;
mod ownership;
mod removal;
mod replace;
mod scenarios;
mod scopes;
mod state;
mod tenants;
mod tools;
mod unreachable;
