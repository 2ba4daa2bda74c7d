//! What a chart says of its own values: its defaults with those of its dependencies, what comments mention,
//! and its schema.
//!
//! Charts are folders or packages; a dependency lies in `charts/` as either. The module refuses to judge
//! anybody's values.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read as _},
    path::Path,
};

use flate2::read::GzDecoder;
use lgtm_planner::catalog::upstream::merge;
use serde_json::{Map, Value};

/// What is known of a chart's values.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    /// The default values, those of dependencies below their names.
    pub(super) defaults: Value,
    /// JSON pointers of keys that stand in comments: charts show settings so that have no default.
    pub(super) mentioned: BTreeSet<String>,
    /// The JSON schema of the values, if there is one.
    pub(super) schema: Value,
}

/// The files that matter, by their path in the chart.
type Files = BTreeMap<String, Vec<u8>>;

/// Reads a chart's folder or package.
pub(super) fn read(path: &Path) -> io::Result<Contents> {
    let mut files = Files::new();
    if path.is_dir() {
        folder(path, "", &mut files)?;
    } else {
        files = package(&std::fs::read(path)?)?;
    }
    contents(&files)
}

/// At the top or in `charts/NAME/`, at any depth; not what lies in `templates/` or `ci/`.
fn matters(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folders: Vec<&str> = folders.split('/').filter(|folder| !folder.is_empty()).collect();
    if !folders.iter().step_by(2).all(|folder| *folder == "charts") {
        return false;
    }
    if folders.len().is_multiple_of(2) {
        matches!(name, "Chart.yaml" | "requirements.yaml" | "values.yaml" | "values.schema.json")
    } else {
        name.ends_with(".tgz")
    }
}

fn folder(path: &Path, prefix: &str, files: &mut Files) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?.path();
        let Some(name) = entry.file_name().and_then(|name| name.to_str()) else { continue };
        let inside = format!("{prefix}{name}");
        if entry.is_dir() {
            folder(&entry, &format!("{inside}/"), files)?;
        } else if matters(&inside) {
            files.insert(inside, std::fs::read(&entry)?);
        }
    }
    Ok(())
}

/// A package holds one folder, named after the chart.
fn package(bytes: &[u8]) -> io::Result<Files> {
    let mut files = Files::new();
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let Some((_, inside)) = path.trim_start_matches("./").split_once('/') else { continue };
        if matters(inside) {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            files.insert(inside.to_owned(), content);
        }
    }
    Ok(files)
}

fn contents(files: &Files) -> io::Result<Contents> {
    let text = |name: &str| files.get(name).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
    let own = text("values.yaml");
    let mut defaults = yaml(&own).as_object().cloned().unwrap_or_default();
    let mut mentioned = mentioned(&own);
    let mut wanted = dependencies(&yaml(&text("Chart.yaml")));
    // Charts of the first format list theirs apart.
    wanted.extend(dependencies(&yaml(&text("requirements.yaml"))));
    // helm also takes in what lies there unlisted.
    let unlisted: BTreeSet<&str> = files.keys().filter_map(|path| unpacked(path)).collect();
    for name in unlisted {
        if !wanted.iter().any(|(listed, _)| listed == name) {
            wanted.push((name.to_owned(), name.to_owned()));
        }
    }
    for (name, called) in wanted {
        let inner = dependency(files, &name)?;
        mentioned.extend(inner.mentioned.iter().map(|pointer| format!("/{called}{pointer}")));
        // The chart's own defaults for its dependency go over the dependency's.
        let own = defaults.remove(&called).filter(Value::is_object).unwrap_or_else(|| Map::new().into());
        let mut merged = inner.defaults;
        merge(&mut merged, own);
        defaults.insert(called, merged);
    }
    let schema = serde_json::from_str(&text("values.schema.json")).unwrap_or_default();
    Ok(Contents { defaults: Value::Object(defaults), mentioned, schema })
}

/// The name of the dependency's folder that a file lies in.
fn unpacked(path: &str) -> Option<&str> {
    path.strip_prefix("charts/")?.split_once('/').map(|(name, _)| name)
}

fn dependency(files: &Files, name: &str) -> io::Result<Contents> {
    let folder = format!("charts/{name}/");
    let unpacked: Files = files
        .iter()
        .filter_map(|(path, bytes)| Some((path.strip_prefix(&folder)?.to_owned(), bytes.clone())))
        .collect();
    if !unpacked.is_empty() {
        return contents(&unpacked);
    }
    match files.iter().find(|(path, _)| is_package_of(path, name)) {
        Some((_, bytes)) => contents(&package(bytes)?),
        None => contents(&Files::new()),
    }
}

fn is_package_of(path: &str, name: &str) -> bool {
    let version = path.strip_prefix("charts/").and_then(|file| file.strip_prefix(name)?.strip_prefix('-'));
    version.is_some_and(|version| version.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit()))
}

/// Each dependency's name, and what its values are called.
fn dependencies(chart: &Value) -> Vec<(String, String)> {
    let listed = chart.get("dependencies").and_then(Value::as_array);
    let of = |dependency: &Value| {
        let name = dependency.get("name")?.as_str()?;
        let called = dependency.get("alias").and_then(Value::as_str).unwrap_or(name);
        Some((name.to_owned(), called.to_owned()))
    };
    listed.into_iter().flatten().filter_map(of).collect()
}

/// What cannot be read says nothing here: helm will complain of it in its own words.
fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_default()
}

/// The keys that comments show, below each of the keys that a comment may be about: the one above it, and what this
/// lies in as far as the comment is not indented further. Some charts begin all comments at the margin.
fn mentioned(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // How far each key is indented that the line is below of.
    let mut above: Vec<(usize, &str)> = Vec::new();
    for line in text.lines() {
        let content = line.trim_start();
        let indented = line.len() - content.len();
        if let Some(comment) = content.strip_prefix('#') {
            if let Some(key) = key(comment.trim_start_matches(['#', ' ', '-', '\t'])) {
                let beside = above.iter().take_while(|(beside, _)| *beside < indented).count();
                found.extend((beside..=above.len()).map(|depth| pointer(above.iter().take(depth), key)));
            }
        } else if let Some(key) = key(content) {
            above.retain(|(outer, _)| *outer < indented);
            above.push((indented, key));
        }
    }
    found
}

/// The key that a line begins with.
fn key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once(':')?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!key.is_empty() && key.chars().all(is_part)).then_some(key)
}

fn pointer<'a>(above: impl Iterator<Item = &'a (usize, &'a str)>, key: &str) -> String {
    let above: String = above.map(|(_, key)| format!("/{key}")).collect();
    format!("{above}/{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_charts_own_files_matter() {
        for path in
            ["values.yaml", "charts/a/Chart.yaml", "charts/a-1.2.tgz", "charts/a/charts/b/values.yaml"]
        {
            assert!(matters(path), "{path}");
        }
        for path in
            ["templates/values.yaml", "ci/values.yaml", "a.tgz", "charts/a/ci/values.yaml", "README.md"]
        {
            assert!(!matters(path), "{path}");
        }
    }

    #[test]
    fn a_dependency_is_told_from_one_whose_name_begins_alike() {
        assert!(is_package_of("charts/loki-1.2.3.tgz", "loki"));
        assert!(is_package_of("charts/loki-v1.2.3.tgz", "loki"));
        assert!(!is_package_of("charts/loki-canary-1.2.3.tgz", "loki"));
    }
}
