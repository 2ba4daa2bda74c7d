//! Which facts are known before anything is done.

use serde_json::{Value, json};

use super::material::stable_facts;
use crate::{
    desired::Desired,
    fact::{Facts, UnitFacts},
    inventory::Inventory,
    observed::{ClusterState, Observed},
    unit::{Content, Material, ServiceAddress, Unit},
};

/// The facts that no step of this plan can change: those that inventories hold, less those of
/// material that will be made anew.
///
/// For a cluster that does not answer, what other units recorded of it still holds. A certificate
/// there of which nothing was ever recorded counts as *no* certificate, so that one spoke that is
/// down cannot keep the hub from serving the others.
pub fn known_facts(desired: &Desired, observed: &Observed) -> Facts {
    let mut known = Facts::new();
    for unit in desired.ordered() {
        if let Some(facts) = facts_of(unit, observed, &known) {
            known.insert(unit.id.clone(), facts);
        }
    }
    known
}

fn facts_of(unit: &Unit, observed: &Observed, known: &Facts) -> Option<UnitFacts> {
    if observed.is_unreachable(&unit.id.cluster) {
        return Some(recorded_elsewhere(unit, observed));
    }
    match &unit.content {
        Content::Material(content) => stable_facts(unit, content, observed, known),
        Content::Release(release) if !release.gives.is_empty() => {
            let state = observed.state(&unit.id.cluster)?;
            let inventory = state.inventories.get(&unit.id.name)?;
            let stays = release.gives.iter().all(|service| is_as_left(service, inventory, state));
            (stays && !inventory.facts.is_empty()).then(|| inventory.facts.clone())
        }
        Content::Release(_)
        | Content::Cluster(_)
        | Content::Enrolment
        | Content::Objects(_)
        | Content::Manifests(_) => None,
    }
}

/// Whether it is still the same Service. One that is made again may be given another address.
fn is_as_left(service: &ServiceAddress, inventory: &Inventory, state: &ClusterState) -> bool {
    inventory.objects.iter().any(|object| {
        object.key.kind == "Service"
            && object.key.name == service.service
            && object.key.namespace.as_ref() == Some(&service.namespace)
            && state.find(&object.key).map(|live| &live.uid) == object.uid.as_ref()
    })
}

fn recorded_elsewhere(unit: &Unit, observed: &Observed) -> UnitFacts {
    let mut facts = UnitFacts::new();
    if let Content::Material(content) = &unit.content
        && let Material::Certificate(_) = content.material
    {
        facts.insert("fingerprints".to_owned(), json!([]));
    }
    let used = observed
        .clusters
        .keys()
        .filter_map(|name| observed.state(name))
        .flat_map(|state| state.inventories.values())
        .flat_map(|inventory| &inventory.used)
        .filter(|used| used.fact.unit == unit.id);
    facts.extend(used.map(|used| (used.fact.name.clone(), Value::clone(&used.value))));
    facts
}
