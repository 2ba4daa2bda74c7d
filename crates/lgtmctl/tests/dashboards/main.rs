//! The dashboards that the chart `grafana` brings: their structure, and that every query can be parsed and asks for
//! what some cluster collects.
//!
//! No Grafana, Mimir, Loki or Tempo is asked. What is collected is read from the objects that the quickstart topology
//! renders to, which has every scenario once.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy allows it in test functions, and not in what these call"
)]

#[path = "../clusters/tools.rs"]
mod tools;

mod board;
mod collected;
mod languages;
mod metrics;
mod queries;
mod rendered;
mod sources;
mod structure;
