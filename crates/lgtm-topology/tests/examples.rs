//! The examples are valid, complete, and agree with the schema that is checked in.

use std::collections::BTreeSet;

use lgtm_topology::{AdminPassword, ClusterName, Hours, LogShipper, Provider, Scenario, json_schema, parse};
use serde_json::Value;

const QUICKSTART: &str = include_str!("../../../examples/quickstart.yaml");
const EXAMPLE: &str = include_str!("../../../topology.example.yaml");
const SCHEMA: &str = include_str!("../../../schemas/topology.schema.json");

#[test]
fn quickstart_is_valid() {
    let parsed = parse("quickstart.yaml", QUICKSTART);
    assert_eq!(parsed.diagnostics, []);
    let topology = parsed.topology.expect("a topology");
    assert_eq!(topology.name.as_str(), "quickstart");
    let names: Vec<_> = topology.clusters().map(|cluster| cluster.name.as_str()).collect();
    assert_eq!(names, ["lgtm-central", "lgtm-remote", "lgtm-remote-otel", "lgtm-remote-alloy"]);
    let tenants: Vec<_> = topology.clusters().map(|cluster| cluster.tenant.as_str()).collect();
    assert_eq!(tenants, ["_local", "remote01", "remote03", "remote02"]);
    assert!(topology.clusters().all(|cluster| cluster.provider == Provider::Kwok));
    assert_eq!(topology.clusters().map(|cluster| cluster.workers).collect::<Vec<_>>(), [2, 1, 1, 2]);
    let segment = topology.hub.cluster.segment.expect("the hub's segment");
    assert_eq!(segment.range.to_string(), "172.18.255.248/29");
    assert_eq!(segment.usable().count(), 7);
    assert_eq!(topology.hub.grafana.admin, AdminPassword::Generated);
    let scenarios: Vec<_> = topology.spokes.iter().map(|spoke| spoke.scenario).collect();
    assert_eq!(scenarios, [Scenario::Traditional(LogShipper::Vector), Scenario::Otel, Scenario::Alloy]);
    assert_eq!(topology.retention.metrics, Hours(168));
    let position = topology.positions.clusters[&topology.spokes[1].cluster.name];
    assert_eq!((position.line, position.column), (26, 13));
}

#[test]
fn the_full_example_is_valid() {
    let parsed = parse("topology.example.yaml", EXAMPLE);
    assert_eq!(parsed.diagnostics, []);
    let topology = parsed.topology.expect("a topology");
    assert_eq!(topology.retention.metrics, Hours(336));
    assert_eq!(topology.retention.traces, Hours(72));
    let series: Vec<_> =
        topology.tenants.iter().map(|(name, tenant)| (name.as_str(), tenant.limits.metrics_series)).collect();
    assert_eq!(
        series,
        [("_local", 150_000), ("remote01", 150_000), ("remote02", 2_000_000), ("remote03", 150_000)]
    );
    assert_eq!(
        topology.hub.grafana.admin,
        AdminPassword::Secret { name: "grafana-admin".to_owned(), key: "password".to_owned() }
    );
    assert_eq!(
        topology.spokes[2].cluster.provider,
        Provider::Existing {
            kubeconfig: Some("kubeconfig.yaml".to_owned()),
            context: "production".to_owned()
        }
    );
    let release = &topology.extra_releases[0];
    assert_eq!(release.values.values["replicaCount"], 2);
    assert_eq!(release.needs[0].cluster, None);
    assert_eq!(release.needs[1].cluster.as_ref().map(ClusterName::as_str), Some("lgtm-central"));
    assert_eq!(release.needs[1].unit, "mimir");
}

#[test]
fn the_hub_of_the_large_profile_may_have_more_series_unless_the_file_says_otherwise() {
    let series = |more: &str| {
        let text = format!(
            "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: t}}\nspec:\n  \
             provider: {{kwok: {{}}}}\n  hub: {{name: h, segment: 248/29}}\n  \
             spokes: [{{name: s, tenant: t, scenario: alloy}}]\n  {more}\n"
        );
        let parsed = parse("large", &text);
        let topology = parsed.topology.unwrap_or_else(|| panic!("{more}: {:?}", parsed.diagnostics));
        let of = |name: &str| topology.tenants[&lgtm_topology::TenantId::new(name)].limits.metrics_series;
        (of("_local"), of("t"))
    };
    assert_eq!(series(""), (150_000, 150_000));
    assert_eq!(series("profile: distributed"), (1_000_000, 150_000));
    let all = "profile: distributed\n  limits: {metricsSeries: 70000}";
    assert_eq!(series(all), (70_000, 70_000));
    let others = "profile: distributed\n  limits: {logsStreams: 5}";
    assert_eq!(series(others), (1_000_000, 150_000));
    let own = "profile: distributed\n  tenants: [{name: _local, limits: {metricsSeries: 80000}}]";
    assert_eq!(series(own), (80_000, 150_000));
    let own = "profile: distributed\n  tenants: [{name: _local, limits: {logsStreams: 5}}]";
    assert_eq!(series(own), (1_000_000, 150_000));
}

/// The fields of a schema as `spec.hub.name`, through lists.
fn fields(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Some(items) = schema.get("items") {
        fields(items, path, found);
    }
    for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        fields(property, &path, found);
        found.insert(path);
    }
}

#[test]
fn the_full_example_mentions_every_field_of_the_schema() {
    let mut all = BTreeSet::new();
    fields(&json_schema(), "", &mut all);
    assert!(all.len() > 60, "the schema lost its fields: {all:?}");
    // The last part of each path, as a key or in a comment, is a rough measure, but none can be forgotten.
    let missing: Vec<_> = all
        .iter()
        .filter(|path| {
            let key = path.rsplit('.').next().unwrap_or(path);
            !EXAMPLE.lines().any(|line| line.contains(&format!("{key}:")))
        })
        .collect();
    assert!(missing.is_empty(), "not in topology.example.yaml: {missing:?}");
}

/// A document in which the path leads to the given value, through lists where the schema has them.
fn document(schema: &Value, path: &[&str], value: &str) -> String {
    let Some((key, rest)) = path.split_first() else { return value.to_owned() };
    if let Some(items) = schema.get("items") {
        return format!("[{}]", document(items, path, value));
    }
    format!(
        "{{{key}: {}}}",
        document(schema.pointer(&format!("/properties/{key}")).unwrap_or(&Value::Null), rest, value)
    )
}

#[test]
fn the_decoder_knows_every_field_of_the_schema_and_no_other() {
    let schema = json_schema();
    let mut all = BTreeSet::new();
    fields(&schema, "", &mut all);
    let unknown = |text: &str| {
        let parsed = parse("generated", text);
        parsed.diagnostics.iter().filter(|found| found.code.as_str() == "topology::unknown-field").count()
    };
    for path in &all {
        let mut keys: Vec<_> = path.split('.').collect();
        assert_eq!(unknown(&document(&schema, &keys, "null")), 0, "{path}");
        keys.push("zzzzzz");
        // Below a scalar or free-form values there are no fields.
        let parent = path.split('.').fold(&schema, |schema, key| {
            let schema = schema.get("items").unwrap_or(schema);
            &schema["properties"][key]
        });
        let parent = parent.get("items").unwrap_or(parent);
        if parent.get("additionalProperties") == Some(&Value::Bool(false)) {
            let text = document(&schema, &keys, "1");
            assert_eq!(unknown(&text), 1, "{text}");
        }
    }
}

#[test]
fn defaults_of_the_schema_are_those_of_the_decoder() {
    let minimal = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\n\
                   spec:\n  provider: {kwok: {}}\n  hub: {name: h, segment: 248/29}\n";
    let short = parse("minimal", minimal).topology.expect("a topology");
    let schema = json_schema();
    let spec = &schema["properties"]["spec"]["properties"];
    let default = |of: &Value, key: &str| of["properties"][key]["default"].to_string();
    let explicit = format!(
        "{minimal}  profile: {}\n  mesh: {{type: {}}}\n  retention: {{metrics: {}, logs: {}, traces: {}}}\n  limits:\n{}",
        spec["profile"]["default"],
        default(&spec["mesh"], "type"),
        default(&spec["retention"], "metrics"),
        default(&spec["retention"], "logs"),
        default(&spec["retention"], "traces"),
        spec["limits"]["properties"]
            .as_object()
            .expect("limits")
            .iter()
            .map(|(key, limit)| format!("    {key}: {}\n", limit["default"]))
            .collect::<String>(),
    );
    let workers = default(&spec["hub"], "workers");
    let tenant = default(&spec["hub"], "tenant");
    let explicit =
        explicit.replace("{name: h,", &format!("{{name: h, workers: {workers}, tenant: {tenant},"));
    let parsed = parse("explicit", &explicit);
    assert_eq!(parsed.diagnostics, [], "{explicit}");
    assert_eq!(serde_json::to_value(parsed.topology).ok(), serde_json::to_value(Some(short)).ok());
}

#[test]
fn the_schema_that_is_checked_in_is_current() {
    let checked_in: Value = serde_json::from_str(SCHEMA).expect("schemas/topology.schema.json is JSON");
    assert!(checked_in == json_schema(), "schemas/topology.schema.json is stale; run `cargo xtask generate`");
}

/// A topology with many spokes, each with networks of its own.
fn large(spokes: usize) -> String {
    let head = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: large}\nspec:\n  \
                provider: {kwok: {}}\n  hub: {name: hub, segment: 248/29}\n  spokes:\n";
    let spoke = |spoke: usize| {
        let (high, low) = (spoke / 128, spoke % 128 * 2);
        format!(
            "    - name: spoke-{spoke}\n      tenant: tenant-{spoke}\n      scenario: alloy\n      \
             podCIDR: 10.{high}.{low}.0/23\n      serviceCIDR: 11.{high}.{low}.0/24\n"
        )
    };
    head.to_owned() + &(0..spokes).map(spoke).collect::<String>()
}

#[test]
fn a_thousand_spokes_with_networks_of_their_own_are_valid() {
    let parsed = parse("large.yaml", &large(1_000));
    assert_eq!(parsed.diagnostics, []);
    let topology = parsed.topology.expect("a topology");
    let names: BTreeSet<_> = topology.clusters().map(|cluster| cluster.name.clone()).collect();
    let tenants: BTreeSet<_> = topology.clusters().map(|cluster| cluster.tenant.clone()).collect();
    assert_eq!((names.len(), tenants.len()), (1_001, 1_001));
}
