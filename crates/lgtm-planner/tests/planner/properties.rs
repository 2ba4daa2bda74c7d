//! What holds for every topology, every order of steps and every cut.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_planner::{
    fact::references,
    inventory::SYSTEM_NAMESPACE,
    object::ObjectKey,
    plan::{Change, PlanOptions, StepId},
    unit::{Content, UnitId},
};
use lgtm_topology::Topology;
use proptest::prelude::*;
use serde_json::json;

use crate::{
    drive::{Applied, Prepared, apply, prepare},
    model::World,
    settled::assert_settled,
    spec::{HubKind, any_spec, cluster_name, exists, hubs, specs},
};

/// A fixed sequence of choices for each seed (Knuth's MMIX generator); the high bits are the good ones.
fn chooser(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |among| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % among
    }
}

/// The user allows whatever is asked.
pub(crate) fn permissive(topology: &Topology) -> PlanOptions {
    let authority = UnitId::new(&topology.hub.cluster.name, "certificate-authority");
    PlanOptions { allow_replace: BTreeSet::from([authority]), ..PlanOptions::default() }
}

fn prepared(world: &World, topology: &Topology) -> Prepared {
    prepare(world, topology, &permissive(topology)).unwrap_or_else(|problems| panic!("{problems:?}"))
}

pub(crate) fn run(world: &mut World, topology: &Topology, seed: u64) -> Applied {
    let prepared = prepared(world, topology);
    let applied = apply(world, prepared, chooser(seed));
    assert!(applied.stuck.is_empty(), "{:?}", applied.stuck);
    applied
}

/// One apply is enough, and then there is nothing to do and nothing else there.
pub(crate) fn assert_converges(world: &mut World, topology: &Topology, seed: u64) {
    if world.clusters.values().any(|cluster| cluster.stopped) {
        // What a cluster that stood still holds is seen only when it runs again.
        run(world, topology, seed);
    }
    run(world, topology, seed);
    assert_nothing_to_do(world, topology);
    assert_settled(world, topology);
}

fn assert_nothing_to_do(world: &World, topology: &Topology) {
    let plan = prepared(world, topology).plan;
    let left: Vec<String> =
        plan.steps.iter().map(|step| format!("{} {:?}: {:?}", step.id, step.change, step.reasons)).collect();
    assert!(left.is_empty(), "a second plan is not empty: {left:#?}");
}

/// What another hand, a reboot or time does.
#[derive(Clone, Debug)]
enum Damage {
    DeleteObject(prop::sample::Index),
    EditLabel(prop::sample::Index),
    EditContent(prop::sample::Index),
    DeleteRecords(prop::sample::Index),
    DeleteCluster(prop::sample::Index),
    Stop(prop::sample::Index),
    Wait(i64),
}

/// Damage that leaves lgtmctl's records: without them nothing tells what a later topology no longer has.
fn damages_but_to_records() -> impl Strategy<Value = Vec<Damage>> {
    damages().prop_map(|mut damages| {
        damages.retain(|one| !matches!(one, Damage::DeleteRecords(_) | Damage::DeleteCluster(_)));
        damages
    })
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let index = any::<prop::sample::Index>;
    let one = prop_oneof![
        4 => index().prop_map(Damage::DeleteObject),
        2 => index().prop_map(Damage::EditLabel),
        4 => index().prop_map(Damage::EditContent),
        1 => index().prop_map(Damage::DeleteRecords),
        1 => index().prop_map(Damage::DeleteCluster),
        1 => index().prop_map(Damage::Stop),
        2 => (1..120_i64).prop_map(Damage::Wait),
    ];
    prop::collection::vec(one, 1..4)
}

fn damage(world: &mut World, damage: &Damage) {
    let objects: Vec<_> = world
        .clusters
        .iter()
        .flat_map(|(name, cluster)| cluster.objects.keys().map(|key| (name.clone(), key.clone())))
        .collect();
    let clusters: Vec<_> = world.clusters.keys().cloned().collect();
    match damage {
        Damage::DeleteObject(index) if !objects.is_empty() => {
            let (cluster, key) = index.get(&objects);
            world.cluster(cluster).delete(key);
        }
        Damage::EditLabel(index) if !objects.is_empty() => {
            edit(world, index.get(&objects), &["/metadata/labels/lgtmctl.dev~1unit"]);
        }
        Damage::EditContent(index) if !objects.is_empty() => {
            edit(world, index.get(&objects), &["/data/values", "/data/content", "/spec/template/digest"]);
        }
        Damage::DeleteRecords(index) => world.cluster(index.get(&clusters)).forget(),
        Damage::DeleteCluster(index) | Damage::Stop(index) => {
            let name = index.get(&clusters);
            if world.cluster(name).made_as.is_none() {
                return;
            }
            if matches!(damage, Damage::Stop(_)) {
                world.cluster(name).stopped = true;
            } else {
                world.clusters.remove(name);
            }
        }
        Damage::Wait(days) => world.now += days * 86_400,
        Damage::DeleteObject(_) | Damage::EditLabel(_) | Damage::EditContent(_) => {}
    }
}

pub(crate) fn edit(
    world: &mut World,
    (cluster, key): &(lgtm_topology::ClusterName, ObjectKey),
    paths: &[&str],
) {
    let placed = world.cluster(cluster).objects.get_mut(key).unwrap();
    if let Some(path) = paths.iter().find(|path| placed.value.pointer(path).is_some()) {
        placed.edit(path, json!("another-hand"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_graph_has_no_circle_and_an_edge_for_every_fact(spec in any_spec()) {
        let topology = spec.topology();
        let prepared = prepared(&spec.world(), &topology);
        let mut before = BTreeSet::new();
        for unit in prepared.desired.ordered() {
            prop_assert!(unit.needs.is_subset(&before), "{} comes before what it needs", unit.id);
            if let Content::Release(release) = &unit.content {
                for fact in references(&release.values) {
                    prop_assert!(unit.needs.contains(&fact.unit), "{} uses {fact} and does not need it", unit.id);
                }
            }
            before.insert(unit.id.clone());
        }
        prop_assert_eq!(before.len(), prepared.desired.units.len());
    }

    #[test]
    fn a_step_waits_for_all_that_its_unit_needs_however_indirectly(
        spec in any_spec(),
        damages in damages(),
        seed in any::<u64>(),
    ) {
        let topology = spec.topology();
        let mut world = spec.world();
        run(&mut world, &topology, seed);
        damages.iter().for_each(|one| damage(&mut world, one));
        let prepared = prepared(&world, &topology);
        let mut before: BTreeMap<&StepId, BTreeSet<StepId>> = BTreeMap::new();
        for step in &prepared.plan.steps {
            prop_assert!(step.needs.iter().all(|need| before.contains_key(need)), "{}", step.id);
            let all = step.needs.iter().flat_map(|need| before[need].clone().into_iter().chain([need.clone()]));
            before.insert(&step.id, all.collect());
        }
        for (step, waits) in &before {
            let mut open: Vec<&UnitId> = vec![&step.unit];
            while let Some(unit) = open.pop() {
                let needs = &prepared.desired.units[unit].needs;
                for need in needs {
                    let id = StepId::ensure(need.clone());
                    prop_assert!(!before.contains_key(&id) || waits.contains(&id), "{step} before {id}");
                }
                open.extend(needs);
            }
        }
    }

    #[test]
    fn equal_inputs_give_equal_bytes(spec in any_spec(), damages in damages(), seed in any::<u64>()) {
        let topology = spec.topology();
        let mut world = spec.world();
        let bytes = |world: &World| serde_json::to_vec(&prepared(world, &topology).plan).unwrap();
        prop_assert_eq!(bytes(&world), bytes(&world));
        run(&mut world, &topology, seed);
        damages.iter().for_each(|one| damage(&mut world, one));
        prop_assert_eq!(bytes(&world), bytes(&world.clone()));
    }

    #[test]
    fn after_an_apply_there_is_nothing_to_do(spec in any_spec(), seed in any::<u64>()) {
        assert_converges(&mut spec.world(), &spec.topology(), seed);
    }

    #[test]
    fn an_apply_that_is_cut_anywhere_is_finished_by_the_next(
        spec in any_spec(),
        seeds in prop::array::uniform3(any::<u64>()),
        cuts in prop::array::uniform2(any::<prop::sample::Index>()),
    ) {
        let topology = spec.topology();
        let mut uncut = spec.world();
        uncut.budget = Some(u32::MAX);
        run(&mut uncut, &topology, seeds[0]);
        let writes = u32::MAX - uncut.budget.unwrap();
        let mut world = spec.world();
        for (cut, seed) in cuts.iter().zip(&seeds) {
            world.budget = Some(u32::try_from(cut.index(writes as usize + 1)).unwrap());
            run(&mut world, &topology, *seed);
        }
        world.budget = None;
        assert_converges(&mut world, &topology, seeds[2]);
    }

    #[test]
    fn a_walk_through_revisions_ends_where_the_last_one_says(
        walk in hubs().prop_flat_map(|hub| prop::collection::vec(specs(hub), 2..5)),
        seed in any::<u64>(),
    ) {
        let mut world = walk[0].world();
        for spec in &walk {
            assert_converges(&mut world, &spec.topology(), seed);
        }
    }

    #[test]
    fn a_walk_that_is_cut_at_every_revision_ends_there_too(
        walk in hubs().prop_flat_map(|hub| prop::collection::vec(specs(hub), 2..5)),
        cuts in prop::collection::vec(0..150_u32, 5),
        seed in any::<u64>(),
    ) {
        let mut world = walk[0].world();
        for (spec, cut) in walk.iter().zip(&cuts) {
            world.budget = Some(*cut);
            run(&mut world, &spec.topology(), seed);
        }
        world.budget = None;
        assert_converges(&mut world, &walk.last().unwrap().topology(), seed);
    }

    #[test]
    fn any_damage_is_repaired(
        spec in any_spec(),
        damages in damages(),
        cut in proptest::option::of(0..40_u32),
        seed in any::<u64>(),
    ) {
        let topology = spec.topology();
        let mut world = spec.world();
        run(&mut world, &topology, seed);
        damages.iter().for_each(|one| damage(&mut world, one));
        if cut.is_some() {
            world.budget = cut;
            run(&mut world, &topology, seed.rotate_left(7));
            world.budget = None;
        }
        assert_converges(&mut world, &topology, seed.rotate_left(13));
    }

    #[test]
    fn a_spoke_that_leaves_changes_nothing_on_the_others(
        spec in any_spec(),
        which in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        prop_assume!(!spec.spokes.is_empty());
        let spokes: Vec<u8> = spec.spokes.keys().copied().collect();
        let leaving = *which.get(&spokes);
        let mut world = spec.world();
        run(&mut world, &spec.topology(), seed);
        let smaller = spec.without(leaving).topology();
        let plan = prepared(&world, &smaller).plan;
        // What the hub knows of a spoke: its certificate and its tenant, with the limits of that.
        let of_the_hub = ["grafana", "loki", "mimir", "namespaces", "tempo", "tenant-gateway"];
        for step in &plan.steps {
            let cluster = &step.id.unit.cluster;
            let of_the_hub = cluster == &cluster_name(0) && of_the_hub.contains(&step.id.unit.name.as_str());
            prop_assert!(cluster == &cluster_name(leaving) || of_the_hub, "{} {:?}", step.id, step.reasons);
        }
        assert_converges(&mut world, &smaller, seed);
        prop_assert_eq!(world.clusters.contains_key(&cluster_name(leaving)), exists(leaving));
    }

    #[test]
    fn a_spoke_that_does_not_answer_holds_up_nobody(
        first in any_spec(),
        second in specs(HubKind::Made),
        down in 1..7_u8,
        damages in damages_but_to_records(),
        seed in any::<u64>(),
    ) {
        let second = second.with_hub(first.hub);
        let topology = second.topology();
        let mut world = first.world();
        run(&mut world, &first.topology(), seed);
        damages.iter().for_each(|one| damage(&mut world, one));
        prop_assume!(world.clusters.contains_key(&cluster_name(0)));
        world.down.insert(cluster_name(down));
        let frozen = world.clusters.get(&cluster_name(down)).map(|cluster| cluster.objects.clone());
        let withdrawn = first.spokes.contains_key(&down) && !second.spokes.contains_key(&down);
        run(&mut world, &topology, seed);
        // What a cluster that stood still holds is seen only when it runs again.
        run(&mut world, &topology, seed);
        let now = world.clusters.get(&cluster_name(down)).map(|cluster| cluster.objects.clone());
        if !withdrawn || exists(down) {
            prop_assert_eq!(now, frozen, "nothing is written to it or taken from it");
        }
        // The others are done: whatever a second plan would do is about the cluster that is down.
        let plan = prepared(&world, &topology).plan;
        for step in &plan.steps {
            let about = step.id.unit.cluster == cluster_name(down) || step.change == Change::Blocked;
            prop_assert!(about, "{} {:?} {:?}", step.id, step.change, step.reasons);
        }
        let spokes = second.spokes.keys().filter(|spoke| **spoke != down);
        for step in plan.steps.iter().filter(|step| step.change == Change::Blocked) {
            let other = spokes.clone().any(|spoke| cluster_name(*spoke) == step.id.unit.cluster);
            prop_assert!(!other, "{} waits: {:?}", step.id, step.reasons);
        }
        world.down.clear();
        assert_converges(&mut world, &topology, seed);
    }

    #[test]
    fn while_the_hub_does_not_answer_nothing_is_written(
        first in any_spec(),
        second in specs(HubKind::Made),
        damages in damages_but_to_records(),
        seed in any::<u64>(),
    ) {
        let second = second.with_hub(first.hub);
        let mut world = first.world();
        run(&mut world, &first.topology(), seed);
        damages.iter().for_each(|one| damage(&mut world, one));
        world.down.insert(cluster_name(0));
        world.budget = Some(0);
        let plan = prepared(&world, &second.topology()).plan;
        for step in &plan.steps {
            prop_assert_eq!(step.change, Change::Blocked, "{} {:?}", step.id, &step.reasons);
        }
        prop_assert!(plan.unreachable.contains_key(&cluster_name(0)));
        world.budget = None;
        world.down.clear();
        assert_converges(&mut world, &second.topology(), seed);
    }

    #[test]
    fn what_others_made_is_left_alone(spec in any_spec(), smaller in specs(HubKind::Made), seed in any::<u64>()) {
        let smaller = smaller.with_hub(spec.hub);
        let mut world = spec.world();
        let mut foreign = Vec::new();
        let there: Vec<_> = world.clusters.keys().cloned().collect();
        for cluster in there {
            let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "theirs", "namespace": "default"}, "data": {"values": "theirs"}});
            world.add_foreign(&cluster, object);
            foreign.push((cluster.clone(), world.clusters[&cluster].objects.clone()));
        }
        assert_converges(&mut world, &spec.topology(), seed);
        assert_converges(&mut world, &smaller.topology(), seed);
        for (name, before) in foreign {
            let after = &world.clusters[&name].objects;
            prop_assert!(before.iter().all(|(key, object)| after.get(key) == Some(object)), "{name}");
            prop_assert!(!after.keys().any(|key| key.name == SYSTEM_NAMESPACE), "{name}");
        }
    }
}
