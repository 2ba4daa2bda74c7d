//! What is said at the end: a line for each configuration and program, then what was refused and why.

use super::Verdict;

/// What a program made of a configuration.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// It takes it.
    Read,
    /// It does not, in its own words.
    Refused(String),
    /// No program had to be asked: the objects show that it is right.
    Held,
    /// Nobody was asked, for this reason, which breaks nothing.
    Unchecked(String),
    /// Nobody could be asked, and somebody has to be.
    Missing(String),
}

impl Outcome {
    fn word(&self) -> String {
        match self {
            Self::Read => "read".to_owned(),
            Self::Held => "held".to_owned(),
            Self::Refused(_) => "REFUSED".to_owned(),
            Self::Unchecked(why) => format!("not checked: {why}"),
            Self::Missing(_) => "MISSING".to_owned(),
        }
    }
}

struct Line {
    configuration: String,
    program: String,
    version: String,
    outcome: Outcome,
}

/// Lines in the order in which they were found.
#[derive(Default)]
pub(super) struct Report {
    lines: Vec<Line>,
    notes: Vec<String>,
}

impl Report {
    pub(super) fn add(&mut self, configuration: &str, program: &str, version: &str, outcome: Outcome) {
        let (configuration, program) = (configuration.to_owned(), program.to_owned());
        self.lines.push(Line { configuration, program, version: version.to_owned(), outcome });
    }

    /// What the objects of one source show by themselves.
    pub(super) fn hold(&mut self, source: &str, problems: Vec<String>) {
        if problems.is_empty() {
            self.add(source, "objects", "", Outcome::Held);
        }
        for problem in problems {
            self.add(source, "objects", "", Outcome::Refused(problem));
        }
    }

    pub(super) fn note(&mut self, note: &str) {
        self.notes.push(note.to_owned());
    }

    pub(super) fn verdict(&self) -> Verdict {
        let width = |of: fn(&Line) -> &str, title: &str| {
            self.lines.iter().map(|line| of(line).chars().count()).max().unwrap_or(0).max(title.len())
        };
        let first = width(|line| &line.configuration, "configuration");
        let second = width(|line| &line.program, "program");
        let third = width(|line| &line.version, "version");
        let row = |a: &str, b: &str, c: &str, d: &str| format!("{a:first$}  {b:second$}  {c:third$}  {d}\n");
        let mut table = row("configuration", "program", "version", "result");
        let (mut failures, mut read, mut unchecked) = (Vec::new(), 0, 0);
        for line in &self.lines {
            table += &row(&line.configuration, &line.program, &line.version, &line.outcome.word());
            match &line.outcome {
                Outcome::Read => read += 1,
                Outcome::Held => {}
                Outcome::Unchecked(_) => unchecked += 1,
                Outcome::Refused(why) | Outcome::Missing(why) => {
                    failures.push(format!("{} ({}): {}", line.configuration, line.program, why.trim_end()));
                }
            }
        }
        for note in &self.notes {
            table.extend(["\n", note, "\n"]);
        }
        let counted =
            format!("\n{read} read, {} refused or missing, {unchecked} not checked\n", failures.len());
        table.push_str(&counted);
        if read == 0 {
            failures.push("no configuration was read at all".to_owned());
        }
        Verdict { table, failures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_or_missing_fails_and_what_is_not_checked_is_said() {
        let mut report = Report::default();
        report.add("one", "loki", "3.7.6", Outcome::Read);
        report.add("another", "loki", "3.7.6", Outcome::Refused("line 3: no such field\n".to_owned()));
        report.add("third", "mimir", "", Outcome::Missing("there is no mimir".to_owned()));
        report.add("fourth", "tempo", "", Outcome::Unchecked("no package".to_owned()));
        let verdict = report.verdict();
        assert_eq!(
            verdict.failures,
            ["another (loki): line 3: no such field", "third (mimir): there is no mimir"]
        );
        assert!(verdict.table.contains("another        loki     3.7.6    REFUSED\n"), "{}", verdict.table);
        assert!(verdict.table.contains("not checked: no package\n"), "{}", verdict.table);
        assert!(
            verdict.table.ends_with("1 read, 2 refused or missing, 1 not checked\n"),
            "{}",
            verdict.table
        );
    }

    #[test]
    fn a_run_that_read_nothing_is_no_success() {
        assert_eq!(Report::default().verdict().failures, ["no configuration was read at all"]);
    }
}
