//! No query asks for what nobody collects, and no panel is empty in a scenario unless it is said why.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    board::{self, Board, Language, text},
    metrics::{EMPTY_IN, GROUPS, Group},
    queries::{alternatives, metrics_in, names, selected},
    rendered::{ALLOY, HUB, OTEL, TRADITIONAL},
    sources::jobs,
};

/// Dashboards of what only some clusters have: of the hub's own programs, under its own tenant, and of demos.
const ONLY_OF: [(&str, &[&str]); 4] = [
    ("demo-opentelemetry.json", &[OTEL]),
    ("demo-tns.json", &[TRADITIONAL, ALLOY]),
    ("hub.json", &[HUB]),
    ("tenants.json", &[HUB]),
];
/// All agents that scrape.
const SCRAPING: [(&str, &str); 6] = [
    (HUB, "grafana-alloy-daemonset"),
    (HUB, "grafana-alloy-deployment"),
    (TRADITIONAL, "prometheus-agent"),
    (ALLOY, "grafana-alloy-daemonset"),
    (ALLOY, "grafana-alloy-deployment"),
    (OTEL, "otel-collector-statefulset"),
];

fn known() -> BTreeMap<&'static str, &'static Group> {
    GROUPS.iter().flat_map(|group| group.metrics.iter().map(move |metric| (*metric, group))).collect()
}

/// What queries ask for and the table does not have.
fn uncollected(boards: &[Board]) -> Vec<String> {
    let known = known();
    let queries = boards.iter().flat_map(Board::queries).filter(|query| query.language == Language::Metrics);
    let mut unknown = Vec::new();
    for query in queries {
        let metrics = metrics_in(&query.text);
        assert!(!metrics.is_empty(), "{}: `{}` asks for nothing", query.place, query.text);
        let missing = metrics.into_iter().filter(|metric| !known.contains_key(metric.as_str()));
        unknown.extend(missing.map(|metric| format!("{}: nobody collects {metric}", query.place)));
    }
    unknown
}

/// The clusters on which a metric is collected.
fn clusters(group: &Group) -> BTreeSet<&'static str> {
    // The hub makes span metrics of every tenant's spans.
    if group.program.starts_with("Tempo's generator") {
        return BTreeSet::from([HUB, TRADITIONAL, ALLOY, OTEL]);
    }
    group.checks.iter().filter_map(|check| check.cluster()).collect()
}

/// Panels of metrics that show nothing on a cluster, with that cluster.
fn empty(board: &Board) -> BTreeSet<(String, &'static str)> {
    let known = known();
    let only = ONLY_OF.iter().find(|(name, _)| *name == board.name);
    let wanted = only.map_or(&[HUB, TRADITIONAL, ALLOY, OTEL][..], |(_, clusters)| clusters);
    let mut empty = BTreeSet::new();
    for panel in board.asking().filter(|panel| text(panel, "/datasource/type") == "prometheus") {
        let queries = board.queries_of(panel);
        let metrics = queries.iter().flat_map(|query| metrics_in(&query.text));
        let shown: BTreeSet<&str> =
            metrics.filter_map(|it| known.get(it.as_str()).map(|it| clusters(it))).flatten().collect();
        let missing = wanted.iter().filter(|cluster| !shown.contains(**cluster));
        empty.extend(missing.map(|cluster| (board.place(panel), *cluster)));
    }
    empty
}

#[test]
fn every_metric_is_collected() {
    assert_eq!(uncollected(&board::all()), [""; 0]);
}

#[test]
fn a_metric_that_nobody_collects_is_noticed() {
    let mut boards = board::all();
    let panel = boards.iter_mut().find(|board| board.name == "metrics.json").unwrap();
    panel.json["panels"][1]["targets"][0]["expr"] = "sum(rate(nobody_has_this_total[5m])) / sum(up)".into();
    let found = uncollected(&boards);
    assert!(found.len() == 1 && found[0].contains("nobody_has_this_total"), "{found:?}");
}

#[test]
fn what_collects_a_metric_is_there() {
    let mut missing = Vec::new();
    for group in GROUPS {
        assert!(!group.checks.is_empty(), "{}", group.program);
        missing.extend(group.checks.iter().filter_map(|check| check.missing(group.metrics)));
    }
    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_table_has_nothing_that_no_query_asks_for() {
    let queries: Vec<_> = board::all().iter().flat_map(Board::queries).collect();
    let metrics = queries.iter().filter(|query| query.language == Language::Metrics);
    let asked: BTreeSet<String> = metrics.flat_map(|query| metrics_in(&query.text)).collect();
    let unasked: Vec<&str> = known().into_keys().filter(|metric| !asked.contains(*metric)).collect();
    assert_eq!(unasked, [""; 0]);
    let listed: usize = GROUPS.iter().map(|group| group.metrics.len()).sum();
    assert_eq!(known().len(), listed, "a metric stands in the table twice");
}

#[test]
fn no_panel_is_empty_in_a_scenario_without_a_reason() {
    let found: BTreeSet<(String, &str)> = board::all().iter().flat_map(empty).collect();
    let excused = EMPTY_IN
        .iter()
        .flat_map(|(panel, why, clusters)| {
            assert!(!why.is_empty(), "{panel}");
            clusters.iter().map(|cluster| ((*panel).to_owned(), *cluster))
        })
        .collect();
    assert_eq!(found, excused);
}

/// kube-prometheus-stack reads cAdvisor with the job `kubelet`; our own agents give it a job.
#[test]
fn jobs_are_those_that_agents_have() {
    let jobs: BTreeSet<String> = SCRAPING.iter().flat_map(|(cluster, unit)| jobs(cluster, unit)).collect();
    let boards = board::all();
    let queries = boards.iter().flat_map(Board::queries).filter(|query| query.language == Language::Metrics);
    let mut named = 0;
    for query in queries {
        for selector in selected(&query.text) {
            let wanted = alternatives(&selector, "job");
            named += wanted.len();
            for job in &wanted {
                assert!(jobs.contains(job), "{}: no job {job} among {jobs:?}", query.place);
            }
            if !wanted.is_empty() && names(&selector).iter().any(|metric| metric.starts_with("container_")) {
                assert_eq!(wanted, ["cadvisor", "kubelet"], "{}", query.place);
            }
        }
    }
    assert!(named > 0);
}
