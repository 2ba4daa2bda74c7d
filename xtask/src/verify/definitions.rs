//! Whether whoever brings a custom resource needs the unit with its definition from the start.
//!
//! An apply sees such needs in rendered objects alone, and a unit whose facts are not known yet is not rendered; so the
//! catalog has to state them.

use std::collections::{BTreeMap, BTreeSet};

use super::rendered::{Rendered, text};

/// Needs that only rendered objects show.
pub(super) fn check(source: &Rendered) -> Vec<String> {
    let unit = |object: &super::rendered::Object| format!("{}/{}", object.cluster, object.unit);
    let mut providers = BTreeMap::new();
    for object in source.objects().filter(|object| text(&object.value, "/kind") == "CustomResourceDefinition")
    {
        let (group, kind) = (text(&object.value, "/spec/group"), text(&object.value, "/spec/names/kind"));
        providers.insert((object.cluster.as_str(), group, kind), unit(object));
    }
    let mut problems = BTreeSet::new();
    for object in source.objects() {
        let group = text(&object.value, "/apiVersion").split('/').next().unwrap_or_default();
        let kind = text(&object.value, "/kind");
        let Some(provider) = providers.get(&(object.cluster.as_str(), group, kind)) else { continue };
        let brings = unit(object);
        let stated = source.needs.get(&brings).is_some_and(|needs| needs.contains(provider));
        if brings != *provider && !stated {
            problems.insert(format!("{} {brings}: its {kind} needs {provider}", source.name));
        }
    }
    problems.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_need_that_is_not_stated_is_found() {
        let definition = json!({"kind": "CustomResourceDefinition",
            "spec": {"group": "example.com", "names": {"kind": "Monitor"}}});
        let resource = json!({"apiVersion": "example.com/v1", "kind": "Monitor"});
        let mut source = Rendered::of("test", &[definition, resource]);
        assert!(check(&source).is_empty(), "a unit may bring both");
        source.place(0, "definitions");
        assert_eq!(check(&source), ["test hub/unit: its Monitor needs hub/definitions"]);
        source.needs.insert("hub/unit".to_owned(), ["hub/definitions".to_owned()].into());
        assert!(check(&source).is_empty());
    }
}
