//! Scenarios: a topology, what happened to its clusters, and the plan that follows, as a snapshot.
//!
//! Each folder of `tests/scenarios` is one test. `history.yaml` lists what happened before the plan
//! is made, one entry after the other; see [`Event`].

use std::{collections::BTreeMap, fmt::Write as _};

use lgtm_planner::{
    plan::{ObjectVerb, Plan, PlanOptions},
    unit::UnitId,
};
use lgtm_topology::{ClusterName, Topology, parse};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    drive::{Prepared, apply, prepare},
    model::{Placed, World},
    settled::assert_settled,
};

/// What happened.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Event {
    /// Someone made a cluster.
    Exists(ClusterName),
    /// Someone made a ConfigMap on a cluster, given as `cluster namespace/name`.
    Foreign(String),
    /// The topology of this name was applied.
    Apply(File),
    /// The same, cut after the first write of this unit.
    Interrupt(UnitId),
    /// Someone changed a value, found by a JSON pointer.
    Edit { cluster: ClusterName, object: String, path: String, value: Value },
    /// Someone deleted an object, such as `Deployment mimir/mimir`.
    Delete { cluster: ClusterName, object: String },
    /// A cluster stopped answering.
    Down(ClusterName),
    /// The processes of a cluster died.
    Stop(ClusterName),
    /// Days went by.
    Wait(i64),
    /// The user allows a unit's replacement.
    Allow(UnitId),
}

/// Which topology.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
enum File {
    /// `before.yaml`, an earlier revision.
    Before,
    /// `topology.yaml`, for which the plan is made.
    Topology,
}

struct Scenario {
    topology: Topology,
    before: Option<Topology>,
    world: World,
    options: PlanOptions,
}

impl Scenario {
    fn new(topology: &str, before: Option<&str>, history: &str) -> Self {
        let read = |text: &str| {
            let parsed = parse("topology.yaml", text);
            parsed.topology.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics))
        };
        let mut scenario = Self {
            topology: read(topology),
            before: before.map(read),
            world: World::default(),
            options: PlanOptions::default(),
        };
        let events: Vec<Event> = serde_saphyr::from_str(history).unwrap();
        events.into_iter().for_each(|event| scenario.happen(event));
        scenario
    }

    fn prepared(&self) -> Prepared {
        prepare(&self.world, &self.topology, &self.options).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Exists(cluster) => self.world.add_existing(&cluster),
            Event::Foreign(text) => {
                let (cluster, rest) = text.split_once(' ').unwrap();
                let (namespace, name) = rest.split_once('/').unwrap();
                let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": name, "namespace": namespace}, "data": {"values": "theirs"}});
                self.world.add_foreign(&ClusterName::new(cluster), object);
            }
            Event::Apply(file) => {
                let topology = match file {
                    File::Before => self.before.as_ref().expect("the scenario has a before.yaml"),
                    File::Topology => &self.topology,
                };
                let prepared = prepare(&self.world, topology, &self.options).unwrap();
                let applied = apply(&mut self.world, prepared, |_| 0);
                assert!(applied.stuck.is_empty(), "{:?}", applied.stuck);
            }
            Event::Interrupt(unit) => self.interrupt(&unit),
            Event::Edit { cluster, object, path, value } => {
                self.object(&cluster, &object).edit(&path, value);
            }
            Event::Delete { cluster, object } => {
                let objects = &self.world.cluster(&cluster).objects;
                let key = objects.keys().find(|key| key.to_string() == object).cloned();
                self.world.cluster(&cluster).delete(&key.expect("the scenario deletes what is there"));
            }
            Event::Down(cluster) => {
                self.world.down.insert(cluster);
            }
            Event::Stop(cluster) => self.world.cluster(&cluster).stopped = true,
            Event::Wait(days) => self.world.now += days * 86_400,
            Event::Allow(unit) => {
                self.options.allow_replace.insert(unit);
            }
        }
    }

    /// Applies with one write more each time until the unit's record says that it was begun.
    fn interrupt(&mut self, unit: &UnitId) {
        let begun = self.world.clone();
        for budget in 0.. {
            self.world = begun.clone();
            self.world.budget = Some(budget);
            let prepared = self.prepared();
            let applied = apply(&mut self.world, prepared, |_| 0);
            assert!(applied.cut, "{unit} was never begun");
            let cluster = self.world.clusters.get(&unit.cluster);
            if cluster.is_some_and(|cluster| cluster.inventories.contains_key(&unit.name)) {
                self.world.budget = None;
                return;
            }
        }
    }

    fn object(&mut self, cluster: &ClusterName, name: &str) -> &mut Placed {
        let objects = &mut self.world.cluster(cluster).objects;
        let found = objects.iter_mut().find(|(key, _)| key.to_string() == name);
        found.map(|(_, placed)| placed).unwrap_or_else(|| panic!("there is no {name} on {cluster}"))
    }
}

/// The plan as a reviewer reads it.
fn describe(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let permission = if step.needs_permission { ", needs permission" } else { "" };
        let _ = writeln!(text, "{}: {:?}{permission}", step.id, step.change);
        for reason in &step.reasons {
            let _ = writeln!(text, "    because {reason}");
        }
        for fact in &step.waits_for {
            let _ = writeln!(text, "    waits for {fact}");
        }
        for need in &step.needs {
            let _ = writeln!(text, "    after {need}");
        }
        for change in &step.objects {
            let _ = writeln!(text, "    {} {}", sign(change.verb), change.object);
            if let Some(remark) = &change.remark {
                let _ = writeln!(text, "        {remark}");
            }
            for field in &change.fields {
                let show = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
                let _ = writeln!(
                    text,
                    "        {}: {} → {}",
                    field.path,
                    show(&field.before),
                    show(&field.after)
                );
            }
            for conflict in &change.conflicts {
                let _ = writeln!(text, "        taken over from {}: {}", conflict.manager, conflict.path);
            }
        }
    }
    if plan.steps.is_empty() {
        text.push_str("nothing to do\n");
    }
    let mut unchanged: BTreeMap<&ClusterName, usize> = BTreeMap::new();
    for unit in &plan.unchanged {
        *unchanged.entry(&unit.cluster).or_default() += 1;
    }
    for (cluster, count) in unchanged {
        let _ = writeln!(text, "as they must be on {cluster}: {count}");
    }
    for (cluster, reason) in &plan.unreachable {
        let _ = writeln!(text, "{cluster} does not answer: {reason}");
    }
    text
}

fn sign(verb: ObjectVerb) -> &'static str {
    match verb {
        ObjectVerb::Create => "+",
        ObjectVerb::Update => "~",
        ObjectVerb::Adopt => "adopt",
        ObjectVerb::Replace => "-/+",
        ObjectVerb::Delete => "-",
        ObjectVerb::Keep => "keep",
    }
}

/// Checks the plan, and that applying it ends where the topology says; with a cluster that is down, when
/// it is back, and where permission is asked for, when it is given.
fn check(mut scenario: Scenario, folder: &str) {
    let prepared = scenario.prepared();
    let text = describe(&prepared.plan);
    insta::with_settings!({
        snapshot_path => format!("../../../../tests/scenarios/{folder}"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { insta::assert_snapshot!("plan", text) });
    scenario.world.down.clear();
    let asked = prepared.plan.forbidden().map(|step| step.id.unit.clone());
    scenario.options.allow_replace.extend(asked);
    for _ in 0..2 {
        let prepared = scenario.prepared();
        apply(&mut scenario.world, prepared, |_| 0);
    }
    assert_settled(&scenario.world, &scenario.topology);
    assert!(scenario.prepared().plan.is_empty());
}

macro_rules! scenarios {
    (@before $name:ident) => { None };
    (@before $name:ident before) => {
        Some(include_str!(concat!("../../../../tests/scenarios/", stringify!($name), "/before.yaml")))
    };
    ($($name:ident $($before:ident)?,)*) => {
        $(
            #[test]
            fn $name() {
                let folder = stringify!($name);
                let scenario = Scenario::new(
                    include_str!(concat!("../../../../tests/scenarios/", stringify!($name), "/topology.yaml")),
                    scenarios!(@before $name $($before)?),
                    include_str!(concat!("../../../../tests/scenarios/", stringify!($name), "/history.yaml")),
                );
                check(scenario, folder);
            }
        )*

        #[test]
        fn every_folder_is_a_test() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/scenarios");
            #[expect(clippy::disallowed_methods, reason = "only the list of folders is read, by a test")]
            let entries = std::fs::read_dir(folder).unwrap();
            let mut found: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            found.sort();
            let mut known = vec![$(stringify!($name)),*];
            known.sort_unstable();
            assert_eq!(found, known);
        }
    };
}

scenarios! {
    first_apply,
    second_apply,
    drifted_object,
    missing_object,
    deleted_namespace,
    deleted_authority,
    deleted_password,
    removed_spoke before,
    due_certificate,
    unreachable_spoke before,
    unreachable_hub,
    interrupted_unit,
    moved_namespace before,
    moved_resource before,
    existing_clusters,
    changed_address,
    stopped_cluster,
    replaced_selector before,
    removed_demo before,
}
