//! Our own charts with every set of values in their `ci` folders, and what they render for the pods of others.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::tools::tools;

fn charts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts")
}

fn helm(home: &Path) -> Command {
    let mut helm = Command::new(tools().join("helm"));
    helm.env("HOME", home);
    helm
}

/// What a chart renders with one of its sets of values, with its pods and without.
fn both_ways(chart: &str, values: &str) -> (Vec<Value>, Vec<Value>) {
    let render = |pods: bool| {
        let home = tempfile::tempdir().unwrap();
        let folder = charts().join(chart);
        let mut helm = helm(home.path());
        helm.args(["template", "it", "--namespace", "observability", "--values"]);
        helm.arg(folder.join(format!("ci/{values}-values.yaml"))).arg(&folder);
        let said = helm.arg(format!("--set=workload.enabled={pods}")).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let objects: Vec<Value> =
            serde_saphyr::from_multiple(std::str::from_utf8(&said.stdout).unwrap()).unwrap();
        objects
    };
    (render(true), render(false))
}

fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    let one = found.next().unwrap();
    assert!(found.next().is_none(), "more than one {kind}");
    one
}

fn without_entry(list: &Value, key: &str, entry: &str) -> Value {
    let list = list.as_array().unwrap().iter();
    let rest: Vec<&Value> = list.filter(|found| *found != entry && found[key] != entry).collect();
    json!(rest)
}

#[test]
fn every_set_of_values_lints() {
    let home = tempfile::tempdir().unwrap();
    let mut linted = 0;
    for chart in charts().read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        // A chart without such a folder has no values that it cannot do without.
        let sets = chart.join("ci").read_dir().into_iter().flatten().map(|entry| entry.unwrap().path());
        for values in sets {
            let mut helm = helm(home.path());
            let said = helm.args(["lint", "--strict", "--values"]).arg(&values).arg(&chart).output().unwrap();
            let text = String::from_utf8_lossy(&said.stdout);
            assert!(said.status.success(), "{}: {text}", values.display());
            linted += 1;
        }
    }
    assert!(linted >= 20, "only {linted} sets of values were found");
}

/// What `cargo xtask verify-configs` finds in every chart; here in ours, in every run.
#[test]
fn images_stay_what_they_are_and_init_containers_end() {
    let home = tempfile::tempdir().unwrap();
    let (mut images, mut inits) = (0, 0);
    for chart in charts().read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        let sets = chart.join("ci").read_dir().into_iter().flatten().map(|entry| Some(entry.unwrap().path()));
        let sets: Vec<Option<PathBuf>> = sets.collect();
        for values in if sets.is_empty() { vec![None] } else { sets } {
            let mut helm = helm(home.path());
            helm.args(["template", "it", "--namespace", "observability"]).arg(&chart);
            let said = helm.args(values.iter().flat_map(|values| [Path::new("--values"), values])).output();
            let said = said.unwrap();
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            let objects: Vec<Value> =
                serde_saphyr::from_multiple(std::str::from_utf8(&said.stdout).unwrap()).unwrap();
            for pod in objects.iter().map(|object| &object["spec"]["template"]["spec"]) {
                let list = |key: &str| pod[key].as_array().cloned().unwrap_or_default();
                for container in list("initContainers") {
                    let ends = container["command"].is_array() || container["restartPolicy"] == "Always";
                    assert!(ends, "{}: {}", chart.display(), container["name"]);
                    inits += 1;
                }
                for container in list("containers").into_iter().chain(list("initContainers")) {
                    let image = container["image"].as_str().unwrap();
                    let tag = image.rsplit('/').next().unwrap().split_once(':').map(|(_, tag)| tag);
                    let fixed =
                        tag.is_some_and(|tag| tag.starts_with(|first: char| first.is_ascii_alphanumeric()));
                    assert!(fixed && !["latest", "stable", "main"].contains(&tag.unwrap()), "{image}");
                    images += 1;
                }
            }
        }
    }
    assert!(images > 20 && inits > 0, "{images} images and {inits} init containers were found");
}

#[test]
fn what_agents_are_configured_from_is_all_in_the_digest_that_rolls_them() {
    for (chart, known) in lgtm_planner::catalog::configuration::sources() {
        let mut found = vec!["values.yaml".to_owned()];
        for folder in ["templates", "files"] {
            let files = charts().join(chart).join(folder).read_dir().into_iter().flatten();
            let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
            let matter = names.filter(|name| folder == "files" || name.starts_with('_'));
            found.extend(matter.map(|name| format!("{folder}/{name}")));
        }
        found.sort();
        assert_eq!(known, found, "{chart}");
    }
}

#[test]
fn pods_of_another_chart_have_the_same_configuration_and_permissions() {
    for (chart, values) in [
        ("alloy", "daemonset"),
        ("alloy", "deployment"),
        ("alloy", "traces"),
        ("vector", "gateway"),
        ("fluent-bit", "gateway"),
    ] {
        let (with, without) = both_ways(chart, values);
        let kinds = ["ConfigMap", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"];
        let same: Vec<&Value> =
            with.iter().filter(|object| kinds.iter().any(|kind| object["kind"] == *kind)).collect();
        assert_eq!(same.len(), kinds.len(), "{chart} {values}");
        assert_eq!(without.iter().collect::<Vec<_>>(), same, "{chart} {values}");
    }
}

#[test]
fn vector_without_pods_of_its_own_takes_no_weaker_check_of_the_gateway() {
    let home = tempfile::tempdir().unwrap();
    let folder = charts().join("vector");
    let mut helm = helm(home.path());
    helm.arg("template").arg(&folder).arg("--generate-name");
    helm.arg("--values").arg(folder.join("ci/host-name-values.yaml")).arg("--set=workload.enabled=false");
    let said = helm.output().unwrap();
    let complaint = String::from_utf8_lossy(&said.stderr);
    assert!(!said.status.success() && complaint.contains("ship logs with fluent-bit"), "{complaint}");
}

#[test]
fn the_operator_makes_collectors_as_the_charts_own_pods_are() {
    for (role, kind) in [("daemonset", "DaemonSet"), ("statefulset", "StatefulSet")] {
        let (with, without) = both_ways("otel-collector", role);
        let pod = &only(&with, kind)["spec"]["template"]["spec"];
        let own = &pod["containers"][0];
        let collector = &only(&without, "OpenTelemetryCollector")["spec"];

        let text = only(&with, "ConfigMap")["data"]["config.yaml"].as_str().unwrap();
        let wanted: Value = serde_saphyr::from_str(text).unwrap();
        let mut config = collector["config"].clone();
        if let Some(excluded) = config.pointer_mut("/receivers/file_log/exclude") {
            // The only difference: a collector must not read its own lines, and the operator names it otherwise.
            *excluded = without_entry(excluded, "", "/var/log/pods/*/otc-container/*.log");
        }
        assert_eq!(config, wanted, "{role}");

        for field in ["image", "env", "resources", "securityContext"] {
            assert_eq!(collector[field], own[field], "{role} {field}");
        }
        assert_eq!(collector["podSecurityContext"], pod["securityContext"], "{role}");
        assert_eq!(collector["tolerations"], pod["tolerations"], "{role}");
        assert_eq!(collector["serviceAccount"], pod["serviceAccountName"], "{role}");
        // Where one kind of pods follows the other, both are there for a while, and each locks its files.
        let volumes = without_entry(&pod["volumes"], "name", "config").to_string();
        let volumes = volumes.replace("/var/lib/otel-collector\"", "/var/lib/otel-collector-operated\"");
        assert_eq!(collector["volumes"].to_string(), volumes, "{role}");
        assert_eq!(
            collector["volumeMounts"],
            without_entry(&own["volumeMounts"], "name", "config"),
            "{role}"
        );

        let ports = |objects: &[Value]| -> Vec<Value> {
            let service = only(objects, "Service");
            assert_eq!(service["metadata"]["name"], "it");
            service["spec"]["ports"].as_array().unwrap().iter().map(|port| port["port"].clone()).collect()
        };
        assert_eq!(ports(&with), ports(&without), "{role}");
    }
}

#[test]
fn the_target_allocator_follows_all_monitors_with_an_account_of_its_own() {
    let (_, objects) = both_ways("otel-collector", "statefulset");
    let allocator = &only(&objects, "OpenTelemetryCollector")["spec"]["targetAllocator"];
    assert_eq!(allocator["enabled"], true);
    let monitors = &allocator["prometheusCR"];
    // An empty selector takes all of them, and none would take none.
    for (field, wanted) in
        [("enabled", json!(true)), ("serviceMonitorSelector", json!({})), ("podMonitorSelector", json!({}))]
    {
        assert_eq!(monitors.get(field), Some(&wanted), "{field}");
    }
    let account = &allocator["serviceAccount"];
    let named = |kind: &str| {
        objects
            .iter()
            .find(|object| object["kind"] == kind && object["metadata"]["name"] == *account)
            .unwrap()
    };
    assert_eq!(named("ServiceAccount")["metadata"]["namespace"], "observability");
    assert_eq!(named("ClusterRoleBinding")["subjects"][0]["name"], *account);
    assert_eq!(named("ClusterRoleBinding")["roleRef"]["name"], *account);
    let rules = named("ClusterRole")["rules"].to_string();
    for resource in ["servicemonitors", "podmonitors", "namespaces", "pods", "services", "endpointslices"] {
        assert!(rules.contains(&format!("\"{resource}\"")), "{resource} is not in {rules}");
    }
    assert!(!rules.contains("secrets"), "{rules}");
}
