//! Plans for tests of output.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_planner::{
    fact::FactRef,
    object::ObjectKey,
    observed::{Conflict, FieldChange},
    plan::{Change, ObjectChange, ObjectVerb, Plan, Step, StepId},
    unit::UnitId,
};
use lgtm_topology::{ClusterName, TopologyName};

use super::{Style, plan::Fleet};

pub(crate) const PLAIN: fn() -> Style = || Style::new(false, 100, false);

pub(crate) fn unit(text: &str) -> UnitId {
    text.parse().unwrap()
}

pub(crate) fn cluster(name: &str) -> ClusterName {
    ClusterName::new(name)
}

pub(crate) fn fleet() -> Fleet {
    Fleet {
        hub: cluster("hub"),
        clusters: ["east", "hub", "north", "south", "west"].map(ClusterName::new).into(),
    }
}

pub(crate) fn step(id: &str, change: Change, reason: &str) -> Step {
    Step {
        id: StepId { unit: unit(id), removal: change == Change::Remove },
        needs: BTreeSet::new(),
        change,
        reasons: vec![reason.to_owned()],
        objects: Vec::new(),
        waits_for: Vec::new(),
        needs_permission: false,
        estimate: 1_000,
        action: None,
    }
}

pub(crate) fn object(kind: &str, name: &str, verb: ObjectVerb) -> ObjectChange {
    let (namespace, name) = match name.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, name),
    };
    let object = ObjectKey { group: String::new(), kind: kind.to_owned(), namespace, name: name.to_owned() };
    ObjectChange { object, verb, fields: Vec::new(), conflicts: Vec::new(), remark: None }
}

pub(crate) fn field(path: &str, before: Option<&str>, after: Option<&str>) -> FieldChange {
    FieldChange { path: path.to_owned(), before: before.map(str::to_owned), after: after.map(str::to_owned) }
}

pub(crate) fn conflict(path: &str, manager: &str) -> Conflict {
    Conflict { path: path.to_owned(), manager: manager.to_owned() }
}

pub(crate) fn fact(unit: &str, name: &str) -> FactRef {
    FactRef::new(&self::unit(unit), name)
}

pub(crate) fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        topology: TopologyName::new("quickstart"),
        steps,
        unchanged: BTreeSet::new(),
        unreachable: BTreeMap::new(),
        notes: Vec::new(),
    }
}

/// One step with objects of these kinds.
pub(crate) fn creating(id: &str, kinds: &[&str]) -> Step {
    let mut step = step(id, Change::Create, "new");
    step.objects = kinds
        .iter()
        .enumerate()
        .map(|(index, kind)| object(kind, &format!("a/{index}"), ObjectVerb::Create))
        .collect();
    step
}

/// A plan with every kind of step.
pub(crate) fn every_kind() -> Plan {
    let mut update = step("hub/grafana", Change::Update, "its content has changed");
    let mut map = object("ConfigMap", "observability/grafana", ObjectVerb::Update);
    map.fields = vec![
        field("data[a.ini]", Some("[server]\nport = 1\nhost = x\n"), Some("[server]\nport = 2\nhost = x\n")),
        field("metadata.labels.team", None, Some("metrics")),
        field("metadata.labels.old", Some("yes"), None),
    ];
    let mut deployment = object("Deployment", "observability/grafana", ObjectVerb::Adopt);
    deployment.fields = vec![field("spec.replicas", Some("3"), Some("1"))];
    deployment.conflicts = vec![conflict("spec.replicas", "kubectl-scale")];
    let mut kept = object("PersistentVolumeClaim", "observability/data", ObjectVerb::Keep);
    kept.remark = Some("helm.sh/resource-policy: keep".to_owned());
    update.objects = vec![map, deployment, object("Service", "observability/old", ObjectVerb::Delete), kept];

    let mut repair = step("west/alloy", Change::Repair, "1 object was deleted by another hand");
    repair.objects = vec![object("DaemonSet", "monitoring/alloy", ObjectVerb::Create)];

    let mut replace = step("hub/mimir", Change::Replace, "a field that cannot change in place has changed");
    let mut set = object("StatefulSet", "mimir/mimir", ObjectVerb::Replace);
    set.fields = vec![field("spec.serviceName", Some("a"), Some("b"))];
    set.remark =
        Some("updates to statefulset spec are forbidden; its pods stop until it is made again".to_owned());
    replace.objects = vec![set];

    let mut authority =
        step("hub/authority", Change::Replace, "Secret a/ca was deleted; what it held is lost");
    authority.needs_permission = true;
    authority.objects = vec![object("Secret", "a/ca", ObjectVerb::Replace)];

    let mut later = step("hub/tenant-gateway", Change::Later, "decided when its facts are known");
    later.reasons.clear();
    later.waits_for = ["east", "north", "south", "west"]
        .map(|spoke| fact(&format!("{spoke}/tenant-certificate"), "fingerprints"))
        .into();
    let mut remove = step("east/demo", Change::Remove, "it is no longer in the topology");
    remove.objects = vec![
        object("Deployment", "demo/app", ObjectVerb::Delete),
        object("Service", "demo/app", ObjectVerb::Delete),
        object("Service", "demo/db", ObjectVerb::Delete),
    ];
    let mut certificates = Vec::new();
    for spoke in ["north", "south", "west"] {
        let id = format!("{spoke}/tenant-certificate");
        let mut step = step(&id, Change::Replace, "the certificate expires in 9 days");
        step.objects = vec![object("Secret", "monitoring/tenant", ObjectVerb::Replace)];
        certificates.push(step);
    }
    let mut steps = vec![
        creating("north/namespaces", &["Namespace"]),
        creating("south/namespaces", &["Namespace"]),
        creating("west/loki", &["Service", "ConfigMap", "StatefulSet", "Service", "ServiceAccount"]),
        step("south/enrolment", Change::Resume, "an earlier apply was cut short"),
        update,
        repair,
        replace,
        authority,
        later,
        remove,
        step("east/cluster", Change::Blocked, "east does not answer: connection refused"),
    ];
    steps.extend(certificates);
    let mut plan = plan(steps);
    plan.unreachable.insert(cluster("east"), "connection refused".to_owned());
    plan.notes.push("Grafana has no ingress; `lgtmctl status` shows its address".to_owned());
    plan.unchanged.insert(unit("hub/namespaces"));
    plan
}
