//! The JSON schema of the file, for editors and for the operator's custom resource.
//!
//! It comes from the same declarations as the decoder, so it cannot know other fields.

use serde_json::{Value, json};

use crate::input::{Input, file::FileInput};

/// The JSON schema of a topology file.
///
/// Checks between fields are not in it; [`crate::parse`] is the judge.
pub fn json_schema() -> Value {
    let mut schema = FileInput::schema();
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".to_owned(), json!("lgtmctl topology"));
    }
    // The order of keys must not depend on what other crates ask of serde_json in the same build.
    schema.sort_all_objects();
    schema
}
