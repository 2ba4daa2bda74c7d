//! End to end, on real etcd, kube-apiserver, controller-manager and scheduler.

mod bed;
mod census;
mod converge;
mod drift;
mod existing;
mod frozen;
mod hand;
mod removal;
mod unreachable;
