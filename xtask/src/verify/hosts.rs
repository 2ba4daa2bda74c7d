//! Whether the hosts of the cluster that configurations name are Services of the plan.
//!
//! A host is two labels before `svc`: whatever stands before those names a pod or a port. What the text around it means
//! is of no interest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::rendered::{Rendered, at, text};

/// Services that clusters have by themselves, as `namespace/name`.
const GIVEN: [&str; 2] = ["default/kubernetes", "kube-system/kube-dns"];

/// Services that operators make for their definitions: kind, and what the name has after the definition's.
const MADE: [(&str, &str); 3] = [
    ("OpenTelemetryCollector", "-collector"),
    ("OpenTelemetryCollector", "-collector-headless"),
    ("OpenTelemetryCollector", "-targetallocator"),
];

/// Kinds whose hosts nobody asks: definitions explain theirs to people, and rules name them in queries.
const WITHOUT: [&str; 2] = ["CustomResourceDefinition", "PrometheusRule"];

/// Hosts that are no Service of their cluster.
pub(super) fn check(source: &Rendered) -> Vec<String> {
    let mut services: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for object in source.objects() {
        let known = services.entry(&object.cluster).or_default();
        let (kind, name) = (text(&object.value, "/kind"), text(&object.value, "/metadata/name"));
        let namespace = text(&object.value, "/metadata/namespace");
        known.extend((kind == "Service").then(|| format!("{namespace}/{name}")));
        let made = MADE.iter().filter(|(maker, _)| *maker == kind);
        known.extend(made.map(|(_, suffix)| format!("{namespace}/{name}{suffix}")));
    }
    let mut problems = BTreeSet::new();
    for object in source.objects().filter(|object| !WITHOUT.contains(&text(&object.value, "/kind"))) {
        let mut hosts = BTreeSet::new();
        for part in ["/data", "/spec", "/webhooks"] {
            gather(at(&object.value, part), &mut hosts);
        }
        let known = services.get(object.cluster.as_str());
        let lost = |host: &&String| {
            !GIVEN.contains(&host.as_str()) && !known.is_some_and(|known| known.contains(*host))
        };
        for host in hosts.iter().filter(lost) {
            problems.insert(format!("{}: there is no Service {host}", source.line(object, "")));
        }
    }
    problems.into_iter().collect()
}

fn gather(value: &Value, hosts: &mut BTreeSet<String>) {
    if let Some(text) = value.as_str() {
        hosts.extend(services(text));
    }
    value.as_array().into_iter().flatten().for_each(|value| gather(value, hosts));
    value.as_object().into_iter().flatten().for_each(|(_, value)| gather(value, hosts));
}

/// The Services in a text, as `namespace/name`. Lines that are comments name hosts to people alone.
fn services(text: &str) -> impl Iterator<Item = String> {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with(['#', ';']) && !line.trim_start().starts_with("//"));
    let words = lines.flat_map(|line| {
        line.split(|letter: char| !(letter.is_ascii_alphanumeric() || "-._$%{}()".contains(letter)))
    });
    words.filter_map(|word| {
        let labels: Vec<&str> = word.split('.').collect();
        let place = labels.iter().position(|label| *label == "svc")?;
        let name = labels.get(place.checked_sub(2)?)?;
        let namespace = labels.get(place.checked_sub(1)?)?;
        // What a program puts in when it runs is not known here.
        let plain = |label: &str| {
            !label.is_empty() && label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        };
        (plain(name) && plain(namespace)).then(|| format!("{namespace}/{name}"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_host_is_the_two_labels_before_svc() {
        let found = |text: &str| services(text).collect::<Vec<_>>();
        assert_eq!(found("url: http://a.b.svc:3100/x"), ["b/a"]);
        assert_eq!(found("dns+_grpc._tcp.a.b.svc.cluster.local:9095,c.d.svc."), ["b/a", "d/c"]);
        assert_eq!(found("# a.b.svc\n  // c.d.svc\n\"x-0.e.f.svc\""), ["f/e"]);
        assert!(found("a.svc $(NAME).b.svc {{ .x }}.b.svc a.b.service svc").is_empty());
    }

    #[test]
    fn a_host_without_a_service_is_found() {
        let service = json!({"kind": "Service", "metadata": {"name": "a", "namespace": "b"}});
        let collector = json!({"kind": "OpenTelemetryCollector", "metadata": {"name": "it", "namespace": "b"},
            "spec": {"config": {"exporters": {"otlp": {"endpoint": "http://it-collector.b.svc:4317"}}}}});
        let map = json!({"kind": "ConfigMap", "metadata": {"name": "m", "namespace": "b"},
            "data": {"x": "a.b.svc kubernetes.default.svc lost.b.svc"}});
        let found = check(&Rendered::of("test", &[service, collector, map]));
        assert_eq!(found, ["test hub/unit m: there is no Service b/lost"]);
    }
}
