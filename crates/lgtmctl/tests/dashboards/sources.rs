//! What collects a metric, looked for in what the charts render to.
//!
//! It knows how the agents' configurations say what they read, and refuses to know which metrics that yields.

use serde_json::Value;

use crate::{
    board::list,
    rendered::{ALLOY, HUB, OTEL, RENDERED, TRADITIONAL, ports, values},
};

/// Something that has to be there for a metric to be collected: first the cluster, then the unit.
#[derive(Clone, Copy)]
pub(crate) enum Check {
    /// The unit's pods are annotated to be scraped at a port that they have, and the cluster scrapes what is.
    Annotated(&'static str, &'static str),
    /// The unit, an agent, has a scrape job of this name.
    Job(&'static str, &'static str, &'static str),
    /// The unit's configuration has this text.
    Says(&'static str, &'static str, &'static str),
    /// The unit, an OpenTelemetry collector, has the receiver with this part, and its metrics leave for the hub.
    Receiver(&'static str, &'static str, &'static str, &'static str),
    /// The unit, an OpenTelemetry collector, shows its own metrics where its pods are annotated to be scraped.
    Telemetry(&'static str, &'static str),
    /// kube-state-metrics of the cluster watches the kinds that its metrics are of.
    Resources(&'static str),
    /// Where the chart is an upstream one: our values for it have this, as JSON. `null` leaves it to the chart, whose
    /// own choice is yes.
    Values(&'static str, &'static str, &'static str),
}

/// What reads annotated pods, by cluster.
const READERS: [(&str, &str); 4] = [
    (HUB, "grafana-alloy-deployment"),
    (TRADITIONAL, "prometheus-agent"),
    (ALLOY, "grafana-alloy-deployment"),
    (OTEL, "otel-collector-statefulset"),
];

impl Check {
    /// The cluster of the quickstart that it is about.
    pub(crate) fn cluster(self) -> Option<&'static str> {
        match self {
            Self::Annotated(cluster, _)
            | Self::Job(cluster, ..)
            | Self::Says(cluster, ..)
            | Self::Receiver(cluster, ..)
            | Self::Telemetry(cluster, _)
            | Self::Resources(cluster) => Some(cluster),
            Self::Values(..) => None,
        }
    }

    /// What is missing, for these metrics.
    pub(crate) fn missing(self, metrics: &[&str]) -> Option<String> {
        match self {
            Self::Annotated(cluster, unit) => annotated(cluster, unit, None),
            Self::Job(cluster, unit, job) => {
                let jobs = jobs(cluster, unit);
                (!jobs.iter().any(|it| it == job))
                    .then(|| format!("{cluster}/{unit} has no job {job}, only {jobs:?}"))
            }
            Self::Says(cluster, unit, words) => (!RENDERED.configuration(cluster, unit).contains(words))
                .then(|| format!("{cluster}/{unit} does not say `{words}`")),
            Self::Receiver(cluster, unit, receiver, part) => {
                received(&collector(cluster, unit), receiver, part)
                    .map(|missing| format!("{cluster}/{unit}: {missing}"))
            }
            Self::Telemetry(cluster, unit) => {
                let reader = "/service/telemetry/metrics/readers/0/pull/exporter/prometheus/port";
                let port = collector(cluster, unit).pointer(reader).and_then(Value::as_u64);
                annotated(cluster, unit, Some(port.unwrap_or_default()))
            }
            Self::Resources(cluster) => {
                let kinds = resources(cluster);
                let unwatched = metrics.iter().find(|metric| !kinds.contains(&kind_of(metric)));
                unwatched
                    .map(|metric| format!("{cluster}: kube-state-metrics does not watch what {metric} is of"))
            }
            Self::Values(file, pointer, wanted) => {
                let values = values(file);
                let found = values.pointer(pointer).unwrap_or(&Value::Null).to_string();
                (found != wanted).then(|| format!("{file}: {pointer} is {found} and not {wanted}"))
            }
        }
    }
}

fn annotated(cluster: &str, unit: &str, at: Option<u64>) -> Option<String> {
    let (_, reader) = READERS.iter().find(|(its, _)| *its == cluster)?;
    let reads = RENDERED
        .configuration(cluster, reader)
        .contains("__meta_kubernetes_pod_annotation_prometheus_io_scrape");
    let pods = RENDERED.pods(cluster, unit);
    let unread = |pod: &&Value| {
        let annotations = &pod["metadata"]["annotations"];
        let port = annotations["prometheus.io/port"].as_str().and_then(|port| port.parse().ok());
        let port = port.unwrap_or_default();
        // A collector's port for its own metrics is named in its configuration alone.
        let has = at.map_or_else(|| ports(pod).contains(&port), |at| at == port);
        (annotations["prometheus.io/scrape"] != "true" || !has || !reads)
            .then(|| format!("{cluster}/{unit} is not scraped: port {port}, read by {reader}: {reads}"))
    };
    if pods.is_empty() { Some(format!("{cluster}/{unit} has no pods")) } else { pods.iter().find_map(unread) }
}

/// The names of an agent's scrape jobs.
pub(crate) fn jobs(cluster: &str, unit: &str) -> Vec<String> {
    let configuration = RENDERED.configuration(cluster, unit);
    let line = |line: &str| {
        // Alloy's own language, then YAML.
        let (key, value) = line.split_once('=').or_else(|| line.split_once(':'))?;
        (key.trim().trim_start_matches("- ") == "job_name").then(|| value.trim().trim_matches('"').to_owned())
    };
    configuration.lines().filter_map(line).collect()
}

fn collector(cluster: &str, unit: &str) -> Value {
    serde_saphyr::from_str(&RENDERED.configuration(cluster, unit)).unwrap()
}

/// What a collector's configuration lacks of a receiver.
fn received(configuration: &Value, receiver: &str, part: &str) -> Option<String> {
    let has = &configuration["receivers"][receiver];
    // The last step names a key, or an element of a list.
    let (list_at, element) = part.rsplit_once('/').unwrap_or(("", part));
    if has.pointer(part).is_none() && !list(has, list_at).iter().any(|it| it == element) {
        return Some(format!("the receiver {receiver} has no {part}"));
    }
    let pipelines = configuration["service"]["pipelines"].as_object();
    let leads = |(name, pipeline): (&String, &Value)| {
        name.split('/').next() == Some("metrics")
            && list(pipeline, "/receivers").iter().any(|it| it == receiver)
            && list(pipeline, "/exporters").iter().any(|it| it == "otlp_http/metrics")
            && list(pipeline, "/processors").iter().any(|it| it == "transform/labels")
    };
    let led = pipelines.is_some_and(|pipelines| pipelines.iter().any(leads));
    (!led).then(|| format!("no pipeline of metrics brings {receiver} to the hub"))
}

/// The kinds that kube-state-metrics is told to watch.
fn resources(cluster: &str) -> Vec<String> {
    let arguments = list(RENDERED.pod(cluster, "kube-state-metrics"), "/spec/containers/0/args");
    let mut resources = arguments.iter().filter_map(|it| it.as_str()?.strip_prefix("--resources="));
    resources.next().unwrap_or_default().split(',').map(str::to_owned).collect()
}

/// `kube_<kind>_…`, in the plural.
fn kind_of(metric: &str) -> String {
    format!("{}s", metric.split('_').nth(1).unwrap_or_default())
}

#[test]
fn a_receiver_that_leads_nowhere_is_noticed() {
    let mut configuration = collector(OTEL, "otel-collector-daemonset");
    assert_eq!(received(&configuration, "host_metrics", "/scrapers/cpu"), None);
    assert!(received(&configuration, "host_metrics", "/scrapers/network").is_some());
    assert!(received(&configuration, "kubelet_stats", "/metric_groups/volume").is_some());
    configuration["service"]["pipelines"]["metrics/host"]["exporters"] = Value::Array(Vec::new());
    assert!(received(&configuration, "host_metrics", "/scrapers/cpu").is_some());
}
