//! The walls between the crates, as `docs/architecture.md` explains them.

use serde_json::Value;

/// What a crate may be built from.
struct Wall {
    name: &'static str,
    /// Crates of this workspace.
    ours: &'static [&'static str],
    others: Others,
}

enum Others {
    /// Nothing but these.
    Only(&'static [&'static str]),
    /// Anything but these.
    Not(&'static [&'static str]),
}

const WALLS: &[Wall] = &[
    Wall {
        name: "lgtm-topology",
        ours: &[],
        others: Others::Only(&[
            "granit-parser",
            "ipnet",
            "miette",
            "serde",
            "serde_json",
            "strsim",
            "thiserror",
        ]),
    },
    Wall {
        name: "lgtm-planner",
        ours: &["lgtm-topology"],
        others: Others::Only(&["base64", "ipnet", "petgraph", "serde", "serde_json", "sha2", "thiserror"]),
    },
    Wall {
        name: "lgtm-executor",
        ours: &["lgtm-planner", "lgtm-topology"],
        others: Others::Only(&["serde", "serde_json", "thiserror", "tokio", "tracing"]),
    },
    Wall {
        name: "lgtm-world",
        ours: &["lgtm-executor", "lgtm-planner", "lgtm-topology"],
        others: Others::Not(&["clap", "clap_complete", "console", "indicatif", "miette", "anyhow"]),
    },
    Wall {
        name: "lgtmctl",
        ours: &["lgtm-executor", "lgtm-planner", "lgtm-topology", "lgtm-world"],
        others: Others::Not(&["anyhow", "k8s-openapi", "kube", "rcgen"]),
    },
    Wall { name: "xtask", ours: &["lgtm-topology", "lgtmctl"], others: Others::Not(&["anyhow"]) },
];

/// Complaints about the answer of `cargo metadata --no-deps`.
pub(super) fn check(metadata: &Value) -> Vec<String> {
    let mut failures = Vec::new();
    let packages: Vec<&Value> = list(metadata, "packages").collect();
    let names: Vec<&str> = packages.iter().map(|package| text(package, "name")).collect();
    for package in &packages {
        let name = text(package, "name");
        let Some(wall) = WALLS.iter().find(|wall| wall.name == name) else {
            failures.push(format!("{name} has no entry in the table of crates; say what it may depend on"));
            continue;
        };
        // Tests may use what they need; the walls are about what is shipped.
        let shipped = list(package, "dependencies").filter(|one| text(one, "kind") != "dev");
        for dependency in shipped.map(|one| text(one, "name")) {
            let allowed = if names.contains(&dependency) {
                wall.ours.contains(&dependency)
            } else {
                match &wall.others {
                    Others::Only(only) => only.contains(&dependency),
                    Others::Not(not) => !not.contains(&dependency),
                }
            };
            if !allowed {
                failures.push(format!("{name} must not depend on {dependency}; see docs/architecture.md"));
            }
        }
    }
    let missing = WALLS.iter().filter(|wall| !names.contains(&wall.name));
    failures.extend(missing.map(|wall| format!("{} is in the table of crates and not there", wall.name)));
    failures
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(planner: &Value) -> Value {
        let names = WALLS.iter().map(|wall| wall.name);
        let packages: Vec<Value> = names
            .map(|name| {
                let none = json!([]);
                let dependencies = if name == "lgtm-planner" { planner } else { &none };
                json!({"name": name, "dependencies": dependencies})
            })
            .collect();
        json!({"packages": packages})
    }

    #[test]
    fn edges_beyond_the_table_are_named() {
        let dependencies = json!([
            {"name": "lgtm-topology", "kind": null}, {"name": "lgtm-world", "kind": null},
            {"name": "tokio", "kind": null}, {"name": "proptest", "kind": "dev"},
        ]);
        assert_eq!(
            check(&metadata(&dependencies)),
            [
                "lgtm-planner must not depend on lgtm-world; see docs/architecture.md",
                "lgtm-planner must not depend on tokio; see docs/architecture.md",
            ]
        );
        assert_eq!(check(&metadata(&json!([{"name": "serde", "kind": null}]))), [""; 0]);
    }

    #[test]
    fn crates_and_table_name_each_other() {
        let found = check(&json!({"packages": [{"name": "stranger", "dependencies": []}]}));
        assert_eq!(found.len(), WALLS.len() + 1);
        assert!(found.iter().any(|one| one.starts_with("stranger has no entry")), "{found:?}");
    }
}
