//! How plans look, on a terminal and off it.

use lgtm_planner::plan::{Change, ObjectVerb};

use super::*;
use crate::render::fixture::{self, PLAIN, creating, every_kind, field, fleet, object, plan as make, step};

#[test]
fn every_kind_of_step() {
    insta::assert_snapshot!(plan(&every_kind(), &fleet(), PLAIN()));
}

#[test]
fn every_kind_of_step_on_a_narrow_terminal() {
    insta::assert_snapshot!(plan(&every_kind(), &fleet(), Style::new(false, 80, false)));
}

#[test]
fn colours_only_add() {
    let colored = plan(&every_kind(), &fleet(), Style::new(true, 100, false));
    assert!(colored.contains("\u{1b}[31m"), "{colored}");
    assert_eq!(console::strip_ansi_codes(&colored), plan(&every_kind(), &fleet(), PLAIN()));
}

#[test]
fn verbose_lists_every_object() {
    let step = creating("hub/loki", &["Service", "ConfigMap"]);
    insta::assert_snapshot!(plan(&make(vec![step]), &fleet(), Style::new(false, 100, true)));
}

#[test]
fn nothing_to_do() {
    let mut empty = make(Vec::new());
    empty.unchanged = ["hub/mimir", "hub/loki"].map(fixture::unit).into();
    insta::assert_snapshot!(plan(&empty, &fleet(), PLAIN()), @r"
    No changes. All 2 units are as topology quickstart says.
    ");
}

#[test]
fn the_same_change_is_said_once_and_another_value_is_not_folded() {
    let change = |cluster: &str, tenant: &str| {
        let mut step = step(&format!("{cluster}/alloy"), Change::Update, "its content has changed");
        let mut map = object("ConfigMap", "monitoring/alloy", ObjectVerb::Update);
        let label = format!("cluster={cluster}");
        map.fields = vec![
            field("data.label", Some("none"), Some(&label)),
            field("data.tenant", Some("x"), Some(tenant)),
        ];
        step.objects = vec![map];
        step
    };
    let steps = vec![change("north", "same"), change("west", "other"), change("south", "same")];
    insta::assert_snapshot!(plan(&make(steps), &fleet(), PLAIN()));
}

#[test]
fn secrets_are_never_shown() {
    let mut step = step("hub/grafana-admin", Change::Update, "the value in the topology has changed");
    let mut secret = object("Secret", "observability/admin", ObjectVerb::Update);
    secret.fields = vec![field("data.password", Some("aHVudGVyMg=="), Some("hunter3"))];
    step.objects = vec![secret];
    for verbose in [false, true] {
        let text = plan(&make(vec![step.clone()]), &fleet(), Style::new(false, 100, verbose));
        assert!(text.contains("data.password: (secret) → (secret)"), "{text}");
        assert!(!text.contains("hunter3") && !text.contains("aHVudGVy"), "{text}");
    }
}

#[test]
fn an_access_key_names_its_buckets_also_when_it_is_new() {
    let step = |change: Change, verb: ObjectVerb, reason: &str, buckets: &str| {
        let mut step = step("hub/loki-key", change, reason);
        let mut secret = object("Secret", "loki/object-storage", verb);
        secret.remark = Some(format!("an access key that opens the {buckets} in storage/rustfs-svc"));
        step.objects = vec![secret];
        step
    };
    let made = step(Change::Create, ObjectVerb::Create, "new", "buckets loki-data, loki-ruler");
    insta::assert_snapshot!(plan(&make(vec![made]), &fleet(), PLAIN()));
    let reason = "what the key opens, or where it is kept, has changed";
    let changed = step(Change::Update, ObjectVerb::Update, reason, "bucket loki-data");
    insta::assert_snapshot!(plan(&make(vec![changed]), &fleet(), PLAIN()));
}

#[test]
fn a_first_plan_of_sixty_units_fits_a_screen() {
    let kinds = ["Deployment", "Service", "ConfigMap", "ConfigMap", "ServiceAccount", "Role", "RoleBinding"];
    let mut steps = Vec::new();
    for cluster in ["hub", "north", "south", "west", "east"] {
        steps.extend(
            ["cluster", "enrolment", "namespaces"].map(|unit| creating(&format!("{cluster}/{unit}"), &[])),
        );
        if cluster != "hub" {
            steps.extend(
                ["tenant-certificate", "agent", "metrics", "logs", "nodes", "events"]
                    .map(|unit| creating(&format!("{cluster}/{unit}"), &kinds)),
            );
        }
    }
    steps.extend((0..21).map(|unit| creating(&format!("hub/unit-{unit}"), &kinds)));
    assert_eq!(steps.len(), 60);
    let text = plan(&make(steps), &fleet(), PLAIN());
    assert!(text.lines().count() <= 45, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn the_footer_counts_everything_once() {
    let plan = every_kind();
    let counts = Counts::of(&plan);
    let sum = [
        counts.create,
        counts.update,
        counts.repair,
        counts.resume,
        counts.replace,
        counts.later,
        counts.remove,
        counts.blocked,
    ]
    .iter()
    .sum::<usize>();
    assert_eq!(sum, plan.steps.len());
    assert_eq!(counts.replace, 5);
}

#[test]
fn places_are_named_as_long_as_names_help() {
    let fleet = fleet();
    let names: Vec<ClusterName> = ["east", "north", "south", "west", "hub"].map(ClusterName::new).into();
    let place =
        |indices: &[usize]| fleet.place(&indices.iter().map(|index| &names[*index]).collect::<Vec<_>>());
    assert_eq!(place(&[4]), "hub");
    assert_eq!(place(&[0, 1]), "×2 spokes (east, north)");
    assert_eq!(place(&[0, 1, 2, 3]), "×4 spokes (all)");
    assert_eq!(place(&[0, 4]), "×2 clusters (east, hub)");
    assert_eq!(place(&[0, 1, 2, 3, 4]), "×5 clusters (all)");
    let gone = ClusterName::new("gone");
    assert_eq!(fleet.place(&[&gone, &names[0]]), "×2 spokes (gone, east)");
}
