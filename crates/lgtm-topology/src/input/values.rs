//! Helm values: any YAML, as JSON, without the surprises between helm's YAML and ours.
//!
//! Helm reads YAML 1.1, where `no` is false and `0644` is 420; we read YAML 1.2, where `no` is text and
//! `0644` is 644. A scalar that means different things is an error rather than a guess.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value as Json, json};

use super::{Input, wrong_type};
use crate::{
    HelmValues, Position,
    diagnostic::Code,
    problems::{Problem, Problems, quoted},
    tree::{Kind, Node, Scalar, Value},
};

impl Input for HelmValues {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        if matches!(node.value, Value::Mapping(_)) {
            let values = convert(node, problems)?;
            let mut keys = BTreeMap::new();
            places(node, &mut String::new(), &mut keys);
            Some(Self { values, keys })
        } else {
            wrong_type(node, "a mapping", "write the chart's values below, or remove the field", problems);
            None
        }
    }

    fn schema() -> Json {
        json!({"type": "object"})
    }
}

/// The place of every key of a mapping; keys in lists have none, since lists are replaced whole.
fn places(node: &Node, pointer: &mut String, keys: &mut BTreeMap<String, Position>) {
    let Value::Mapping(entries) = &node.value else { return };
    for entry in entries {
        let above = pointer.len();
        pointer.push('/');
        pointer.push_str(&entry.key.replace('~', "~0").replace('/', "~1"));
        keys.insert(pointer.clone(), entry.key_place.position);
        places(&entry.node, pointer, keys);
        pointer.truncate(above);
    }
}

/// Recursion is bounded by the depth that the tree allows.
fn convert(node: &Node, problems: &mut Problems) -> Option<Json> {
    match &node.value {
        Value::Refused => None,
        Value::Scalar(scalar) => convert_scalar(node, scalar, problems),
        Value::Sequence(items) => {
            let converted: Vec<_> = items.iter().map(|item| convert(item, problems)).collect();
            converted.into_iter().collect::<Option<Vec<_>>>().map(Json::Array)
        }
        Value::Mapping(entries) => {
            let converted: Vec<_> = entries
                .iter()
                .map(|entry| convert(&entry.node, problems).map(|value| (entry.key.clone(), value)))
                .collect();
            converted.into_iter().collect::<Option<Map<_, _>>>().map(Json::Object)
        }
    }
}

fn convert_scalar(node: &Node, scalar: &Scalar, problems: &mut Problems) -> Option<Json> {
    if let Some((helm, ours)) = ambiguity(scalar) {
        problems.report(Problem {
            code: Code::AmbiguousScalar,
            at: node.anchor,
            message: format!("{} is {helm} to helm and {ours} here", quoted(&scalar.text)),
            label: "ambiguous without quotes".to_owned(),
            help: "quote it if it is text; else write `true`, `false`, or a number without leading zeros"
                .to_owned(),
        });
        return None;
    }
    let number = match scalar.kind() {
        Kind::Null => return Some(Json::Null),
        Kind::Bool(value) => return Some(Json::Bool(value)),
        Kind::Text => return Some(Json::String(scalar.text.clone())),
        Kind::Integer(number) => number.and_then(Number::from_i128),
        Kind::Float(number) => Number::from_f64(number),
    };
    if number.is_none() {
        problems.report(Problem {
            code: Code::InvalidValue,
            at: node.anchor,
            message: format!("{} is not a number that JSON can hold", quoted(&scalar.text)),
            label: "too large, or not finite".to_owned(),
            help: "quote it if it is text".to_owned(),
        });
    }
    number.map(Json::Number)
}

/// What the scalar means to helm and what to YAML 1.2, if not the same.
fn ambiguity(scalar: &Scalar) -> Option<(&'static str, &'static str)> {
    if !scalar.plain {
        return None;
    }
    match scalar.text.as_str() {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(("`true`", "text")),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(("`false`", "text")),
        text => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let octal = digits.len() > 1
                && digits.starts_with('0')
                && digits.bytes().all(|byte| byte.is_ascii_digit());
            octal.then_some(("an octal number", "a decimal one"))
        }
    }
}
