//! The topology file: read, parsed, and its diagnostics drawn.

use std::{
    fmt,
    io::Read as _,
    path::{Path, PathBuf},
};

use lgtm_planner::desired::DesireError;
use lgtm_topology::{Parsed, Position, Report, Topology};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};

use crate::{
    error::CommandError,
    printer::Printer,
    render::{Style, problem},
};

/// A file that was read.
#[derive(Debug)]
pub struct Document {
    parsed: Parsed,
    text: String,
    path: PathBuf,
}

impl Document {
    /// Reads a file; `-` is stdin.
    pub fn read(path: &Path) -> Result<Self, CommandError> {
        let failed = |source| CommandError::Unreadable { path: path.to_owned(), source };
        let (name, bytes) = if path == Path::new("-") {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map_err(failed)?;
            ("<stdin>".to_owned(), bytes)
        } else {
            (path.display().to_string(), std::fs::read(path).map_err(failed)?)
        };
        let parsed = lgtm_topology::parse_bytes(&name, &bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self { parsed, text, path: path.to_owned() })
    }

    /// What was found in it.
    pub fn parsed(&self) -> &Parsed {
        &self.parsed
    }

    /// The folder that paths in the file are relative to.
    pub fn base_dir(&self) -> PathBuf {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            Some(_) | None => PathBuf::from("."),
        }
    }

    /// The file beside it that fixes charts from repositories.
    pub fn lock_path(&self) -> PathBuf {
        self.path.with_extension("lock")
    }

    /// All diagnostics, drawn one after another.
    pub fn diagnostics(&self, style: Style) -> String {
        let report = self.parsed.report();
        report.single().map(|single| draw(&single, style)).collect()
    }

    /// The topology. Diagnostics go to stderr: warnings too, since they are easily overlooked later.
    pub fn topology(&self, printer: &Printer) -> Result<Topology, CommandError> {
        let text = self.diagnostics(printer.talk_style());
        match &self.parsed.topology {
            Some(topology) => {
                printer.talk(&text);
                Ok(topology.clone())
            }
            None => {
                printer.insist(&text);
                Err(CommandError::Invalid)
            }
        }
    }

    /// What is wrong with what the file asks for, with its place where it has one.
    pub fn desire_errors(&self, problems: &[DesireError], style: Style) -> String {
        problems.iter().map(|problem| self.desire_error(problem, style)).collect()
    }

    fn desire_error(&self, problem: &DesireError, style: Style) -> String {
        let report = self.parsed.report();
        let located = match problem {
            DesireError::UnknownNeed { need, position, known, .. } => {
                let unit = need.rsplit('/').next().unwrap_or(need);
                let all = || format!("units on that cluster: {}", known.join(", "));
                let help = problem::nearest(unit, known.iter().map(String::as_str), all);
                Some((*position, need.len(), "no such unit".to_owned(), help))
            }
            DesireError::UnknownRelease { release, position, known, .. } => {
                let all = || format!("releases there: {}", known.join(", "));
                let help = problem::nearest(release, known.iter().map(String::as_str), all);
                Some((*position, release.len(), "no such release".to_owned(), help))
            }
            DesireError::UnknownService { key, position, known, .. } => {
                let help = format!("it may be {}", known.join(", "));
                let length = key.rsplit('.').next().unwrap_or(key).len();
                Some((*position, length, "others rely on it".to_owned(), help))
            }
            DesireError::NameTaken { name, .. } => {
                let extras = self.parsed.topology.as_ref().map(|topology| &topology.positions.extras);
                let found = extras.and_then(|extras| extras.iter().find(|(extra, _)| extra.as_str() == name));
                found.map(|(_, position)| {
                    let help = "give the extra another name".to_owned();
                    (*position, name.len(), "taken by the catalog".to_owned(), help)
                })
            }
            DesireError::Cycle(_) => None,
        };
        let Some((position, len, label, help)) = located else {
            return problem::desire_error(problem, style);
        };
        let Some(offset) = offset(&self.text, position) else { return problem::desire_error(problem, style) };
        let located = Located {
            severity: miette::Severity::Error,
            message: problem.to_string(),
            label,
            help,
            span: (offset, len),
            report: &report,
        };
        draw(&located, style)
    }

    /// A warning at a place in the file; of the place, the length is in characters.
    pub fn warning(
        &self,
        message: &str,
        label: &str,
        help: &str,
        (position, len): (Position, usize),
        style: Style,
    ) -> String {
        let report = self.parsed.report();
        let start = offset(&self.text, position).unwrap_or_default();
        let end = self.text.get(start..).and_then(|rest| rest.char_indices().nth(len));
        let located = Located {
            severity: miette::Severity::Warning,
            message: message.to_owned(),
            label: label.to_owned(),
            help: help.to_owned(),
            span: (start, end.map_or(0, |(end, _)| end)),
            report: &report,
        };
        draw(&located, style)
    }
}

/// The byte at which a position lies.
fn offset(text: &str, position: Position) -> Option<usize> {
    let line = usize::try_from(position.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(position.column).ok()?.checked_sub(1)?;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(start..)?;
    let (within, _) = rest.char_indices().nth(column)?;
    Some(start + within)
}

fn draw(diagnostic: &dyn Diagnostic, style: Style) -> String {
    let theme =
        if style.is_colored() { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(style.width()).with_links(false);
    let mut text = String::new();
    // Drawing into a text fails only where a diagnostic points beyond its source; its words still help.
    if handler.render_report(&mut text, diagnostic).is_err() {
        text = format!("error: {diagnostic}\n");
    }
    text
}

/// What is wrong with the file although it can be read, at its place.
#[derive(Debug)]
struct Located<'a> {
    severity: miette::Severity,
    message: String,
    label: String,
    help: String,
    span: (usize, usize),
    report: &'a Report,
}

impl fmt::Display for Located<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Located<'_> {}

impl Diagnostic for Located<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(&self.help))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.report.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_primary_with_span(Some(self.label.clone()), self.span);
        Some(Box::new(std::iter::once(label)))
    }
}

#[cfg(test)]
mod tests {
    use lgtm_planner::desired::{Capabilities, desire};

    use super::*;

    fn document(text: &str) -> Document {
        Document {
            parsed: lgtm_topology::parse("topology.yaml", text),
            text: text.to_owned(),
            path: PathBuf::from("folder/topology.yaml"),
        }
    }

    #[test]
    fn what_the_planner_refuses_is_underlined_in_the_file() {
        let document = document(
            "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: small}\nspec:\n  \
             provider: {kwok: {}}\n  hub:\n    name: hub\n    segment: 248/29\n    \
             grafana: {adminPassword: correct-horse-battery}\n  extraManifests:\n  \
             - {name: mimir, clusters: [hub], files: [a.yaml]}\n  \
             - {name: more, clusters: [hub], files: [a.yaml], needs: [lokki, hub/nothing-like-it]}\n",
        );
        let topology = document.parsed().topology.clone().unwrap();
        let problems = desire(&topology, &Capabilities::default()).unwrap_err();
        let text = document.desire_errors(&problems, Style::new(false, 100, false));
        assert!(!text.contains("correct-horse"), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn positions_count_characters() {
        let text = "aä: b\nünter: x\n";
        assert_eq!(offset(text, Position { line: 1, column: 4 }), Some(4));
        assert_eq!(offset(text, Position { line: 2, column: 2 }), text.find("nter"));
        assert_eq!(offset(text, Position { line: 9, column: 1 }), None);
        assert_eq!(offset(text, Position { line: 0, column: 1 }), None);
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        assert_eq!(document("").base_dir(), PathBuf::from("folder"));
        let here = Document { path: PathBuf::from("topology.yaml"), ..document("") };
        assert_eq!(here.base_dir(), PathBuf::from("."));
    }
}
