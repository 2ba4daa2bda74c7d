//! What a container finds when it is started: words, variables and files, as the objects around it say.
//!
//! What only a cluster can give is a placeholder. Nothing is written here, and no program is known.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::rendered::{Object, Rendered, at, list, text};

/// Where every container finds its account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Where the operator puts a collector's configuration.
const COLLECTOR: &str = "/conf/collector.yaml";

/// A file of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum File {
    /// As it was rendered.
    Text(String),
    /// Any certificate.
    Certificate,
    /// The key of that certificate.
    Key,
    /// Anything else that is secret.
    Word,
}

impl File {
    /// What stands for a file of a Secret, which the render does not show.
    fn secret(name: &str) -> Self {
        match name.rsplit('.').next() {
            Some("crt" | "pem") => Self::Certificate,
            Some("key") => Self::Key,
            _ => Self::Word,
        }
    }
}

/// A container, as its program sees it.
#[derive(Clone, Debug)]
pub(super) struct Container {
    /// How the report calls it.
    pub(super) line: String,
    /// How many other containers have all the same.
    pub(super) alike: usize,
    /// The last part of the image's name, and its tag.
    pub(super) image: String,
    pub(super) tag: String,
    pub(super) words: Vec<String>,
    pub(super) variables: BTreeMap<String, String>,
    /// Whether there are variables whose names only a Secret tells.
    pub(super) more_variables: bool,
    /// Paths below which there is something, or where a file is.
    pub(super) mounts: BTreeSet<String>,
    pub(super) files: BTreeMap<String, File>,
}

impl Container {
    /// Equal for containers whose programs find the same.
    pub(super) fn identity(&self) -> String {
        let Self { line: _, alike: _, image, tag, words, variables, more_variables, mounts, files } = self;
        format!("{image} {tag} {words:?} {variables:?} {more_variables} {mounts:?} {files:?}")
    }

    /// The report's name for it.
    pub(super) fn title(&self) -> String {
        if self.alike == 0 { self.line.clone() } else { format!("{} (+{} alike)", self.line, self.alike) }
    }
}

/// The containers of all workloads.
pub(super) fn all(source: &Rendered) -> Vec<Container> {
    let mut containers = Vec::new();
    for object in source.objects() {
        if at(&object.value, "/kind") == "OpenTelemetryCollector" {
            containers.push(collector(source, object));
        }
        let spec = at(&object.value, "/spec");
        for pod in [at(spec, "/template/spec"), at(spec, "/jobTemplate/spec/template/spec")] {
            let found = list(pod, "/initContainers").chain(list(pod, "/containers"));
            containers.extend(found.map(|container| of(source, object, pod, container)));
        }
    }
    containers
}

fn of(source: &Rendered, object: &Object, pod: &Value, container: &Value) -> Container {
    let image = text(container, "/image");
    let name = image.rsplit('/').next().unwrap_or_default();
    let (name, tag) = name.split_once(':').unwrap_or((name, ""));
    let (variables, more_variables) = variables(container);
    let words = list(container, "/command").chain(list(container, "/args"));
    let words = words.filter_map(Value::as_str).map(|word| expanded(word, &variables)).collect();
    let mut files = BTreeMap::new();
    let mut mounts = BTreeSet::from([ACCOUNT.to_owned()]);
    files.insert(format!("{ACCOUNT}/token"), File::Word);
    files.insert(format!("{ACCOUNT}/ca.crt"), File::Certificate);
    for mount in list(container, "/volumeMounts") {
        let path = text(mount, "/mountPath").trim_end_matches('/').to_owned();
        let mut volumes = list(pod, "/volumes");
        let volume = volumes.find(|volume| at(volume, "/name") == at(mount, "/name")).unwrap_or(&Value::Null);
        for (name, file) in contents(source, object, volume) {
            match at(mount, "/subPath").as_str() {
                None => files.insert(format!("{path}/{name}"), file),
                Some(sub) if sub == name => files.insert(path.clone(), file),
                Some(_) => None,
            };
        }
        mounts.insert(path);
    }
    let line = source.line(object, text(container, "/name"));
    let (image, tag) = (name.to_owned(), tag.to_owned());
    Container { line, alike: 0, image, tag, words, variables, more_variables, mounts, files }
}

/// The collector that the operator makes of a definition, which has the fields of a container and of a pod at once.
fn collector(source: &Rendered, object: &Object) -> Container {
    let spec = at(&object.value, "/spec");
    let mut container = of(source, object, spec, spec);
    container.words = vec![format!("--config={COLLECTOR}")];
    container.files.insert(COLLECTOR.to_owned(), File::Text(at(spec, "/config").to_string()));
    container.mounts.insert(COLLECTOR.to_owned());
    container
}

/// The files of a volume, by their paths in it. What is not rendered as an object is empty.
fn contents(source: &Rendered, object: &Object, volume: &Value) -> Vec<(String, File)> {
    let mut files = Vec::new();
    let parts = at(volume, "/projected/sources").as_array();
    for part in std::iter::once(volume).chain(parts.into_iter().flatten()) {
        let map = at(part, "/configMap");
        let found = at(map, "/name").as_str().and_then(|name| source.find(object, "ConfigMap", name));
        for (key, text) in found.and_then(|found| at(found, "/data").as_object()).into_iter().flatten() {
            let text = File::Text(text.as_str().unwrap_or_default().to_owned());
            files.extend(named(at(map, "/items"), key).map(|path| (path, text)));
        }
        let secret = at(part, "/secret");
        if secret.is_object() {
            let items = list(secret, "/items");
            let mut keys: Vec<&str> = items.filter_map(|item| at(item, "/key").as_str()).collect();
            if keys.is_empty() {
                keys.extend(["tls.crt", "tls.key", "ca.crt"]);
            }
            let paths = keys.into_iter().filter_map(|key| named(at(secret, "/items"), key));
            files.extend(paths.map(|path| (path.clone(), File::secret(&path))));
        }
    }
    files
}

/// Where the file of a key is: a list of items chooses and names, and without one there is every key.
fn named(items: &Value, key: &str) -> Option<String> {
    let Some(items) = items.as_array() else { return Some(key.to_owned()) };
    let item = items.iter().find(|item| at(item, "/key") == key)?;
    at(item, "/path").as_str().map(str::to_owned)
}

/// The variables that are named, and whether there are others.
fn variables(container: &Value) -> (BTreeMap<String, String>, bool) {
    let mut variables = BTreeMap::new();
    for variable in list(container, "/env") {
        let from = at(variable, "/valueFrom");
        let value = match (at(variable, "/value").as_str(), at(from, "/fieldRef/fieldPath").as_str()) {
            (Some(value), _) => expanded(value, &variables),
            (None, Some(field)) if field.ends_with("IP") => "127.0.0.1".to_owned(),
            (None, Some(_)) => "here".to_owned(),
            (None, None) if at(from, "/resourceFieldRef").is_object() => "1000000000".to_owned(),
            (None, None) => "placeholder".to_owned(),
        };
        variables.insert(text(variable, "/name").to_owned(), value);
    }
    (variables, at(container, "/envFrom").as_array().is_some_and(|sources| !sources.is_empty()))
}

/// `$(NAME)`, as Kubernetes puts variables into words.
fn expanded(word: &str, variables: &BTreeMap<String, String>) -> String {
    variables.iter().fold(word.to_owned(), |word, (name, value)| word.replace(&format!("$({name})"), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_finds_what_its_pod_mounts() {
        let map = json!({
            "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "logs"},
            "data": {"a.yaml": "path: /etc/app/tls", "b.yaml": "b"},
        });
        let pods = json!({"kind": "Deployment", "metadata": {"name": "app", "namespace": "logs"}, "spec": {"template": {"spec": {
            "containers": [{
                "name": "app", "image": "registry:5000/grafana/loki:3.7.6", "args": ["-ip=$(POD_IP)"],
                "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                "envFrom": [{"secretRef": {"name": "keys"}}],
                "volumeMounts": [
                    {"name": "all", "mountPath": "/etc/app/"},
                    {"name": "one", "mountPath": "/config.yaml", "subPath": "b.yaml"},
                    {"name": "none", "mountPath": "/data"},
                ],
            }],
            "volumes": [
                {"name": "all", "projected": {"sources": [
                    {"configMap": {"name": "settings", "items": [{"key": "a.yaml", "path": "x/a.yaml"}]}},
                    {"secret": {"name": "made", "items": [{"key": "tls.key", "path": "tls/tls.key"}]}},
                ]}},
                {"name": "one", "configMap": {"name": "settings"}},
                {"name": "none", "emptyDir": {}},
            ],
        }}}});
        let source = Rendered::of("test", &[map, pods]);
        let found = all(&source);
        let [container] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((container.image.as_str(), container.tag.as_str()), ("loki", "3.7.6"));
        assert_eq!(container.words, ["-ip=127.0.0.1"]);
        assert!(container.more_variables && container.mounts.contains("/data"));
        let text = |text: &str| File::Text(text.to_owned());
        assert_eq!(container.files["/etc/app/x/a.yaml"], text("path: /etc/app/tls"));
        assert_eq!(container.files["/etc/app/tls/tls.key"], File::Key);
        assert_eq!(container.files["/config.yaml"], text("b"));
        assert_eq!(container.files.keys().filter(|path| !path.starts_with(ACCOUNT)).count(), 3);
    }

    #[test]
    fn a_collectors_definition_is_a_container() {
        let definition = json!({
            "kind": "OpenTelemetryCollector", "metadata": {"name": "it", "namespace": "logs"},
            "spec": {"image": "otel/opentelemetry-collector-contrib:0.158.0", "config": {"receivers": {"otlp": {}}}},
        });
        let found = all(&Rendered::of("test", &[definition]));
        let [container] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(container.words, ["--config=/conf/collector.yaml"]);
        assert_eq!(container.files[COLLECTOR], File::Text(r#"{"receivers":{"otlp":{}}}"#.to_owned()));
    }
}
