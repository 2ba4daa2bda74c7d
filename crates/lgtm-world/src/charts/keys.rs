//! Values that a chart does not know: helm passes over a misspelt key without a word.

use serde_json::Value;

use super::contents::Contents;

/// Settings whose content is the program's own configuration, or Kubernetes', whatever the chart has there
/// itself.
const PASSED_ON: [&str; 13] = [
    "affinity",
    "annotations",
    "config",
    "grafana.ini",
    "labels",
    "livenessProbe",
    "nodeSelector",
    "readinessProbe",
    "resources",
    "securityContext",
    "startupProbe",
    "structuredConfig",
    // Tempo's section of that name, in `storage`.
    "trace",
];

/// A key that is nowhere in the chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownValue {
    /// Where it is, as a JSON pointer.
    pub pointer: String,
    /// The keys that the chart has there.
    pub known: Vec<String>,
}

/// The keys of `values` that the chart knows nothing of.
///
/// A mapping that is empty in the chart is taken to be the user's to fill, and so is what lies below a key
/// that is passed on to a program. What a comment shows is known, where it stands.
pub(super) fn unknown(contents: &Contents, values: &Value) -> Vec<UnknownValue> {
    let mut found = Vec::new();
    walk(contents, values, &contents.defaults, &contents.schema, "", &mut found);
    found
}

fn walk(
    contents: &Contents,
    values: &Value,
    defaults: &Value,
    schema: &Value,
    at: &str,
    found: &mut Vec<UnknownValue>,
) {
    let (Some(values), Some(defaults)) = (values.as_object(), defaults.as_object()) else { return };
    // At its top, a chart without a single default says so, and schemas that were made by a program allow
    // everything there.
    if !at.is_empty() && (defaults.is_empty() || is_open(schema)) {
        return;
    }
    for (key, value) in values {
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        let described = schema.get("properties").and_then(|properties| properties.get(key));
        match defaults.get(key) {
            Some(_) if PASSED_ON.contains(&key.as_str()) => {}
            Some(default) => {
                walk(contents, value, default, described.unwrap_or(&Value::Null), &pointer, found);
            }
            None if described.is_some() || key == "global" || contents.mentioned.contains(&pointer) => {}
            None => found.push(UnknownValue { pointer, known: defaults.keys().cloned().collect() }),
        }
    }
}

/// Whether the schema says that any key may stand here.
fn is_open(schema: &Value) -> bool {
    matches!(schema.get("additionalProperties"), Some(Value::Bool(true) | Value::Object(_)))
        || schema.get("patternProperties").is_some()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::{super::contents, *};

    fn write(folder: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    fn chart(folder: &Path) {
        let values = "replicas: 1\nserver:\n  port: 80\n  # tls: {}\n  extra: {}\n  resources: {limits: {}}\n  \
                      livenessProbe: {httpGet: {}}\n\
                      cache:\n  own: true\n";
        let chart = "name: app\nversion: 1.0.0\ndependencies:\n  - {name: redis, alias: cache}\n";
        let schema = r#"{"properties": {"server": {"properties": {"hidden": {}}}, "open": {}}}"#;
        write(
            folder,
            &[
                ("Chart.yaml", chart),
                ("values.yaml", values),
                ("values.schema.json", schema),
                ("templates/a.yaml", ""),
                ("charts/unlisted/Chart.yaml", "name: unlisted\nversion: 1.0.0\n"),
                ("charts/unlisted/values.yaml", "on: true\n"),
                ("charts/redis/Chart.yaml", "name: redis\nversion: 2.0.0\n"),
                ("charts/redis/values.yaml", "size: 1\nauth:\n  user: a\n# tls: {}\n#  ca: a\nlast: 1\n"),
            ],
        );
    }

    fn pointers(path: &Path) -> Vec<String> {
        let values = json!({
            "global": {"any": 1},
            "replica": 2,
            "open": {"any": 1},
            "server": {"prot": 80, "tls": {}, "auth": {"user": "c"}, "hidden": 1, "extra": {"any": 1}, "resources": {"requests": {}},
                "livenessProbe": {"failureThreshold": 12}},
            "unlisted": {"on": false, "of": true},
            "cache": {"own": false, "size": 2, "sise": 2, "auth": {"usr": "b"}, "tls": {}},
            "tls": {},
        });
        let contents = contents::read(path).unwrap();
        unknown(&contents, &values).into_iter().map(|found| found.pointer).collect()
    }

    #[test]
    fn misspelt_keys_are_found_at_any_depth_and_in_dependencies() {
        let folder = tempfile::tempdir().unwrap();
        chart(folder.path());
        assert_eq!(
            pointers(folder.path()),
            [
                "/cache/auth/usr",
                "/cache/sise",
                "/replica",
                "/server/auth",
                "/server/prot",
                "/tls",
                "/unlisted/of"
            ]
        );
    }

    #[test]
    fn a_package_says_what_its_folder_says() {
        let folder = tempfile::tempdir().unwrap();
        chart(&folder.path().join("app"));
        let packed = folder.path().join("app-1.0.0.tgz");
        let encoder = flate2::write::GzEncoder::new(
            std::fs::File::create(&packed).unwrap(),
            flate2::Compression::default(),
        );
        let mut archive = tar::Builder::new(encoder);
        archive.append_dir_all("app", folder.path().join("app")).unwrap();
        archive.into_inner().unwrap().finish().unwrap();
        assert_eq!(pointers(&packed), pointers(&folder.path().join("app")));
    }

    #[test]
    fn what_the_chart_has_is_told_with_it() {
        let folder = tempfile::tempdir().unwrap();
        chart(folder.path());
        let contents = contents::read(folder.path()).unwrap();
        let [found] = &unknown(&contents, &json!({"server": {"prot": 1}}))[..] else { panic!() };
        assert_eq!(found.known, ["extra", "livenessProbe", "port", "resources"]);
    }
}
