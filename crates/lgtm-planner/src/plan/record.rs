//! What an inventory says of a step: before its first write, and when everything is ready.
//!
//! Whoever performs the step stores the records and reads back what is there; what goes into them is said
//! here, once for every world.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_topology::TopologyName;

use super::{ApplyObjects, MakeMaterial};
use crate::{
    digest::Digest,
    fact::UnitFacts,
    fingerprint::OwnedFields,
    inventory::{Inventory, InventoryObject, State, Took},
    object::{Object, ObjectKey},
    observed::Live,
    phase::is_run_once,
    unit::{UnitId, UnitName},
};

/// An object of the unit, as it was read when everything was ready.
#[derive(Clone, Debug)]
pub struct ReadBack {
    /// The resource in URLs.
    pub plural: String,
    /// Its metadata.
    pub live: Live,
    /// The fields that are ours.
    pub owned: Option<OwnedFields>,
}

impl ApplyObjects {
    /// The unit's inventory with these objects; figures and facts are those of the last application.
    pub fn inventory(
        &self,
        topology: &TopologyName,
        unit: &UnitName,
        state: State,
        objects: Vec<InventoryObject>,
    ) -> Inventory {
        let used = self.used.clone();
        let begun = begun(topology, unit, &self.digest, &self.needs, self.before.as_ref());
        Inventory { state, used, objects, ..begun }
    }

    /// The unit's objects as the intent records them: with the uid known from before, or none. `plurals`
    /// are their resources in URLs, in the same order; empty where a definition is yet to come.
    pub fn skeleton(&self, plurals: impl IntoIterator<Item = String>) -> Vec<InventoryObject> {
        let known: BTreeMap<&ObjectKey, &InventoryObject> =
            self.objects_before().map(|object| (&object.key, object)).collect();
        let of = |(object, plural): (&Object, String)| {
            let key = object.key();
            let before = known.get(&key);
            InventoryObject {
                version: object.api_version().rsplit('/').next().unwrap_or_default().to_owned(),
                plural,
                uid: before.and_then(|before| before.uid.clone()),
                fingerprint: before.and_then(|before| before.fingerprint.clone()),
                owned: before.and_then(|before| before.owned.clone()),
                done: is_run_once(object).then(|| Digest::of_json(object.value())),
                // A definition that was there already serves others than this topology.
                keep: object.annotation("helm.sh/resource-policy") == Some("keep")
                    || before.is_some_and(|before| before.keep)
                    || (key.defined_group().is_some() && self.adopt.contains(&key)),
                key,
            }
        };
        self.objects.iter().zip(plurals).map(of).collect()
    }

    /// What the intent holds: the skeleton, and what the last inventory holds and this one does not, or a
    /// crash would lose it.
    pub fn intended(&self, skeleton: &[InventoryObject]) -> Vec<InventoryObject> {
        let known: BTreeSet<&ObjectKey> = skeleton.iter().map(|object| &object.key).collect();
        let left = self.objects_before().filter(|object| !known.contains(&object.key));
        let done = |object: &InventoryObject| {
            let same = |old: &&InventoryObject| old.key == object.key && old.done == object.done;
            self.objects_before().find(same).and_then(|old| old.done.clone())
        };
        // What runs once is done only when this application is, unless it was done before as it is now.
        let intended = skeleton.iter().map(|object| InventoryObject { done: done(object), ..object.clone() });
        intended.filter(|object| !object.plural.is_empty()).chain(left.cloned()).collect()
    }

    /// What the inventory holds in the end: the skeleton with what was read back, what ran once on another
    /// occasion, since what that left behind goes with the unit, and the namespaces that go later.
    pub fn applied(
        &self,
        skeleton: Vec<InventoryObject>,
        live: &BTreeMap<ObjectKey, ReadBack>,
    ) -> Vec<InventoryObject> {
        let known: BTreeSet<ObjectKey> =
            skeleton.iter().chain(&self.prune).map(|object| object.key.clone()).collect();
        let left =
            self.objects_before().filter(|object| object.done.is_some() && !known.contains(&object.key));
        let all = skeleton.into_iter().chain(left.cloned()).chain(self.leaving.iter().cloned());
        all.map(|object| match live.get(&object.key) {
            Some(ReadBack { plural, live, owned }) => InventoryObject {
                plural: plural.clone(),
                uid: Some(live.uid.clone()),
                fingerprint: live.fingerprint.clone(),
                owned: owned.clone(),
                ..object
            },
            None => object,
        })
        .collect()
    }

    fn objects_before(&self) -> impl Iterator<Item = &InventoryObject> {
        self.before.iter().flat_map(|before| &before.objects)
    }
}

impl MakeMaterial {
    /// The unit's inventory before the first write.
    pub fn inventory(&self, topology: &TopologyName, unit: &UnitName) -> Inventory {
        let secret = InventoryObject {
            key: self.content.secret.key(),
            version: "v1".to_owned(),
            plural: "secrets".to_owned(),
            uid: None,
            fingerprint: None,
            owned: None,
            done: None,
            keep: false,
        };
        let begun = begun(topology, unit, &self.digest, &self.needs, self.before.as_ref());
        Inventory { objects: vec![secret], ..begun }
    }
}

/// An intent without objects. Facts and figures are those of the last application until there are new ones.
fn begun(
    topology: &TopologyName,
    unit: &UnitName,
    digest: &Digest,
    needs: &BTreeSet<UnitId>,
    before: Option<&Inventory>,
) -> Inventory {
    Inventory {
        topology: topology.clone(),
        unit: unit.clone(),
        state: State::Intended,
        digest: digest.clone(),
        needs: needs.clone(),
        facts: before.map_or_else(UnitFacts::new, |before| before.facts.clone()),
        used: Vec::new(),
        objects: Vec::new(),
        took: before.map_or_else(Took::default, |before| before.took),
        applied_at: before.map_or(0, |before| before.applied_at),
    }
}
