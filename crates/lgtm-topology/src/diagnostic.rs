//! What is wrong with a topology file, said so that a person can mend it: where, what, why, how.
//!
//! The module knows positions and words, and nothing of YAML or of what a topology means. How a
//! report is drawn is the command line's business; here it only offers itself to `miette`.

use std::{fmt, iter};

use miette::{LabeledSpan, NamedSource, SourceCode};
use serde::Serialize;

use crate::{Position, Topology};

/// What [`crate::parse`] found.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The checked topology; present exactly when no diagnostic is an error.
    pub topology: Option<Topology>,
    /// Everything worth saying, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    pub(crate) file_name: String,
    pub(crate) redacted_source: String,
}

impl Parsed {
    /// The diagnostics with the text that they point into, for a renderer of `miette` diagnostics.
    ///
    /// Values that look like credentials are masked in that text, so a rendered report may be shown.
    pub fn report(&self) -> Report {
        Report {
            file_name: self.file_name.clone(),
            diagnostics: self.diagnostics.clone(),
            source: NamedSource::new(&self.file_name, self.redacted_source.clone()).with_language("YAML"),
        }
    }

    /// Whether any diagnostic is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The topology cannot be used.
    Error,
    /// The topology can be used, though it says something that has no effect.
    Warning,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// The kind of a diagnostic: stable, so that scripts and `docs/errors.md` can refer to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])* $name,)*
        }

        impl Code {
            /// Every code, for documentation and for tests that want all of them covered.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it is printed and documented.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What the code stands for, in one sentence.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

codes! {
    /// The file is not UTF-8 text.
    Encoding = "topology::encoding",
    /// The file is larger than any topology has reason to be.
    TooLarge = "topology::too-large",
    /// The file is not YAML.
    Syntax = "topology::syntax",
    /// The file holds nothing.
    Empty = "topology::empty",
    /// The file holds more than one YAML document.
    SeveralDocuments = "topology::several-documents",
    /// The file uses a feature of YAML that a topology does not have (alias, merge key, tag).
    YamlFeature = "topology::yaml-feature",
    /// A mapping has the same key twice.
    DuplicateKey = "topology::duplicate-key",
    /// A mapping has a key that means nothing there.
    UnknownField = "topology::unknown-field",
    /// A field that must be there is not.
    MissingField = "topology::missing-field",
    /// A value has another type than its field.
    WrongType = "topology::wrong-type",
    /// A value has the right type and is not acceptable.
    InvalidValue = "topology::invalid-value",
    /// A field or value is known and this version cannot do it.
    NotSupported = "topology::not-supported",
    /// An unquoted scalar reads differently to helm than to YAML 1.2.
    AmbiguousScalar = "topology::ambiguous-scalar",
    /// A name, id, tenant or kubeconfig context is used twice.
    Duplicate = "topology::duplicate",
    /// A reference names something that the file does not define.
    UnknownReference = "topology::unknown-reference",
    /// Two networks overlap.
    Overlap = "topology::overlap",
    /// A range of addresses does not fit its purpose or its node network.
    Segment = "topology::segment",
    /// Two fields exclude each other, or one makes the other meaningless.
    Conflict = "topology::conflict",
    /// Something is said that changes nothing.
    NoEffect = "topology::no-effect",
    /// There are more problems than are worth listing.
    TooMany = "topology::too-many",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A stretch of the file, in bytes. It never crosses a line's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// The first byte, counted from 0.
    pub offset: usize,
    /// How many bytes.
    pub len: usize,
}

/// A span and where a person finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) span: Span,
    pub(crate) position: Position,
}

impl Place {
    /// The very start of the file, for what has no better place.
    pub(crate) const START: Self =
        Self { span: Span { offset: 0, len: 0 }, position: Position { line: 1, column: 1 } };
}

/// One thing that is wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Whether it prevents the topology from being used.
    pub severity: Severity,
    /// Its kind.
    pub code: Code,
    /// The field that it is about, such as `spec.spokes[1].tenant`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// The words next to the underlined text.
    pub label: String,
    /// The underlined text.
    pub span: Span,
    /// Where the underlined text starts.
    pub position: Position,
    /// What to do about it.
    pub help: String,
    /// Another place that the message speaks of, such as the first use of a name.
    pub related: Option<Related>,
}

/// Another place that a diagnostic speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Related {
    /// The words next to the underlined text.
    pub label: String,
    /// The underlined text.
    pub span: Span,
    /// Where the underlined text starts.
    pub position: Position,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let primary =
            LabeledSpan::new_primary_with_span(Some(self.label.clone()), (self.span.offset, self.span.len));
        let related = self.related.as_ref().map(|related| {
            LabeledSpan::new(Some(related.label.clone()), related.span.offset, related.span.len)
        });
        Some(Box::new(iter::once(primary).chain(related)))
    }
}

/// All diagnostics of one file, with the (redacted) text that they point into.
#[derive(Clone, Debug)]
pub struct Report {
    file_name: String,
    diagnostics: Vec<Diagnostic>,
    source: NamedSource<String>,
}

impl Report {
    /// One report per diagnostic, for a renderer that draws them one after another.
    pub fn single(&self) -> impl Iterator<Item = SingleReport<'_>> {
        self.diagnostics.iter().map(|diagnostic| SingleReport { diagnostic, source: &self.source })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
        let warnings = self.diagnostics.len() - errors;
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        write!(f, "{}: {errors} error{}", self.file_name, plural(errors))?;
        if warnings > 0 {
            write!(f, ", {warnings} warning{}", plural(warnings))?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

impl miette::Diagnostic for Report {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(self.diagnostics.iter().map(|diagnostic| diagnostic as &dyn miette::Diagnostic)))
    }
}

/// One diagnostic with the (redacted) text that it points into.
#[derive(Clone, Copy, Debug)]
pub struct SingleReport<'a> {
    diagnostic: &'a Diagnostic,
    source: &'a NamedSource<String>,
}

impl fmt::Display for SingleReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostic.fmt(f)
    }
}

impl std::error::Error for SingleReport<'_> {}

impl miette::Diagnostic for SingleReport<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.code()
    }

    fn severity(&self) -> Option<miette::Severity> {
        self.diagnostic.severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        miette::Diagnostic::help(self.diagnostic)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.diagnostic.labels()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }
}
