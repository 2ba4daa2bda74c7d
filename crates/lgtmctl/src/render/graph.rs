//! The graph of units, for Graphviz, Mermaid and scripts.
//!
//! An edge goes from what is needed to what needs it, as the apply goes. The module draws what must
//! exist and knows nothing of what is there.

use std::collections::BTreeMap;

use lgtm_planner::{
    desired::Desired,
    unit::{Content, Unit, UnitId},
};
use serde_json::{Value, json};

use super::json::line;

/// What a unit is, in a word.
pub(crate) fn kind(content: &Content) -> &'static str {
    match content {
        Content::Cluster(_) => "cluster",
        Content::Enrolment => "enrolment",
        Content::Objects(_) => "objects",
        Content::Release(_) => "release",
        Content::Manifests(_) => "manifests",
        Content::Material(_) => "material",
    }
}

/// Identifiers that both languages accept whatever the names are.
fn identifiers(desired: &Desired) -> BTreeMap<&UnitId, String> {
    desired.ordered().enumerate().map(|(index, unit)| (&unit.id, format!("u{index}"))).collect()
}

/// For Graphviz.
pub fn dot(desired: &Desired) -> String {
    let ids = identifiers(desired);
    let mut lines = vec![
        format!("digraph \"{}\" {{", desired.topology),
        "  rankdir=LR".to_owned(),
        "  node [shape=box, style=rounded]".to_owned(),
    ];
    for (index, (cluster, _)) in desired.clusters().enumerate() {
        let role = if *cluster == desired.hub { " (hub)" } else { "" };
        lines.push(format!("  subgraph cluster_{index} {{"));
        lines.push(format!("    label=\"{cluster}{role}\""));
        for unit in desired.ordered().filter(|unit| unit.id.cluster == *cluster) {
            if let Some(id) = ids.get(&unit.id) {
                let (name, kind) = (&unit.id.name, kind(&unit.content));
                lines.push(format!("    {id} [label=\"{name}\", tooltip=\"{kind}\"]"));
            }
        }
        lines.push("  }".to_owned());
    }
    lines.extend(edges(desired, &ids).map(|(from, to)| format!("  {from} -> {to}")));
    lines.push("}\n".to_owned());
    lines.join("\n")
}

/// For Mermaid.
pub fn mermaid(desired: &Desired) -> String {
    let ids = identifiers(desired);
    let mut lines = vec!["flowchart LR".to_owned()];
    for (index, (cluster, _)) in desired.clusters().enumerate() {
        let role = if *cluster == desired.hub { " (hub)" } else { "" };
        lines.push(format!("  subgraph c{index}[\"{cluster}{role}\"]"));
        for unit in desired.ordered().filter(|unit| unit.id.cluster == *cluster) {
            if let Some(id) = ids.get(&unit.id) {
                lines.push(format!("    {id}[\"{}\"]", unit.id.name));
            }
        }
        lines.push("  end".to_owned());
    }
    lines.extend(edges(desired, &ids).map(|(from, to)| format!("  {from} --> {to}")));
    lines.push(String::new());
    lines.join("\n")
}

fn edges<'a>(
    desired: &'a Desired,
    ids: &'a BTreeMap<&UnitId, String>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    desired.ordered().flat_map(move |unit| {
        unit.needs.iter().filter_map(move |need| Some((ids.get(need)?.as_str(), ids.get(&unit.id)?.as_str())))
    })
}

/// For scripts: one line.
pub fn json(desired: &Desired) -> Value {
    let units: Vec<Value> = desired.ordered().map(unit).collect();
    let clusters: Vec<_> = desired.clusters().map(|(name, _)| name).collect();
    let content =
        json!({"topology": desired.topology, "hub": desired.hub, "clusters": clusters, "units": units});
    line("graph", content)
}

/// A unit, with the Secret that it makes.
fn unit(unit: &Unit) -> Value {
    let mut shown = json!({"unit": unit.id, "kind": kind(&unit.content), "needs": unit.needs});
    if let (Content::Material(content), Some(shown)) = (&unit.content, shown.as_object_mut()) {
        shown.insert("secret".to_owned(), json!(content.secret));
    }
    shown
}

#[cfg(test)]
mod tests {
    use lgtm_planner::desired::{Capabilities, desire};

    use super::*;

    /// The smallest topology there is: two clusters, so that edges cross.
    fn desired() -> Desired {
        let source = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: small}\nspec:\n  \
            provider: {kwok: {}}\n  hub: {name: hub, segment: 248/29}\n  spokes: [{name: west, tenant: west, scenario: alloy}]\n";
        let parsed = lgtm_topology::parse("small.yaml", source);
        let topology = parsed.topology.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics));
        desire(&topology, &Capabilities::default()).unwrap()
    }

    /// Which units there are is the catalog's to say and to test; the form is what counts here.
    #[test]
    fn every_unit_and_every_edge_is_drawn() {
        let desired = desired();
        let edges: usize = desired.units.values().map(|unit| unit.needs.len()).sum();
        for (text, arrow, close) in [(dot(&desired), "->", "\n  }"), (mermaid(&desired), "-->", "\n  end")] {
            assert_eq!(text.matches(arrow).count(), edges, "{text}");
            assert_eq!(text.matches(close).count(), 2, "{text}");
            assert!(text.contains("\"hub (hub)\"") && text.contains("\"west\""), "{text}");
            for unit in desired.units.keys() {
                assert!(text.contains(&format!("\"{}\"", unit.name)), "{unit}: {text}");
            }
        }
        assert!(dot(&desired).starts_with("digraph \"small\" {\n  rankdir=LR\n"));
        assert!(mermaid(&desired).starts_with("flowchart LR\n  subgraph c0[\"hub (hub)\"]\n"));
    }

    #[test]
    fn scripts_get_units_in_order() {
        let value = json(&desired());
        assert_eq!((&value["version"], &value["type"]), (&json!(1), &json!("graph")));
        let units = value["units"].as_array().unwrap();
        let place = |wanted: &Value| units.iter().position(|unit| &unit["unit"] == wanted);
        for unit in units {
            for need in unit["needs"].as_array().unwrap() {
                assert!(place(need) < place(&unit["unit"]), "{unit}");
            }
            assert_eq!(unit["kind"] == "material", unit["secret"]["name"].is_string(), "{unit}");
        }
    }
}
