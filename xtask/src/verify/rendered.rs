//! What the examples and our own charts render to.
//!
//! Examples are rendered by lgtmctl itself, as this checkout builds it. What is in a Secret is not there: lgtmctl does
//! not write it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use super::Options;

/// An object, and where it is.
pub(super) struct Object {
    pub(super) cluster: String,
    pub(super) unit: String,
    pub(super) value: Value,
}

/// Everything that one topology, or one chart with one set of values, renders to.
pub(super) struct Rendered {
    /// How the report calls it.
    pub(super) name: String,
    objects: Vec<Object>,
    /// What each unit of a topology needs before anything is rendered, as `cluster/unit`. Nothing for a chart.
    pub(super) needs: BTreeMap<String, BTreeSet<String>>,
    /// The Secrets that lgtmctl makes, as `cluster/namespace/name`.
    pub(super) secrets: BTreeSet<String>,
}

impl Rendered {
    #[cfg(test)]
    pub(super) fn of(name: &str, values: &[Value]) -> Self {
        let object =
            |value: &Value| Object { cluster: "hub".into(), unit: "unit".into(), value: value.clone() };
        let objects = values.iter().map(object).collect();
        Self { name: name.to_owned(), objects, needs: BTreeMap::new(), secrets: BTreeSet::new() }
    }

    /// Gives an object to another unit.
    #[cfg(test)]
    pub(super) fn place(&mut self, object: usize, unit: &str) {
        unit.clone_into(&mut self.objects[object].unit);
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter()
    }

    /// An object of a cluster by kind, namespace and name, whichever unit brings it.
    pub(super) fn find(&self, beside: &Object, kind: &str, name: &str) -> Option<&Value> {
        let namespace = at(&beside.value, "/metadata/namespace");
        let mut objects = self.objects.iter().filter(|object| object.cluster == beside.cluster);
        let found = objects.find(|object| {
            at(&object.value, "/kind") == kind
                && at(&object.value, "/metadata/name") == name
                && at(&object.value, "/metadata/namespace") == namespace
        });
        found.map(|object| &object.value)
    }

    /// How the report names something of an object.
    pub(super) fn line(&self, object: &Object, part: &str) -> String {
        let name = text(&object.value, "/metadata/name");
        let mut words = vec![self.name.clone()];
        if !object.cluster.is_empty() {
            words.push(format!("{}/{}", object.cluster, object.unit));
        }
        words.extend((name != object.unit).then(|| name.to_owned()));
        words.extend((!part.is_empty() && part != name && part != object.unit).then(|| part.to_owned()));
        words.join(" ")
    }
}

/// What is at a pointer, and null where there is nothing.
pub(super) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// The text at a pointer, and nothing where there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    at(value, pointer).as_str().unwrap_or_default()
}

/// The entries of the list at a pointer.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    at(value, pointer).as_array().into_iter().flatten()
}

/// The examples, each with each log shipper.
pub(super) fn examples(options: &Options, folder: &Path) -> io::Result<Vec<Rendered>> {
    let mut rendered = Vec::new();
    for (profile, file) in [("compact", "quickstart.yaml"), ("distributed", "distributed.yaml")] {
        let mirror = match profile {
            "compact" => None,
            _ if options.mirror.is_none() => continue,
            _ => options.mirror.as_deref(),
        };
        for shipper in ["vector", "fluent-bit"] {
            let name = format!("{profile}, {shipper}");
            let place = folder.join("examples").join(profile).join(shipper);
            fs::create_dir_all(&place)?;
            let mut topology = yaml(&options.root.join("examples").join(file))?;
            if let Some(spec) = topology.pointer_mut("/spec").and_then(Value::as_object_mut) {
                spec.insert("logShipper".to_owned(), shipper.into());
            }
            // Every JSON is YAML.
            fs::write(place.join("topology.yaml"), topology.to_string())?;
            if let Some(mirror) = mirror {
                lgtmctl(options, &place, &["lock"], Some(mirror))?;
            }
            lgtmctl(options, &place, &["render", "--all", "--to", "out"], mirror)?;
            let graph = lgtmctl(options, &place, &["graph", "--format", "json"], None)?;
            let graph = serde_json::from_slice(&graph.stdout).map_err(io::Error::other)?;
            let (needs, secrets) = planned(&graph);
            rendered.push(Rendered { name, objects: read(&place.join("out"))?, needs, secrets });
        }
    }
    Ok(rendered)
}

/// What the graph of units says of needs and of Secrets.
fn planned(graph: &Value) -> (BTreeMap<String, BTreeSet<String>>, BTreeSet<String>) {
    let (mut all, mut secrets) = (BTreeMap::new(), BTreeSet::new());
    for unit in list(graph, "/units") {
        let needs = list(unit, "/needs").filter_map(Value::as_str).map(str::to_owned).collect();
        let cluster = text(unit, "/unit").split('/').next().unwrap_or_default();
        let (namespace, name) = (text(unit, "/secret/namespace"), text(unit, "/secret/name"));
        secrets.extend((!name.is_empty()).then(|| format!("{cluster}/{namespace}/{name}")));
        all.insert(text(unit, "/unit").to_owned(), needs);
    }
    (all, secrets)
}

/// Runs lgtmctl in a place.
fn lgtmctl(options: &Options, place: &Path, words: &[&str], mirror: Option<&Path>) -> io::Result<Output> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--locked", "--package", "lgtmctl", "--manifest-path"]);
    command.arg(options.root.join("Cargo.toml")).arg("--").args(words).current_dir(place);
    if let Some(mirror) = mirror {
        command.arg("--chart-mirror").arg(mirror);
    }
    command.env("XDG_CACHE_HOME", place.join("cache")).env("XDG_STATE_HOME", place.join("state"));
    command.env("LGTMCTL_TOOLS", tools(&options.root));
    succeed(&mut command)
}

/// Our own charts with the sets of values in their folders `ci`.
pub(super) fn own_charts(root: &Path, folder: &Path) -> io::Result<Vec<Rendered>> {
    let home = folder.join("helm");
    fs::create_dir_all(&home)?;
    let mut rendered = Vec::new();
    for (chart, place) in entries(&root.join("charts"))? {
        let sets = place.join("ci");
        for (file, values) in if sets.is_dir() { entries(&sets)? } else { Vec::new() } {
            let mut helm = Command::new(tools(root).join("helm"));
            helm.args(["template", &chart]).arg(&place).arg("--values").arg(values).env("HOME", &home);
            helm.args(["--namespace", "observability"]);
            let text = succeed(&mut helm)?.stdout;
            let text = std::str::from_utf8(&text).map_err(io::Error::other)?;
            let values: Vec<Value> = serde_saphyr::from_multiple(text).map_err(io::Error::other)?;
            let object = |value| Object { cluster: String::new(), unit: chart.clone(), value };
            let set = file.trim_end_matches("-values.yaml");
            rendered.push(Rendered {
                name: format!("charts/{chart} {set}"),
                needs: BTreeMap::new(),
                secrets: BTreeSet::new(),
                objects: values.into_iter().filter(|value| !value.is_null()).map(object).collect(),
            });
        }
    }
    Ok(rendered)
}

fn tools(root: &Path) -> PathBuf {
    std::env::var_os("LGTMCTL_TOOLS").map_or_else(|| root.join(".tools/bin"), PathBuf::from)
}

fn succeed(command: &mut Command) -> io::Result<Output> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(output);
    }
    Err(io::Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))))
}

/// Reads a folder of clusters, units and files.
fn read(folder: &Path) -> io::Result<Vec<Object>> {
    let mut objects = Vec::new();
    for (cluster, units) in entries(folder)? {
        for (unit, files) in entries(&units)? {
            for (_, file) in entries(&files)? {
                let (cluster, unit) = (cluster.clone(), unit.clone());
                objects.push(Object { cluster, unit, value: yaml(&file)? });
            }
        }
    }
    Ok(objects)
}

fn yaml(file: &Path) -> io::Result<Value> {
    let text = fs::read_to_string(file)?;
    serde_saphyr::from_str(&text).map_err(|error| io::Error::other(format!("{}: {error}", file.display())))
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    entries.sort();
    Ok(entries)
}
