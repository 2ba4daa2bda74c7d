//! Values of the `node-exporter` chart, and the port at which a node's agent reads it.
//!
//! Nothing of it depends on the topology; the module exists so that the port is written once.

use serde_json::{Value, json};

/// The release's name.
pub const RELEASE: &str = "node-exporter";

/// The port on each node's own address.
pub const PORT: u16 = 9100;

/// The chart's values.
pub fn values() -> Value {
    json!({"port": PORT})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_the_one_that_agents_are_told() {
        assert_eq!(values(), json!({"port": 9100}));
    }
}
