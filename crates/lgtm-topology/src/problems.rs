//! The list of problems while it grows, and the words that all of them share.
//!
//! It knows which field is being read and how much is too much; what is a problem, others decide.

use crate::{
    diagnostic::{Code, Diagnostic, Place, Related, Severity},
    redact,
    suggest::did_you_mean,
};

/// How many problems are listed. Nobody reads more, and a hostile file must not make us write more.
const LISTED: usize = 1_000;

/// A step from a value to one inside it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Key(&'static str),
    Index(usize),
}

/// A problem before it is put on the list.
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) at: Place,
    pub(crate) message: String,
    pub(crate) label: String,
    pub(crate) help: String,
}

/// The problems found so far and the field that is being read.
#[derive(Default)]
pub(crate) struct Problems {
    list: Vec<Diagnostic>,
    errors: usize,
    first_unlisted: Option<Place>,
    unlisted: usize,
    path: Vec<Step>,
}

impl Problems {
    /// Runs `read` one step further inside, so that what it reports names the right field.
    pub(crate) fn within<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let result = read(self);
        self.path.pop();
        result
    }

    /// The field that is being read, as `spec.spokes[1].tenant`.
    pub(crate) fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(key);
                }
                Step::Index(index) => {
                    path.push('[');
                    path.push_str(&index.to_string());
                    path.push(']');
                }
            }
        }
        path
    }

    /// An error in the field that is being read.
    pub(crate) fn report(&mut self, problem: Problem) {
        let path = self.path();
        self.push(Severity::Error, path, problem, None);
    }

    /// An error in the field at `path`.
    pub(crate) fn report_at(&mut self, path: &str, problem: Problem) {
        self.push(Severity::Error, path.to_owned(), problem, None);
    }

    /// An error that a second place explains.
    pub(crate) fn report_pair(&mut self, path: &str, problem: Problem, other: Place, label: String) {
        let related = Related { label, span: other.span, position: other.position };
        self.push(Severity::Error, path.to_owned(), problem, Some(related));
    }

    /// Something that has no effect.
    pub(crate) fn warn_at(&mut self, path: &str, problem: Problem) {
        self.push(Severity::Warning, path.to_owned(), problem, None);
    }

    /// Whether the topology cannot be used.
    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    fn push(&mut self, severity: Severity, path: String, problem: Problem, related: Option<Related>) {
        if severity == Severity::Error {
            self.errors += 1;
        }
        if self.list.len() >= LISTED {
            self.unlisted += 1;
            self.first_unlisted.get_or_insert(problem.at);
            return;
        }
        let Problem { code, at, message, label, help } = problem;
        self.list.push(Diagnostic {
            severity,
            code,
            path,
            message,
            label,
            span: at.span,
            position: at.position,
            help,
            related,
        });
    }

    /// The list in the order of the file.
    pub(crate) fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        // A stable sort: of two problems with one place, the one found first is the cause.
        self.list.sort_by_key(|diagnostic| (diagnostic.span.offset, diagnostic.severity));
        if let Some(place) = self.first_unlisted {
            self.list.push(Diagnostic {
                severity: Severity::Error,
                code: Code::TooMany,
                path: String::new(),
                message: format!("{} more problems are not listed", self.unlisted),
                label: "one of them is here".to_owned(),
                span: place.span,
                position: place.position,
                help: "mend those above and validate again".to_owned(),
                related: None,
            });
        }
        self.list
    }
}

/// A piece of the file inside a message: short, in backticks, and without control characters, which
/// could otherwise drive the reader's terminal. Credentials in a URL are masked.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    if !redact::userinfo(text).is_empty() {
        return format!("`{}`", redact::mask(text, &[]));
    }
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    // `escape_debug` also escapes quotes, which are harmless here and common in tenants.
    format!("`{}`", shown.replace("\\'", "'").replace("\\\"", "\""))
}

/// The names as `a`, `b` and `c`.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// The help for a name that is not one of `known`: the nearest one, or all of them when few.
pub(crate) fn help_for_unknown<'a>(
    name: &str,
    kind: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    const FEW: usize = 12;
    match did_you_mean(name, known.clone()) {
        Some(nearest) => format!("did you mean {}?", quoted(nearest)),
        None => {
            let mut names = known.into_iter();
            let few: Vec<&str> = names.by_ref().take(FEW).collect();
            let more = if names.next().is_some() { ", …" } else { "" };
            format!("{kind} {}{more}", listed(few))
        }
    }
}
