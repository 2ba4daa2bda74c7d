//! Which program reads what a container finds, and how it is asked to check and not to run.

use std::{fs, io, path::Path};

use serde_json::Value;

use super::{
    container::Container,
    limits::{LOKI, Limits, MIMIR, TEMPO},
    place::{Laid, Place},
    programs::{Program, Programs},
    rendered::at,
    report::{Outcome, Report},
};

/// Images whose containers have no configuration of ours: they are told what to do by words and variables alone, or read
/// what their own chart brings. Every other image has a program below, or is refused until somebody has decided.
const WITHOUT: [&str; 25] = [
    "access-log-exporter",
    "busybox",
    "cert-manager-cainjector",
    "cert-manager-controller",
    "cert-manager-webhook",
    "demo",
    "flagd",
    "grafana",
    "k8s-sidecar",
    "kube-state-metrics",
    "memcached",
    "memcached-exporter",
    "metrics-server",
    "nginx-unprivileged",
    "node-exporter",
    "opentelemetry-operator",
    "postgres",
    "prometheus-config-reloader",
    "prometheus-operator",
    "rustfs",
    "target-allocator",
    "tns-app",
    "tns-db",
    "tns-loadgen",
    "valkey",
];

/// One container that is looked at.
struct Check<'a> {
    container: &'a Container,
    laid: Laid,
    programs: &'a Programs,
    report: &'a mut Report,
}

/// Checks what a container finds.
pub(super) fn check(
    container: &Container,
    programs: &Programs,
    place: &mut Place,
    report: &mut Report,
) -> io::Result<()> {
    let image = container.image.as_str();
    if WITHOUT.contains(&image) {
        return Ok(());
    }
    let laid = place.lay(container)?;
    let mut check = Check { container, laid, programs, report };
    // Components that share a configuration need not all have the variables in it; their program takes those as empty.
    let shared = ["mimir", "loki", "tempo"].contains(&image);
    if !shared && !check.laid.unset.is_empty() {
        let why = format!("its container has no variable {:?}", check.laid.unset);
        check.add("", image, "", Outcome::Refused(why));
        return Ok(());
    }
    match image {
        "mimir" => check.with_tenants("mimir", "-modules", &MIMIR, place),
        "loki" => check.with_tenants("loki", "-verify-config", &LOKI, place),
        "tempo" => check.with_tenants("tempo", "-config.verify=true", &TEMPO, place),
        "prometheus" => check.prometheus(),
        "alloy" => check.alloy(),
        "opentelemetry-collector-contrib" => check.collector(),
        "haproxy" => {
            // Its words begin with the program's name.
            let words = prefixed("-c", check.laid.words.get(1..).unwrap_or_default());
            check.ask("", "haproxy", programs.system("haproxy"), &words).map(drop)
        }
        "fluent-bit" => {
            let words = prefixed("--dry-run", &check.laid.words);
            let program = check.brought("fluent-bit");
            check.ask("", "fluent-bit", program, &words).map(drop)
        }
        "vector" => check.vector(),
        _ => {
            let why = "nobody has said which program checks this image; see xtask/src/verify/images.rs";
            check.add("", image, "", Outcome::Missing(why.to_owned()));
            Ok(())
        }
    }
}

impl Check<'_> {
    fn add(&mut self, part: &str, program: &str, version: &str, outcome: Outcome) {
        let mut line = self.container.title();
        if !part.is_empty() {
            line = format!("{line}, {part}");
        }
        self.report.add(&line, program, version, outcome);
    }

    /// The version that the container's image has.
    fn wanted(&self) -> &str {
        self.container.tag.trim_start_matches('v').split('-').next().unwrap_or_default()
    }

    /// Asks a program, and says whether it takes what it is given.
    fn ask(
        &mut self,
        part: &str,
        name: &str,
        program: Result<Program, Outcome>,
        words: &[String],
    ) -> io::Result<bool> {
        let (version, outcome) = match program {
            Ok(program) => {
                let version =
                    if name == "vrl-check" { program.version.clone() } else { self.version(&program) };
                (version, self.programs.ask(&program, words, &self.laid)?)
            }
            Err(outcome) => (String::new(), outcome),
        };
        let read = matches!(outcome, Outcome::Read);
        self.add(part, name, &version, outcome);
        Ok(read)
    }

    /// The version of a program, and that of the image where it is another.
    fn version(&self, program: &Program) -> String {
        match self.wanted() {
            wanted if wanted == program.version => program.version.clone(),
            wanted => format!("{} for {wanted}", program.version),
        }
    }

    /// A program that is no package.
    fn brought(&self, name: &str) -> Result<Program, Outcome> {
        let missing = || Outcome::Unchecked(format!("{name} is no package, and none was brought"));
        self.programs.brought(name, self.wanted()).ok_or_else(missing)
    }

    /// A program that is built, unless its very version was brought.
    fn nearest(&self, name: &str) -> Result<Program, Outcome> {
        match self.programs.brought(name, self.wanted()) {
            Some(program) => Ok(program),
            None => self.programs.built(name),
        }
    }

    /// Mimir, Loki and Tempo: the words of the container and one more, then the same with each tenant's limits.
    fn with_tenants(&mut self, name: &str, word: &str, limits: &Limits, place: &mut Place) -> io::Result<()> {
        let program = if name == "tempo" { self.brought(name) } else { self.nearest(name) };
        let mut words = self.laid.words.clone();
        words.push(word.to_owned());
        let read = self.ask("", name, program.clone(), &words)?;
        let (true, Ok(program)) = (read, program) else { return Ok(()) };
        let option = "-config.file=";
        let file = words.iter().find_map(|word| word.strip_prefix(option)).unwrap_or_default().to_owned();
        let tenants = match tenants(Path::new(&file), limits) {
            Ok(tenants) => tenants,
            Err(why) => {
                self.add("limits of tenants", name, "", Outcome::Refused(why.to_string()));
                return Ok(());
            }
        };
        // Each of many components reads the same file.
        if tenants.is_empty() || !place.first(&self.laid, &tenants) {
            return Ok(());
        }
        let mut outcome = Outcome::Read;
        for (tenant, whole) in &tenants {
            let file = self.laid.folder.join("tenant.yaml");
            fs::write(&file, whole.to_string())?;
            let mut words: Vec<String> =
                words.iter().filter(|word| !word.starts_with(option)).cloned().collect();
            words.push(format!("{option}{}", file.display()));
            if let Outcome::Refused(why) = self.programs.ask(&program, &words, &self.laid)? {
                outcome = Outcome::Refused(format!("tenant {tenant}: {why}"));
                break;
            }
        }
        let version = self.version(&program);
        self.add(&format!("limits of {} tenants", tenants.len()), name, &version, outcome);
        Ok(())
    }

    fn prometheus(&mut self) -> io::Result<()> {
        let option = "--config.file=";
        let file = self.laid.words.iter().find_map(|word| word.strip_prefix(option)).unwrap_or_default();
        let mut words = vec!["check".to_owned(), "config".to_owned(), file.to_owned()];
        words.extend(self.laid.words.iter().filter(|word| *word == "--agent").cloned());
        self.ask("", "promtool", self.programs.built("promtool"), &words).map(drop)
    }

    fn alloy(&mut self) -> io::Result<()> {
        let file = self.laid.words.get(1).cloned().unwrap_or_default();
        self.ask("", "alloy-validate", self.programs.built("alloy-validate"), &[file]).map(drop)
    }

    /// The kubelet's receiver wants its account in a place that is fixed, and to be there; it is asked without.
    fn collector(&mut self) -> io::Result<()> {
        let option = "--config=";
        let file = self.laid.words.iter().find_map(|word| word.strip_prefix(option)).unwrap_or_default();
        if let Ok(mut configuration) = yaml(Path::new(file)) {
            let account = configuration.pointer_mut("/receivers/kubelet_stats/auth_type");
            if let Some(account) = account.filter(|account| *account == "serviceAccount") {
                *account = "none".into();
                fs::write(file, configuration.to_string())?;
            }
        }
        let words = prefixed("validate", &self.laid.words);
        self.ask("", "otelcol", self.programs.built("otelcol"), &words).map(drop)
    }

    /// The programs in a configuration of Vector's, and the whole where somebody brought Vector.
    fn vector(&mut self) -> io::Result<()> {
        let option = "--config=";
        let file =
            self.laid.words.iter().find_map(|word| word.strip_prefix(option)).unwrap_or_default().to_owned();
        let words = ["validate", "--no-environment", &file].map(str::to_owned);
        let program = self.brought("vector");
        self.ask("", "vector", program, &words)?;
        let configuration = match yaml(Path::new(&file)) {
            Ok(configuration) => configuration,
            Err(error) => {
                self.add("", "vrl-check", "", Outcome::Refused(error.to_string()));
                return Ok(());
            }
        };
        for (name, transform) in at(&configuration, "/transforms").as_object().into_iter().flatten() {
            if let Some(program) = at(transform, "/source").as_str() {
                let file = self.laid.folder.join(format!("{name}.vrl"));
                fs::write(&file, program)?;
                let words = [file.display().to_string()];
                self.ask(
                    &format!("transform {name}"),
                    "vrl-check",
                    self.programs.built("vrl-check"),
                    &words,
                )?;
            }
        }
        Ok(())
    }
}

/// A configuration once for each tenant that has limits of its own.
fn tenants(file: &Path, limits: &Limits) -> io::Result<Vec<(String, Value)>> {
    let configuration = yaml(file)?;
    match configuration.pointer(limits.file).and_then(Value::as_str) {
        Some(runtime) => limits.tenants(&configuration, &yaml(Path::new(runtime))?).map_err(io::Error::other),
        None => Ok(Vec::new()),
    }
}

fn prefixed(word: &str, words: &[String]) -> Vec<String> {
    std::iter::once(word.to_owned()).chain(words.iter().cloned()).collect()
}

fn yaml(file: &Path) -> io::Result<Value> {
    let read = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| read(&error))?;
    serde_saphyr::from_str(&text).map_err(|error| read(&error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::rendered::Rendered, *};

    /// What is said of an object's containers where there are no programs.
    fn said_of(object: Value) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let programs = Programs::new(&folder.path().join("none"), None, folder.path()).unwrap();
        let mut report = Report::default();
        let mut place = Place::new(folder.path()).unwrap();
        for container in super::super::container::all(&Rendered::of("test", &[object])) {
            check(&container, &programs, &mut place, &mut report).unwrap();
        }
        report.verdict().failures
    }

    fn said(image: &str) -> Vec<String> {
        said_of(json!({"kind": "Deployment", "metadata": {"name": "app"}, "spec": {"template": {"spec": {
            "containers": [{"name": "it", "image": image, "args": ["-config.file=/etc/it.yaml"]}],
        }}}}))
    }

    #[test]
    fn a_variable_that_a_container_has_not_is_named() {
        let failures = said_of(json!({
            "kind": "OpenTelemetryCollector", "metadata": {"name": "it"},
            "spec": {
                "image": "otel/opentelemetry-collector-contrib:0.158.0",
                "env": [{"name": "PRESENT", "value": "1"}],
                "config": {"a": "${env:PRESENT}", "b": "${env:ABSENT}"},
            },
        }));
        let why = "it (opentelemetry-collector-contrib): its container has no variable {\"ABSENT\"}";
        assert!(failures.iter().any(|failure| failure.contains(why)), "{failures:?}");
    }

    #[test]
    fn an_image_that_nobody_decided_about_is_a_failure() {
        let failures = said("example.com/new/program:1.0");
        assert!(failures.iter().any(|why| why.contains("which program checks this image")), "{failures:?}");
        assert_eq!(said("docker.io/library/busybox:1"), ["no configuration was read at all"]);
    }

    #[test]
    fn a_program_that_is_not_built_is_named_and_one_that_is_no_package_is_only_said() {
        for (image, program) in
            [("grafana/loki:3.7.6", "none/loki"), ("prom/prometheus:v3.14.0", "none/promtool")]
        {
            let failures = said(image);
            assert!(failures.iter().any(|why| why.contains(program)), "{failures:?}");
        }
        assert_eq!(said("grafana/tempo:2.10.8"), ["no configuration was read at all"]);
    }
}
