//! What the profiles consist of: for each of their charts, the values that the topology implies.
//!
//! Pure functions of the topology; the module knows the charts' values and refuses to know how a chart is rendered.

pub mod agents;
pub mod alloy;
pub mod configuration;
pub mod demo;
pub mod distributed;
pub mod entrance;
pub mod grafana;
pub mod kube_state_metrics;
pub mod log_shipper;
pub mod loki;
pub mod mimir;
pub mod node_exporter;
pub mod otel_collector;
pub mod prometheus_agent;
pub mod push;
pub mod services;
pub mod tempo;
pub mod tenant_gateway;
pub mod upstream;

#[cfg(test)]
pub(crate) mod fixture;
