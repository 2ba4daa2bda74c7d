//! From the text of a file to a topology, or to values for a chart: the one way in.

use crate::{
    Diagnostic, HelmValues, Position,
    check::check,
    diagnostic::{Code, Parsed, Place, Span},
    input::Input as _,
    problems::{Problem, Problems},
    redact, tree,
};

/// The largest file that is read. A thousand spokes take a quarter of a megabyte.
const LARGEST: usize = 4 * 1024 * 1024;

/// Reads a topology and reports everything that is wrong with it at once.
///
/// `file_name` is only shown, never opened. There is a topology exactly when no diagnostic is an error.
pub fn parse(file_name: &str, source: &str) -> Parsed {
    let mut problems = Problems::default();
    if source.len() > LARGEST {
        problems.report(Problem {
            code: Code::TooLarge,
            at: Place::START,
            message: format!("the file has {} bytes and at most {LARGEST} are read", source.len()),
            label: "not read".to_owned(),
            help: "check that this is the topology; charts and manifests are referred to by their paths"
                .to_owned(),
        });
        return Parsed {
            topology: None,
            diagnostics: problems.into_diagnostics(),
            file_name: file_name.to_owned(),
            // Nothing was read, so nothing is known of its credentials; and nobody wants to see it.
            redacted_source: String::new(),
        };
    }
    let tree = tree::read(source, &mut problems);
    let redacted_source = redact::mask(source, &tree.hidden);
    // Without a tree there is nothing to check, and why there is none has been said.
    let (topology, diagnostics) =
        if tree.root.is_some() { check(&tree, problems) } else { (None, problems.into_diagnostics()) };
    Parsed { topology, diagnostics, file_name: file_name.to_owned(), redacted_source }
}

/// Reads a file of helm values by the rules for values in a topology: what helm would read differently is
/// refused.
///
/// # Errors
///
/// Everything that is wrong with it.
pub fn helm_values(source: &str) -> Result<HelmValues, Vec<Diagnostic>> {
    let mut problems = Problems::default();
    let tree = tree::read(source, &mut problems);
    let values = tree.root.as_ref().and_then(|root| HelmValues::decode(root, &mut problems));
    match values.filter(|_| !problems.has_errors()) {
        Some(values) => Ok(values),
        None => Err(problems.into_diagnostics()),
    }
}

/// As [`parse`], for the bytes of a file that may not even be text.
pub fn parse_bytes(file_name: &str, source: &[u8]) -> Parsed {
    let error = match std::str::from_utf8(source) {
        Ok(source) => return parse(file_name, source),
        Err(error) => error,
    };
    let valid = source.get(..error.valid_up_to()).unwrap_or_default();
    let before = String::from_utf8_lossy(valid);
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mut problems = Problems::default();
    problems.report(Problem {
        code: Code::Encoding,
        at: Place {
            span: Span { offset: valid.len(), len: 0 },
            position: Position {
                line: count(before.matches('\n').count() + 1),
                column: count(last_line.chars().count() + 1),
            },
        },
        message: "the file is not UTF-8 text".to_owned(),
        label: "this byte is not part of UTF-8".to_owned(),
        help: "save the file as UTF-8, without compression or encryption".to_owned(),
    });
    Parsed {
        topology: None,
        diagnostics: problems.into_diagnostics(),
        file_name: file_name.to_owned(),
        redacted_source: redact::mask(&before, &redact::guess(&before)),
    }
}
