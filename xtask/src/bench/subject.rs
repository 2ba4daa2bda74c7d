//! lgtmctl under measurement: one topology with a hub alone, on a simulated cluster.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Stopwatch, Usage, fail};

/// Applications of the user's beside the stack, so that there are a dozen releases.
const APPLICATIONS: [&str; 3] = ["shop", "payments", "search"];

/// One topology with its cluster and folders of its own.
pub(super) struct Subject {
    name: &'static str,
    program: PathBuf,
    tools: PathBuf,
    pub(super) folder: PathBuf,
}

/// The units without which nothing can be put on the cluster, and those that are no chart.
const EMPTY: [&str; 3] = ["hub/namespaces", "hub/grafana-admin", "hub/gateway-certificate"];

impl Subject {
    pub(super) fn new(root: &Path, folder: &Path, name: &'static str) -> io::Result<Self> {
        let folder = folder.join(name);
        fs::create_dir_all(&folder)?;
        let subject = Self {
            name,
            program: root.join("target/release/lgtmctl"),
            tools: std::env::var_os("LGTMCTL_TOOLS").map_or_else(|| root.join(".tools/bin"), PathBuf::from),
            folder,
        };
        for (file, make) in
            [(&subject.program, "make build"), (&subject.tools.join("kube-apiserver"), "make tools")]
        {
            if !file.exists() {
                return Err(fail(&format!("there is no {}; run `{make}`", file.display())));
            }
        }
        for application in APPLICATIONS {
            write_application(&subject.folder.join(application), application)?;
        }
        subject.say(0)?;
        Ok(subject)
    }

    /// Writes the topology; another value makes another one.
    pub(super) fn say(&self, value: u32) -> io::Result<()> {
        let mut text = format!(
            "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: bench-{}}}\nspec:\n  \
             provider: {{kwok: {{}}}}\n  limits: {{logsStreams: {}}}\n  hub: {{name: hub, segment: 248/29}}\n  \
             extraReleases:\n",
            self.name,
            10_000 + value,
        );
        for name in APPLICATIONS {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "    - {{name: {name}, clusters: [hub], chart: {name}, namespace: applications}}"
            );
        }
        fs::write(self.folder.join("topology.yaml"), text)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .arg("--file")
            .arg(self.folder.join("topology.yaml"))
            .env("LGTMCTL_TOOLS", &self.tools)
            .env("XDG_STATE_HOME", self.folder.join("state"))
            .env("XDG_CACHE_HOME", self.folder.join("cache"));
        command
    }

    /// What lgtmctl says to `words`.
    pub(super) fn ask(&self, words: &[&str]) -> io::Result<Vec<u8>> {
        let output = self.command(words).output()?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(fail(&format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr))))
    }

    /// A cluster with namespaces and Secrets, and no chart on it, as if nothing had ever been rendered.
    pub(super) fn make_empty(&self) -> io::Result<()> {
        let targets = EMPTY.iter().flat_map(|unit| ["--target", *unit]);
        let words: Vec<&str> = ["apply", "--yes", "--quiet"].into_iter().chain(targets).collect();
        Stopwatch::run(&mut self.command(&words), 0)?;
        fs::remove_dir_all(self.folder.join("cache"))
    }

    pub(super) fn apply(&self) -> io::Result<Usage> {
        Stopwatch::run(&mut self.command(&["apply", "--yes", "--quiet"]), 0)
    }

    /// A plan that must end with `code`.
    pub(super) fn plan(&self, code: i32) -> io::Result<Usage> {
        Stopwatch::run(&mut self.command(&["plan", "--exit-code", "--quiet"]), code)
    }

    pub(super) fn destroy(&self) -> io::Result<()> {
        Stopwatch::run(&mut self.command(&["destroy", "--yes", "--quiet"]), 0).map(drop)
    }
}

/// A chart with what most applications are made of.
fn write_application(chart: &Path, name: &str) -> io::Result<()> {
    fs::create_dir_all(chart.join("templates"))?;
    fs::write(chart.join("Chart.yaml"), format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n"))?;
    let metadata = format!("metadata: {{name: {name}}}");
    let selector = format!("{{app: {name}}}");
    let objects = [
        format!("apiVersion: v1\nkind: ServiceAccount\n{metadata}\n"),
        format!("apiVersion: v1\nkind: ConfigMap\n{metadata}\ndata: {{settings: \"greeting: hello\"}}\n"),
        format!(
            "apiVersion: v1\nkind: Service\n{metadata}\nspec: {{selector: {selector}, ports: [{{port: 80}}]}}\n"
        ),
        format!(
            "apiVersion: apps/v1\nkind: Deployment\n{metadata}\nspec:\n  replicas: 2\n  selector: {{matchLabels: \
             {selector}}}\n  template:\n    metadata: {{labels: {selector}}}\n    spec:\n      serviceAccountName: \
             {name}\n      containers: [{{name: {name}, image: example.com/{name}:1.0.0}}]\n"
        ),
    ];
    fs::write(chart.join("templates/objects.yaml"), objects.join("---\n"))
}

impl Drop for Subject {
    fn drop(&mut self) {
        // What could not be destroyed is named by `kwokctl get clusters`; there is nothing else to do.
        drop(self.destroy());
    }
}
