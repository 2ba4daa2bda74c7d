//! The objects that both worlds are given, and what other hands do to them.

use lgtm_executor::sim::Random;
use lgtm_planner::{
    object::{Object, ObjectKey},
    unit::UnitName,
};
use serde_json::{Value, json};

use super::Deed;

/// What is applied: some of the objects, each with some of its fields.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    name: String,
    present: [bool; 5],
    variant: [u64; 5],
}

/// Kinds with granular maps, keyed lists, atomic lists, immutable fields, and none of a namespace.
const KINDS: [(&str, &str, &str, bool); 5] = [
    ("", "ConfigMap", "configmaps", true),
    ("", "Secret", "secrets", true),
    ("", "Service", "services", true),
    ("apps", "Deployment", "deployments", true),
    ("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", false),
];
/// A namespace of the catalog's, which is there.
const NAMESPACE: &str = "mimir";

impl Wanted {
    pub(super) fn new(unit: &UnitName) -> Self {
        Self { name: unit.to_string(), present: [true; 5], variant: [0; 5] }
    }

    pub(super) fn keys(unit: &UnitName) -> Vec<ObjectKey> {
        KINDS
            .iter()
            .map(|(group, kind, _, namespaced)| ObjectKey {
                group: (*group).to_owned(),
                kind: (*kind).to_owned(),
                namespace: namespaced.then(|| NAMESPACE.to_owned()),
                name: unit.to_string(),
            })
            .collect()
    }

    pub(super) fn change(&mut self, random: &mut Random) {
        for _ in 0..=random.below(2) {
            let which = usize::try_from(random.below(5)).unwrap();
            if random.percent(20) {
                self.present[which] ^= true;
            } else {
                self.variant[which] = random.below(1 << 7);
            }
        }
    }

    pub(super) fn objects(&self) -> Vec<Object> {
        let all = [self.config_map(), self.secret(), self.service(), self.deployment(), self.role()];
        let wanted = all.into_iter().zip(self.present).filter(|(_, present)| *present);
        wanted.map(|(object, _)| Object::new(object).unwrap()).collect()
    }

    fn bit(&self, which: usize, bit: u64) -> bool {
        self.variant[which] >> bit & 1 == 1
    }

    fn metadata(&self, which: usize) -> Value {
        let mut metadata = json!({"name": self.name});
        if KINDS[which].3 {
            metadata["namespace"] = json!(NAMESPACE);
        }
        if self.bit(which, 6) {
            metadata["annotations"] = json!({"example.com/note": "applied"});
        }
        metadata
    }

    fn config_map(&self) -> Value {
        let mut data = json!({"always": "here"});
        if self.bit(0, 0) {
            data["one"] = json!("applied");
        }
        if self.bit(0, 1) {
            data["two"] = json!(if self.bit(0, 2) { "2" } else { "two" });
        }
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": self.metadata(0), "data": data})
    }

    fn secret(&self) -> Value {
        let mut data = json!({"always": "aGVyZQ=="});
        if self.bit(1, 0) {
            data["one"] = json!("b25l");
        }
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": self.metadata(1), "data": data})
    }

    fn service(&self) -> Value {
        let mut ports = vec![json!({"name": "http", "port": 80})];
        if self.bit(2, 0) {
            ports.push(json!({"name": "more", "port": 81, "targetPort": if self.bit(2, 1) { 9 } else { 8 }}));
        }
        let app = if self.bit(2, 2) { "a" } else { "b" };
        json!({"apiVersion": "v1", "kind": "Service", "metadata": self.metadata(2),
            "spec": {"ports": ports, "selector": {"app": app}}})
    }

    fn deployment(&self) -> Value {
        // Another selector cannot be had in place; that is rare, since it takes a while.
        let app = if self.variant[3] & 0b11_0000 == 0b11_0000 { "other" } else { "main" };
        let labels = json!({"app": app});
        let mut env = vec![json!({"name": "ALWAYS", "value": "here"})];
        if self.bit(3, 0) {
            env.push(json!({"name": "ONE", "value": if self.bit(3, 1) { "1" } else { "one" }}));
        }
        let mut containers = vec![json!({"name": "main", "image": "registry.invalid/main:1", "env": env})];
        if self.bit(3, 2) {
            containers[0]["args"] = json!(["--applied"]);
            containers[0]["ports"] = json!([{"containerPort": 80}]);
        }
        let mut spec = json!({
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        });
        if !self.bit(3, 3) {
            spec["replicas"] = json!(0);
        }
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": self.metadata(3), "spec": spec})
    }

    fn role(&self) -> Value {
        let verbs = if self.bit(4, 0) { json!(["get", "list"]) } else { json!(["get"]) };
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": self.metadata(4),
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs}]})
    }
}

/// Where an object is in URLs.
pub(super) fn path(key: &ObjectKey) -> String {
    let (group, _, plural, _) = KINDS.iter().find(|(_, kind, ..)| *kind == key.kind).unwrap();
    let version = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/v1") };
    match &key.namespace {
        Some(namespace) => format!("{version}/namespaces/{namespace}/{plural}/{}", key.name),
        None => format!("{version}/{plural}/{}", key.name),
    }
}

/// Something that can be done to the object as it is.
pub(super) fn deed(random: &mut Random, key: &ObjectKey, found: &Value) -> Option<Deed> {
    if found["metadata"]["deletionTimestamp"].is_string() {
        return None;
    }
    let set = |at: &str, value: Value| Some(Deed::Set(at.to_owned(), value));
    let unset = |at: &str| found.pointer(at).map(|_| Deed::Unset(at.to_owned()));
    let word = ["by hand", "by another hand"][usize::try_from(random.below(2)).unwrap()];
    match random.below(10) {
        0 => return Some(Deed::Delete),
        1 if found["metadata"]["finalizers"].is_null() && key.kind != "Deployment" => {
            return set("/metadata/finalizers", json!(["example.com/hold"]));
        }
        2 => return set("/metadata/labels/example.com~1label", json!("foreign")),
        3 => return unset("/metadata/labels/lgtmctl.dev~1unit"),
        4 => return Some(Deed::Apply(operators(key, word))),
        _ => {}
    }
    let base64 = json!("YnkgaGFuZA==");
    match (key.kind.as_str(), random.below(3)) {
        ("ConfigMap", 0) => set("/data/one", json!(word)),
        ("ConfigMap", 1) => unset("/data/always"),
        ("ConfigMap", _) => set("/data/foreign", json!(word)),
        ("Secret", 0) => set("/data/one", base64),
        ("Secret", _) => set("/data/always", base64),
        ("Service", 0) => set("/spec/ports/0/name", json!("renamed")),
        ("Service", 1) => set("/spec/selector", json!({"app": "by-hand"})),
        ("Service", _) => set("/spec/sessionAffinity", json!("ClientIP")),
        ("Deployment", 0) => set("/spec/replicas", json!(random.below(2))),
        ("Deployment", 1) => set("/spec/template/spec/containers/0/image", json!("registry.invalid/hand:1")),
        ("Deployment", _) => set("/spec/template/spec/containers/0/env/0/value", json!(word)),
        (_, 0) => set("/rules", json!([])),
        (_, _) => set("/metadata/annotations", json!({"example.com/note": word})),
    }
}

/// What an operator applies beside us: a field of ours, or one of its own.
pub(super) fn operators(key: &ObjectKey, word: &str) -> Value {
    let mut object = json!({"metadata": {"name": key.name}});
    if let Some(namespace) = &key.namespace {
        object["metadata"]["namespace"] = json!(namespace);
    }
    object["kind"] = json!(key.kind);
    object["apiVersion"] = json!(match key.group.as_str() {
        "" => "v1".to_owned(),
        group => format!("{group}/v1"),
    });
    match key.kind.as_str() {
        "ConfigMap" => object["data"] = json!({"one": word, "operators": word}),
        "Deployment" => object["spec"] = json!({"minReadySeconds": 1, "replicas": 0}),
        _ => object["metadata"]["annotations"] = json!({"example.com/note": word}),
    }
    object
}
