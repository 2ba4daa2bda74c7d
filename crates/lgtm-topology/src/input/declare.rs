//! The macros that declare mappings and words of the file, and the schemas that they make.
//!
//! They know how a declaration is written, and not one field.

use serde_json::{Map, json};

use super::Shape;

/// Adds a field's description and default to its type's schema.
pub(crate) fn field_schema(
    mut schema: serde_json::Value,
    description: &str,
    default: Option<serde_json::Value>,
) -> serde_json::Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), json!(description));
        if let Some(default) = default {
            object.insert("default".to_owned(), default);
        }
    }
    schema
}

/// The schema of a record.
pub(crate) fn record_schema(
    shape: Shape,
    description: &str,
    properties: Map<String, serde_json::Value>,
    required: &[&str],
) -> serde_json::Value {
    let mut schema = json!({
        "type": "object",
        "description": description,
        "additionalProperties": false,
    });
    if let Some(object) = schema.as_object_mut() {
        if !properties.is_empty() {
            object.insert("properties".to_owned(), properties.into());
        }
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
        if shape == Shape::OneOf {
            object.insert("minProperties".to_owned(), json!(1));
            object.insert("maxProperties".to_owned(), json!(1));
        }
    }
    schema
}

/// A doc comment as running text.
pub(crate) fn description(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// Whether a field must be there.
macro_rules! is_required {
    (required) => {
        true
    };
    (optional) => {
        false
    };
}

/// A default, if the declaration has one.
macro_rules! default_of {
    () => {
        None
    };
    ($default:expr) => {
        Some(serde_json::json!($default))
    };
}

/// Declares a mapping of the file: its fields, their types, what they are for, their defaults, and the
/// fields that are known but not supported.
macro_rules! record {
    (
        $(#[doc = $doc:literal])*
        $shape:ident $name:ident {
            $(
                $(#[doc = $field_doc:literal])*
                $presence:ident $field:ident $key:literal: $type:ty $(= $default:expr)?,
            )*
        }
        unsupported { $($other:literal: $why:literal,)* }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub(crate) struct $name {
            $($(#[doc = $field_doc])* pub(crate) $field: $crate::input::Field<$type>,)*
        }

        impl $crate::input::Input for $name {
            fn decode(
                node: &$crate::tree::Node,
                problems: &mut $crate::problems::Problems,
            ) -> Option<Self> {
                use $crate::input::{Fields, Shape};
                const KNOWN: &[&str] = &[$($key,)*];
                let fields = Fields::of(node, Shape::$shape, KNOWN, problems)?;
                let record = Self { $($field: fields.take($key, $crate::input::declare::is_required!($presence), problems),)* };
                fields.finish(Shape::$shape, KNOWN, &[$(($other, $why),)*], problems);
                Some(record)
            }

            fn schema() -> serde_json::Value {
                use $crate::input::{
                    Shape,
                    declare::{description, record_schema},
                };
                let fields: &[(&str, bool, serde_json::Value)] = &[$((
                    $key,
                    $crate::input::declare::is_required!($presence),
                    $crate::input::declare::field_schema(
                        <$type as $crate::input::Input>::schema(),
                        &description(&[$($field_doc),*]),
                        $crate::input::declare::default_of!($($default)?),
                    ),
                ),)*];
                let required: Vec<&str> =
                    fields.iter().filter(|(_, required, _)| *required).map(|(key, ..)| *key).collect();
                let properties =
                    fields.iter().map(|(key, _, schema)| ((*key).to_owned(), schema.clone())).collect();
                record_schema(Shape::$shape, &description(&[$($doc),*]), properties, &required)
            }
        }
    };
}

/// Declares a word of the file: the choices, and those that are known but not supported.
macro_rules! choice {
    ($name:ty { $($text:literal => $value:expr,)* } unsupported { $($other:literal: $why:literal,)* }) => {
        impl $crate::input::Input for $name {
            fn decode(
                node: &$crate::tree::Node,
                problems: &mut $crate::problems::Problems,
            ) -> Option<Self> {
                let word = $crate::input::text(node, problems)?;
                match word {
                    $($text => return Some($value),)*
                    $($other => $crate::input::report_unsupported(node.anchor, $other, $why, problems),)*
                    _ => $crate::input::report_unknown_choice(node, word, &[$($text,)*], problems),
                }
                None
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({"type": "string", "enum": [$($text,)*]})
            }
        }
    };
}

pub(crate) use choice;
pub(crate) use default_of;
pub(crate) use is_required;
pub(crate) use record;
