//! The schema and the parser say the same of texts that have a form: what an editor underlines is what is refused.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a schema of another form is a failure of the test"
)]

use lgtm_topology::{json_schema, parse};
use regex::Regex;
use serde_json::{Value, json};

/// Whether the schema takes the text. A word of JSON Schema that is not known here could not be judged, so it fails.
fn takes(schema: &Value, text: &str) -> bool {
    let pattern = |pattern: &Value| Regex::new(pattern.as_str().unwrap()).unwrap().is_match(text);
    schema.as_object().unwrap().iter().all(|(word, value)| match word.as_str() {
        "description" => true,
        "type" => value == "string",
        "pattern" => pattern(value),
        "maxLength" => u64::try_from(text.chars().count()).unwrap() <= value.as_u64().unwrap(),
        "not" => !takes(value, text),
        "anyOf" => value.as_array().unwrap().iter().any(|one| takes(one, text)),
        other => panic!("`{other}` is not known here"),
    })
}

/// Whether the parser takes a topology whose spec has this beside the hub's name.
fn parses(hub: &Value, spec: &Value) -> bool {
    let mut file = json!({
        "apiVersion": "lgtmctl.dev/v1alpha1", "kind": "Topology", "metadata": {"name": "small"},
        "spec": {"provider": {"kwok": {}}, "hub": {"name": "hub", "segment": "248/29"}, "spokes": []},
    });
    let add = |to: &mut Value, from: &Value| {
        to.as_object_mut().unwrap().extend(from.as_object().unwrap().clone());
    };
    add(&mut file["spec"]["hub"], hub);
    add(&mut file["spec"], spec);
    // JSON is YAML.
    parse("topology.yaml", &file.to_string()).topology.is_some()
}

fn check(schema: &Value, parses: impl Fn(&str) -> bool, good: &[&str], bad: &[&str]) {
    for (texts, wanted) in [(good, true), (bad, false)] {
        for text in texts {
            assert_eq!((parses(text), takes(schema, text)), (wanted, wanted), "parser, schema: {text:?}");
        }
    }
}

#[test]
fn hosts_of_grafana() {
    let schema = json_schema();
    let hub = &schema["properties"]["spec"]["properties"]["hub"]["properties"];
    let longest = "a".repeat(63);
    let part = |length: usize| format!("{}.b.example.com", "a".repeat(length));
    let of_length = |length: usize| format!("{longest}.{longest}.{longest}.{}", "a".repeat(length - 192));
    check(
        &hub["grafana"]["properties"]["host"],
        |host| parses(&json!({"grafana": {"host": host, "gatewayClass": "one"}}), &json!({})),
        &[
            "a.b",
            "grafana.example.com",
            "1.2.3a",
            "1.2.3-4",
            "xn--bcher-kva.example",
            &part(63),
            &of_length(253),
        ],
        &[
            "",
            "grafana",
            "Grafana.example.com",
            "a..b",
            ".a.b",
            "a.b.",
            "-a.b",
            "a-.b",
            "a.b-",
            "*.a.b",
            "a_b.c",
            "a.b:443",
            "https://a.b",
            "a.b/c",
            "a.b ",
            "a.b\n",
            "10.0.0.1",
            "a.1",
            "b\u{fc}cher.example",
            &part(64),
            &of_length(254),
        ],
    );
}

#[test]
fn places_of_manifests() {
    let schema = json_schema();
    let extra = &schema["properties"]["spec"]["properties"]["extraManifests"]["items"]["properties"];
    let url = |length: usize| format!("https://a.b/{}", "c".repeat(length - 12));
    check(
        &extra["files"]["items"],
        |place| {
            let extra = json!({"name": "mine", "clusters": ["hub"], "files": [place]});
            parses(&json!({}), &json!({"extraManifests": [extra]}))
        },
        &[
            "a",
            "./a.yaml",
            "/srv/manifests",
            "../a b/c.yaml",
            " a",
            "\u{a0}a",
            "a~$",
            "a:/b",
            "\u{fc}ber.yaml",
            "https:/a",
            "https://a.b/c",
            "https://a.b:8443/c/d.yaml",
            "https://a.b/c//d.yaml",
            "https://[::1]/a%20b.yaml",
            &url(240),
            &"a".repeat(300),
        ],
        &[
            "",
            " ",
            "\u{a0}\u{2003}",
            "~/a",
            "$HOME/a",
            "a\tb",
            "a\n",
            "\u{7f}",
            "a\u{85}",
            "http://a.b/c",
            "file:///a",
            "a://b",
            " https://a.b/c",
            "https://",
            "https://a.b",
            "https://a.b/",
            "https:///c",
            "https:////c",
            "https://a.b/c d",
            "https://a.b/\u{fc}",
            "https://u@a.b/c",
            "https://a.b/c?d",
            "https://a.b/c#d",
            "https://a.b/c\\d",
            "https://a.b/../c",
            "https://a.b/c..d",
            &url(241),
        ],
    );
}
