//! By which Services others reach the hub's upstream charts.
//!
//! Those names and ports stand in the configurations of agents, of the tenant gateway, of Grafana and of the backends
//! themselves. A value that changes one of them is followed where the module knows how, and refused everywhere else.
//! It refuses to know who asks, and which values are the user's.

use serde_json::{Value, json};

/// Loki's Service for pushes, in both profiles, unless an override says otherwise.
pub const LOKI_PUSH: &str = "loki-write";
/// The value by which Loki's chart decides on its parts, and so on that Service.
pub const LOKI_MODE: &str = "/deploymentMode";

/// The Service for pushes in each mode; between two modes, the one that the chart's own gateway chooses. That gateway
/// takes all queries, and has one name in all of them.
const LOKI_MODES: [(&str, &str); 7] = [
    ("Distributed", "loki-distributor"),
    ("Monolithic", "loki"),
    ("Monolithic<->SimpleScalable", "loki"),
    ("SimpleScalable", LOKI_PUSH),
    ("SimpleScalable<->Distributed", LOKI_PUSH),
    ("SingleBinary", "loki"),
    ("SingleBinary<->SimpleScalable", "loki"),
];

/// Loki's Service for pushes in a mode; none for a mode that nobody knows here.
pub fn loki_push(mode: &Value) -> Option<&'static str> {
    let (_, service) = LOKI_MODES.into_iter().find(|(known, _)| mode == known)?;
    Some(service)
}

/// The modes that Loki may have.
pub fn loki_modes() -> impl Iterator<Item = &'static str> {
    LOKI_MODES.into_iter().map(|(mode, _)| mode)
}

/// The values of one of the hub's releases that have to stay what they are, by their pointers.
pub fn fixed(release: &str) -> Vec<(&'static str, Value)> {
    let mut fixed = vec![("/fullnameOverride", json!("")), ("/nameOverride", json!(""))];
    match release {
        "loki" => fixed.extend([
            ("/namespaceOverride", json!("")),
            ("/loki/server/http_listen_port", json!(3100)),
            ("/gateway/enabled", json!(true)),
            ("/gateway/service/port", json!(80)),
        ]),
        "mimir" => fixed.extend([
            ("/mimir/structuredConfig/server/http_listen_port", json!(8080)),
            ("/gateway/enabled", json!(true)),
            ("/gateway/enabledNonEnterprise", json!(true)),
            ("/gateway/service/port", json!(80)),
            ("/gateway/service/nameOverride", json!("")),
        ]),
        "tempo" => fixed.extend([
            ("/traces/otlp/grpc/enabled", json!(true)),
            ("/traces/otlp/http/enabled", json!(true)),
            ("/queryFrontend/service/httpMetricsPort", json!(3200)),
        ]),
        "rustfs" => fixed.push(("/service/endpoint/port", json!(9000))),
        "monitor" => {
            fixed = vec![
                ("/fullnameOverride", json!("monitor")),
                ("/namespaceOverride", json!("")),
                ("/alertmanager/service/port", json!(9093)),
                ("/grafana/fullnameOverride", json!("")),
                ("/grafana/nameOverride", json!("")),
                ("/grafana/service/port", json!(80)),
            ];
        }
        _ => fixed.clear(),
    }
    fixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::upstream;

    /// What is said of the chart's mode and of names holds for the catalog's own files.
    #[test]
    fn the_catalogs_own_values_are_what_others_rely_on() {
        let loki = upstream::LOKI.values(json!({}));
        assert_eq!(loki_push(&loki["deploymentMode"]), Some(LOKI_PUSH));
        let charts = [
            ("loki", &upstream::LOKI),
            ("mimir", &upstream::MIMIR),
            ("tempo", &upstream::TEMPO),
            ("rustfs", &upstream::RUSTFS),
            ("monitor", &upstream::MONITOR_HUB),
        ];
        for (release, chart) in charts {
            let (values, fixed) = (chart.values(json!({})), fixed(release));
            assert!(!fixed.is_empty());
            for (pointer, value) in fixed {
                let own = values.pointer(pointer);
                assert!(own.is_none_or(|own| *own == value), "{release} {pointer}: {own:?}");
            }
        }
    }
}
