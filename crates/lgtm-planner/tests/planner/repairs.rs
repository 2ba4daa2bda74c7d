//! What an apply that was cut short, or a hook that did not run, leaves in a record.

use lgtm_planner::{plan::PlanOptions, unit::UnitName};
use lgtm_topology::{Topology, parse};

use crate::{
    drive::prepare,
    model::World,
    properties::{assert_converges, edit, permissive, run},
    spec::cluster_name,
};

/// A hub, with a chart of the user's that has hooks in a namespace of its own, or without.
fn with_chart(chart: bool) -> Topology {
    let extras = if chart {
        "\n  extraReleases:\n    - {name: own, clusters: [hub], chart: charts/own, namespace: own}"
    } else {
        ""
    };
    let text = format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: model}}\nspec:\n  provider: {{kwok: {{}}}}\n  \
         hub: {{name: hub, segment: 248/29}}\n  spokes: []{extras}\n"
    );
    parse("topology.yaml", &text).topology.unwrap()
}

#[test]
fn a_hook_that_did_not_run_is_no_damage() {
    let topology = with_chart(true);
    let mut world = World::default();
    run(&mut world, &topology, 1);
    // A look at every object does not miss the upgrade's hook after an install.
    let options = PlanOptions { refresh_full: true, ..permissive(&topology) };
    let plan = prepare(&world, &topology, &options).unwrap_or_else(|problems| panic!("{problems:?}")).plan;
    assert!(plan.is_empty(), "{:?}", plan.steps);
    // Nor does a repair record it as done.
    let deployment =
        world.cluster(&cluster_name(0)).objects.keys().find(|key| key.name == "own").unwrap().clone();
    edit(&mut world, &(cluster_name(0), deployment), &["/data/values", "/spec/template/digest"]);
    run(&mut world, &topology, 1);
    let unit = UnitName::new("own");
    let inventory = &world.clusters[&cluster_name(0)].inventories[&unit];
    assert!(!inventory.objects.iter().any(|object| object.key.name.contains("post-upgrade")));
}

#[test]
fn a_record_of_a_namespace_that_is_gone_is_mended() {
    let mut world = World::default();
    run(&mut world, &with_chart(true), 1);
    let namespaces = UnitName::new("namespaces");
    let record = world.clusters[&cluster_name(0)].inventories[&namespaces].clone();
    let own = record.objects.into_iter().find(|object| object.key.name == "own").unwrap();
    assert_converges(&mut world, &with_chart(false), 1);
    // A removal that was cut between the deletion and the record leaves this behind.
    let inventory = world.cluster(&cluster_name(0)).inventories.get_mut(&namespaces).unwrap();
    inventory.objects.push(own);
    assert_converges(&mut world, &with_chart(false), 1);
    let record = &world.clusters[&cluster_name(0)].inventories[&namespaces];
    assert!(!record.objects.iter().any(|object| object.key.name == "own"), "{record:?}");
}
