//! End to end, on real etcd, kube-apiserver, controller-manager and scheduler.

mod bed;
mod converge;
mod drift;
mod hand;
