//! helmfile with helm-diff under measurement, on the objects that lgtmctl renders.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{Stopwatch, Usage, fail, subject::Subject};

/// helmfile, with a folder of its own.
pub(super) struct Peer {
    folder: PathBuf,
}

impl Peer {
    /// helmfile, when it and what it needs are on PATH.
    pub(super) fn find(folder: &Path) -> io::Result<Option<Self>> {
        let answers = |program: &str, words: &[&str]| {
            Command::new(program).args(words).output().is_ok_and(|output| output.status.success())
        };
        if !answers("helmfile", &["--version"]) || !answers("helm", &["diff", "version"]) {
            return Ok(None);
        }
        fs::create_dir_all(folder)?;
        Ok(Some(Self { folder: folder.to_owned() }))
    }

    /// Writes a chart for each unit with objects, and a helmfile with the same needs.
    pub(super) fn prepare(&self, subject: &Subject) -> io::Result<()> {
        let rendered = self.folder.join("rendered");
        if rendered.exists() {
            fs::remove_dir_all(&rendered)?;
        }
        let to = rendered.to_str().ok_or_else(|| fail("the folder's name is not text"))?;
        subject.ask(&["render", "--all", "--quiet", "--to", to])?;
        fs::write(self.folder.join("kubeconfig"), subject.ask(&["kubeconfig", "hub"])?)?;
        let graph: Value = serde_json::from_slice(&subject.ask(&["graph", "--format", "json"])?)?;
        let mut releases = BTreeSet::new();
        for unit in fs::read_dir(rendered.join("hub"))? {
            let unit = unit?;
            let name = unit.file_name().to_string_lossy().into_owned();
            // Namespaces are there already, for both programs.
            if name != "namespaces" {
                write_chart(&self.folder.join("charts").join(&name), &name, &unit.path())?;
                releases.insert(name);
            }
        }
        fs::write(self.folder.join("helmfile.yaml"), helmfile(&releases, &needs(&graph)))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("helmfile");
        command
            .args(["--file", "helmfile.yaml", "--kubeconfig", "kubeconfig", "--quiet"])
            .args(words)
            .current_dir(&self.folder)
            .env("KUBECONFIG", self.folder.join("kubeconfig"));
        command
    }

    pub(super) fn sync(&self) -> io::Result<Usage> {
        Stopwatch::run(&mut self.command(&["sync"]), 0)
    }

    /// A diff that must end with `code`: 0 for none, 2 for some.
    pub(super) fn diff(&self, code: i32) -> io::Result<Usage> {
        Stopwatch::run(&mut self.command(&["diff", "--detailed-exitcode"]), code)
    }
}

/// A chart whose one template is a file of finished objects.
fn write_chart(chart: &Path, name: &str, objects: &Path) -> io::Result<()> {
    fs::create_dir_all(chart.join("templates"))?;
    fs::write(chart.join("Chart.yaml"), format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n"))?;
    fs::write(chart.join("templates/objects.yaml"), "{{ .Files.Get \"objects.yaml\" }}\n")?;
    let mut files: Vec<PathBuf> =
        fs::read_dir(objects)?.map(|file| file.map(|file| file.path())).collect::<io::Result<_>>()?;
    files.sort();
    let mut all = String::new();
    for file in files {
        all.push_str("---\n");
        all.push_str(&fs::read_to_string(file)?);
    }
    fs::write(chart.join("objects.yaml"), all)
}

/// What each unit of the hub needs, by name.
fn needs(graph: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let name = |unit: &Value| unit.as_str().and_then(|unit| unit.strip_prefix("hub/")).map(str::to_owned);
    let units = graph.get("units").and_then(Value::as_array).into_iter().flatten();
    units
        .filter_map(|unit| {
            let needs = unit.get("needs").and_then(Value::as_array).into_iter().flatten();
            Some((name(unit.get("unit")?)?, needs.filter_map(name).collect()))
        })
        .collect()
}

/// The releases, each with the releases that its unit needs, also through units that are none.
fn helmfile(releases: &BTreeSet<String>, needs: &BTreeMap<String, BTreeSet<String>>) -> String {
    let mut text = String::from("releases:\n");
    for release in releases {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open: Vec<&String> = needs.get(release).into_iter().flatten().collect();
        while let Some(need) = open.pop() {
            if releases.contains(need) {
                found.insert(need.as_str());
            } else if seen.insert(need) {
                open.extend(needs.get(need).into_iter().flatten());
            }
        }
        let needs: Vec<String> = found.into_iter().map(|need| format!("default/{need}")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  - {{name: {release}, namespace: default, chart: ./charts/{release}, needs: [{}]}}",
            needs.join(", ")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn needs_reach_through_units_that_are_no_release() {
        let graph = json!({"units": [
            {"unit": "hub/a", "needs": []},
            {"unit": "hub/secret", "needs": ["hub/a", "spoke/b"]},
            {"unit": "hub/c", "needs": ["hub/secret"]},
        ]});
        let releases = BTreeSet::from(["a".to_owned(), "c".to_owned()]);
        let text = helmfile(&releases, &needs(&graph));
        assert!(text.contains("chart: ./charts/c, needs: [default/a]}"), "{text}");
        assert!(text.contains("chart: ./charts/a, needs: []}"), "{text}");
    }
}
