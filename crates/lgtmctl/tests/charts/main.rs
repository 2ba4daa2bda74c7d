//! Charts from repositories with the real helm, and manifests from the web: locked, vendored, and held against their
//! digests.
//!
//! The charts are packaged here and taken from a folder; no repository is asked. And our own charts, in the ways in
//! which the catalog uses them.
#![expect(clippy::unwrap_used, reason = "clippy allows it in test functions, and not in what these call")]

mod distributed;
mod own;
mod remote;
#[path = "../clusters/tools.rs"]
mod tools;
mod web;

use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tools::tools;

/// A folder with a topology that installs `app` from a repository, and a mirror of packaged charts.
struct Place(tempfile::TempDir);

impl Place {
    fn new(version: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.ask_for(version);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn ask_for(&self, version: &str) {
        let text = format!(
            "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: small}}\nspec:\n  \
             provider: {{kwok: {{}}}}\n  hub: {{name: hub, segment: 248/29}}\n  spokes: []\n  extraReleases:\n    \
             - name: mine\n      clusters: [hub]\n      namespace: apps\n      \
             chart: {{name: app, repository: \"https://charts.example.com\", version: {version}}}\n"
        );
        std::fs::write(self.path("topology.yaml"), text).unwrap();
    }

    /// Packages a chart with one template into the mirror.
    fn package(&self, name: &str, version: &str, template: &str) {
        let source = self.path("source/app");
        std::fs::create_dir_all(source.join("templates")).unwrap();
        let chart = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
        std::fs::write(source.join("Chart.yaml"), chart).unwrap();
        std::fs::write(source.join("templates/all.yaml"), template).unwrap();
        let mut helm = Command::new(tools().join("helm"));
        helm.args(["package", "source/app", "--destination", "mirror"]).current_dir(self.0.path());
        let packaged = helm.env("HOME", self.0.path()).output().unwrap();
        assert!(packaged.status.success(), "{packaged:?}");
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lgtmctl"));
        command.env_clear().env("HOME", self.0.path()).env("LGTMCTL_TOOLS", tools());
        command.env("SSL_CERT_FILE", self.path("trusted.pem"));
        command.current_dir(self.0.path()).stdin(Stdio::null()).args(arguments);
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }
}

const STABLE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {a: one}\n";
const RANDOM: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: app}\nstringData: {password: {{ randAlphaNum 12 | quote }}}\n";

#[test]
fn a_chart_is_locked_and_held_against_its_digest() {
    let place = Place::new("1.0.0");
    place.package("app", "1.0.0", STABLE);
    let render = ["render", "hub/mine", "--to", "out", "--chart-mirror", "mirror"];

    let (code, _, said) = place.run(&render);
    assert!(code == 1 && said.contains("not in the lock file") && said.contains("lgtmctl lock"), "{said}");
    let (code, changed, said) = place.run(&["lock", "--check", "--chart-mirror", "mirror"]);
    assert!(
        code == 1 && changed.starts_with("+ app 1.0.0") && said.contains("not current"),
        "{changed}{said}"
    );
    assert!(!place.path("topology.lock").exists());
    let (code, changed, said) = place.run(&["lock", "--chart-mirror", "mirror"]);
    assert!(code == 0 && changed.starts_with("+ app 1.0.0") && !said.contains("unstable"), "{changed}{said}");
    let (code, changed, _) = place.run(&["lock", "--check", "--chart-mirror", "mirror"]);
    assert_eq!((code, changed.as_str()), (0, ""));
    let (code, _, said) = place.run(&render);
    assert_eq!(code, 0, "{said}");
    assert!(place.path("out").read_dir().unwrap().next().is_some());

    // Other bytes under the same version are noticed at every render, until somebody wants them.
    place.package("app", "1.0.0", &STABLE.replace("one", "two"));
    let (code, _, said) = place.run(&render);
    assert!(code == 1 && said.contains("not the locked one"), "{said}");
    let (code, changed, said) = place.run(&["lock", "--chart-mirror", "mirror"]);
    assert_eq!((code, changed.as_str()), (0, ""), "what is locked stays");
    assert!(said.contains("not looked at: app 1.0.0") && said.contains("not the locked one"), "{said}");
    let (code, changed, _) = place.run(&["lock", "--upgrade", "--chart-mirror", "mirror"]);
    assert!(code == 0 && changed.contains("other bytes under the same version"), "{changed}");
    assert_eq!(place.run(&render).0, 0);

    // Another version is another chart, and the old one leaves the file.
    place.package("app", "1.1.0", STABLE);
    place.ask_for("1.1.0");
    let (_, changed, _) = place.run(&["lock", "--chart-mirror", "mirror"]);
    assert!(changed.contains("+ app 1.1.0") && changed.contains("- app 1.0.0"), "{changed}");
}

#[test]
fn vendored_charts_are_a_mirror() {
    let place = Place::new("1.0.0");
    place.package("app", "1.0.0", STABLE);
    assert_eq!(place.run(&["lock", "--chart-mirror", "mirror"]).0, 0);
    let (code, _, said) = place.run(&["vendor", "carried", "--chart-mirror", "mirror"]);
    assert!(code == 0 && said.contains("1 chart in carried"), "{said}");
    std::fs::remove_dir_all(place.path("mirror")).unwrap();
    let (code, _, said) = place.run(&["render", "hub/mine", "--to", "out", "--chart-mirror", "carried"]);
    assert_eq!(code, 0, "{said}");
    // Onto itself: nothing is lost.
    let (code, _, said) = place.run(&["vendor", "carried", "--chart-mirror", "carried"]);
    assert_eq!(code, 0, "{said}");
    assert!(std::fs::metadata(place.path("carried/app-1.0.0.tgz")).unwrap().len() > 0);
    std::fs::write(place.path("carried/app-1.0.0.tgz"), "something else").unwrap();
    let (code, _, said) = place.run(&["vendor", "elsewhere", "--chart-mirror", "carried"]);
    assert!(code == 1 && said.contains("not the locked one"), "{said}");
    assert!(!place.path("elsewhere/app-1.0.0.tgz").exists());
}

#[test]
fn what_differs_at_every_render_is_named_and_its_value_is_not_shown() {
    let place = Place::new("1.0.0");
    place.package("app", "1.0.0", RANDOM);
    let (code, changed, said) = place.run(&["lock", "--chart-mirror", "mirror"]);
    assert!(code == 0 && said.contains("unstable: app 1.0.0"), "{changed}{said}");
    let lock = std::fs::read_to_string(place.path("topology.lock")).unwrap();
    assert!(said.contains("data.password") && lock.contains("data.password"), "{said}{lock}");
}

#[test]
fn what_became_unstable_is_named_although_the_chart_is_locked() {
    let place = Place::new("1.0.0");
    let secret = |name: &str, when: &str| {
        format!(
            "---\n{{{{ if {when} }}}}\n{}{{{{ end }}}}\n",
            RANDOM.replace("name: app", &format!("name: {name}"))
        )
    };
    let of_a_kind = secret("of-a-kind", "(.Capabilities.APIVersions.Has \"example.com/v1/Thing\")");
    place.package("app", "1.0.0", &format!("{STABLE}{}{of_a_kind}", secret("by-a-value", ".Values.random")));
    let lock = ["lock", "--chart-mirror", "mirror"];
    let (code, _, said) = place.run(&lock);
    assert!(code == 0 && !said.contains("unstable"), "{said}");
    let check = ["lock", "--check", "--chart-mirror", "mirror"];
    assert_eq!(place.run(&check).0, 0);

    let topology = std::fs::read_to_string(place.path("topology.yaml")).unwrap();
    let with_value = format!("{topology}      values: {{random: true}}\n");
    std::fs::write(place.path("topology.yaml"), &with_value).unwrap();
    assert_eq!(place.run(&check).0, 1);
    let (code, changed, said) = place.run(&lock);
    assert!(code == 0 && changed.contains("other paths are unstable"), "{changed}{said}");
    assert!(said.contains("Secret by-a-value: data.password") && !said.contains("of-a-kind"), "{said}");

    // A kind that the topology brings shows itself to the chart.
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: \
                      things.example.com}\nspec: {group: example.com, scope: Namespaced, names: {kind: Thing, plural: \
                      things}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: \
                      object}}}]}\n";
    std::fs::write(place.path("thing.yaml"), definition).unwrap();
    let with_kind = format!(
        "{topology}  extraManifests:\n    - {{name: things, clusters: [hub], files: [thing.yaml]}}\n"
    );
    std::fs::write(place.path("topology.yaml"), with_kind).unwrap();
    let (code, changed, said) = place.run(&lock);
    assert!(code == 0 && changed.contains("other paths are unstable"), "{changed}{said}");
    assert!(said.contains("Secret of-a-kind: data.password") && !said.contains("by-a-value"), "{said}");

    // What was unstable once and is no more leaves the file.
    std::fs::write(place.path("topology.yaml"), &topology).unwrap();
    let (code, changed, said) = place.run(&lock);
    assert!(
        code == 0 && changed.contains("other paths are unstable") && !said.contains("unstable:"),
        "{changed}{said}"
    );
}

#[test]
fn a_lock_file_that_cannot_be_read_is_no_lock() {
    let place = Place::new("1.0.0");
    place.package("app", "1.0.0", STABLE);
    std::fs::write(place.path("topology.lock"), "charts: none\n").unwrap();
    for command in [&["plan"][..], &["lock"], &["vendor", "out"]] {
        let (code, _, said) = place.run(command);
        assert!(code == 1 && said.contains("topology.lock") && said.contains("version control"), "{said}");
    }
}
