//! Providers that make clusters: each turns "there shall be a cluster of this name" into one that answers.
//!
//! A provider knows processes, ports and files. It refuses to know the topology, and what will be
//! applied to the clusters that it makes.

pub mod kwok;
