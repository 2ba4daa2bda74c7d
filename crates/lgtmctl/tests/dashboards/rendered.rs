//! What the quickstart topology renders to, by the program itself with the real helm. The demo application whose chart
//! is our own is added to it.
//!
//! Rendered once for all tests; no cluster is made or asked.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
    sync::LazyLock,
};

use serde_json::{Map, Value};

use crate::{board::list, tools::tools};

/// The objects, once.
pub(crate) static RENDERED: LazyLock<Rendered> = LazyLock::new(Rendered::of_the_quickstart);

/// The clusters of the quickstart, by what they are.
pub(crate) const HUB: &str = "lgtm-central";
pub(crate) const TRADITIONAL: &str = "lgtm-remote";
pub(crate) const ALLOY: &str = "lgtm-remote-alloy";
pub(crate) const OTEL: &str = "lgtm-remote-otel";

/// Objects by cluster and unit.
pub(crate) struct Rendered(BTreeMap<(String, String), Vec<Value>>);

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Values of ours for an upstream chart.
pub(crate) fn values(file: &str) -> Value {
    let text = std::fs::read_to_string(repository().join("charts-values").join(file)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

impl Rendered {
    fn of_the_quickstart() -> Self {
        let place = tempfile::tempdir().unwrap();
        let quickstart = std::fs::read_to_string(repository().join("examples/quickstart.yaml")).unwrap();
        let with_demo = |text: String, scenario: &str| {
            let scenario = format!("      scenario: {scenario}\n");
            text.replace(&scenario, &format!("{scenario}      demo: tns\n"))
        };
        let topology = ["traditional", "alloy"].into_iter().fold(quickstart, with_demo);
        std::fs::write(place.path().join("topology.yaml"), topology).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lgtmctl"));
        command.env_clear().env("HOME", place.path()).env("LGTMCTL_TOOLS", tools());
        command.current_dir(place.path()).stdin(Stdio::null()).args(["render", "--all", "--to", "out"]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut objects: BTreeMap<_, Vec<Value>> = BTreeMap::new();
        for (cluster, folder) in entries(&place.path().join("out")) {
            for (unit, folder) in entries(&folder) {
                let read = |(_, file): (String, std::path::PathBuf)| {
                    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
                };
                objects.insert((cluster.clone(), unit), entries(&folder).map(read).collect());
            }
        }
        Self(objects)
    }

    /// The one object of a unit that answers.
    fn the(&self, cluster: &str, unit: &str, is: impl Fn(&Value) -> bool) -> &Value {
        let objects = self.0.get(&(cluster.to_owned(), unit.to_owned()));
        let objects = objects.unwrap_or_else(|| panic!("{cluster}/{unit} is not rendered"));
        objects
            .iter()
            .find(|object| is(object))
            .unwrap_or_else(|| panic!("{cluster}/{unit} has no such object"))
    }

    /// The data of a ConfigMap.
    pub(crate) fn data(&self, cluster: &str, unit: &str, name: &str) -> &Map<String, Value> {
        let is = |object: &Value| object["kind"] == "ConfigMap" && object["metadata"]["name"] == name;
        self.the(cluster, unit, is)["data"].as_object().unwrap()
    }

    /// All texts of a unit's ConfigMaps.
    pub(crate) fn configuration(&self, cluster: &str, unit: &str) -> String {
        let objects = &self.0.get(&(cluster.to_owned(), unit.to_owned()));
        let objects = objects.unwrap_or_else(|| panic!("{cluster}/{unit} is not rendered")).iter();
        let maps = objects.filter(|object| object["kind"] == "ConfigMap");
        let texts = maps.flat_map(|map| map["data"].as_object().unwrap().values());
        texts.map(|text| text.as_str().unwrap()).collect::<Vec<_>>().join("\n")
    }

    /// The template of a unit's pods, where it has one workload.
    pub(crate) fn pod(&self, cluster: &str, unit: &str) -> &Value {
        let pods = self.pods(cluster, unit);
        assert_eq!(pods.len(), 1, "{cluster}/{unit}");
        pods[0]
    }

    /// The templates of a unit's pods.
    pub(crate) fn pods(&self, cluster: &str, unit: &str) -> Vec<&Value> {
        let objects = self.0.get(&(cluster.to_owned(), unit.to_owned()));
        let objects = objects.unwrap_or_else(|| panic!("{cluster}/{unit} is not rendered"));
        let workload = |object: &&Value| {
            ["Deployment", "StatefulSet", "DaemonSet"].iter().any(|kind| object["kind"] == *kind)
        };
        objects.iter().filter(workload).map(|object| &object["spec"]["template"]).collect()
    }
}

/// The ports that a pod's containers name.
pub(crate) fn ports(pod: &Value) -> Vec<u64> {
    let ports = list(pod, "/spec/containers").iter().flat_map(|container| list(container, "/ports"));
    ports.filter_map(|port| port["containerPort"].as_u64()).collect()
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> impl Iterator<Item = (String, std::path::PathBuf)> + use<> {
    std::fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), entry.path())
    })
}
