//! The one place that writes to the terminal: data to stdout, talk to stderr.
//!
//! It knows how wide and how colourful each stream is and whether the user wants quiet, and refuses
//! to know what is said.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write},
    sync::{Mutex, PoisonError},
};

use clap::ValueEnum;
use serde::Serialize;

use crate::render::Style;

/// The width of lines when a stream is no terminal and `COLUMNS` does not say.
const DEFAULT_WIDTH: usize = 100;
/// Nothing useful fits into less.
const NARROWEST: usize = 40;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The form of data on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Human,
    /// One JSON object per line, each with `version` and `type`.
    Json,
}

/// What the environment says about output, read once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    /// Whether stdin is a terminal.
    pub stdin: bool,
    /// Whether stdout is a terminal.
    pub stdout: bool,
    /// Whether stderr is a terminal.
    pub stderr: bool,
    /// The number of columns, where it is known.
    pub columns: Option<usize>,
    /// Whether `NO_COLOR` is set to something, or `TERM` is `dumb`.
    pub colorless: bool,
}

impl Terminal {
    /// Asks the environment.
    pub fn detect() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let columns = set("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok());
        let size =
            || console::Term::stderr().size_checked().or_else(|| console::Term::stdout().size_checked());
        Self {
            stdin: io::stdin().is_terminal(),
            stdout: io::stdout().is_terminal(),
            stderr: io::stderr().is_terminal(),
            columns: columns.or_else(|| size().map(|(_, columns)| usize::from(columns))),
            colorless: set("NO_COLOR").is_some() || set("TERM").is_some_and(|term| term == "dumb"),
        }
    }
}

/// What the user wants of output.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// When to use colours.
    pub color: Color,
    /// Only errors and questions on stderr.
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbosity: u8,
}

/// A stream, or none once its reader has gone.
type Stream = Mutex<Option<Box<dyn Write + Send>>>;

/// Writes.
pub struct Printer {
    terminal: Terminal,
    wishes: Wishes,
    out: Stream,
    err: Stream,
}

impl fmt::Debug for Printer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Printer").field("terminal", &self.terminal).field("wishes", &self.wishes).finish()
    }
}

impl Printer {
    /// A printer for the process's own streams.
    pub fn new(terminal: Terminal, wishes: Wishes) -> Self {
        Self::to(terminal, wishes, io::stdout(), io::stderr())
    }

    /// A printer for other streams.
    pub fn to(
        terminal: Terminal,
        wishes: Wishes,
        out: impl Write + Send + 'static,
        err: impl Write + Send + 'static,
    ) -> Self {
        let stream = |stream: Box<dyn Write + Send>| Mutex::new(Some(stream));
        Self { terminal, wishes, out: stream(Box::new(out)), err: stream(Box::new(err)) }
    }

    /// Whether somebody can be asked.
    pub fn can_ask(&self) -> bool {
        self.terminal.stdin && self.terminal.stderr
    }

    /// Whether lines on stderr can be redrawn. With tracing on they would tear each other apart.
    pub fn is_live(&self) -> bool {
        self.terminal.stderr && !self.wishes.quiet && self.wishes.verbosity == 0
    }

    /// How text for stdout is drawn.
    pub fn data_style(&self) -> Style {
        self.style(self.terminal.stdout)
    }

    /// How text for stderr is drawn.
    pub fn talk_style(&self) -> Style {
        self.style(self.terminal.stderr)
    }

    fn style(&self, is_terminal: bool) -> Style {
        let color = match self.wishes.color {
            Color::Auto => is_terminal && !self.terminal.colorless,
            Color::Always => true,
            Color::Never => false,
        };
        let width = self.terminal.columns.unwrap_or(DEFAULT_WIDTH).max(NARROWEST);
        Style::new(color, width, self.wishes.verbosity > 0)
    }

    /// Writes text to stdout.
    ///
    /// A reader that goes away, as `head` does, is no error; nothing more is written then.
    pub fn data(&self, text: &str) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stream) = out.as_mut() else { return Ok(()) };
        match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                *out = None;
                Ok(())
            }
            result => result,
        }
    }

    /// Writes one JSON object as a line to stdout.
    pub fn json(&self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_string(value)?;
        line.push('\n');
        self.data(&line)
    }

    /// Writes text to stderr, unless the user wants quiet.
    pub fn talk(&self, text: &str) {
        if !self.wishes.quiet {
            self.insist(text);
        }
    }

    /// Writes text to stderr in any case.
    pub fn insist(&self, text: &str) {
        let mut err = self.err.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = err.as_mut() {
            // Where stderr is gone there is nowhere left to complain to.
            drop(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;

    /// A stream that keeps what was written.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A stream whose reader has gone, or that is full.
    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn wishes(color: Color, quiet: bool, verbosity: u8) -> Wishes {
        Wishes { color, quiet, verbosity }
    }

    fn colored(color: Color, stdout: bool, colorless: bool) -> bool {
        let terminal = Terminal { stdout, colorless, ..Terminal::default() };
        Printer::new(terminal, wishes(color, false, 0)).data_style().is_colored()
    }

    #[test]
    fn colours_follow_the_stream_the_environment_and_the_flag() {
        assert!(colored(Color::Auto, true, false));
        assert!(!colored(Color::Auto, false, false));
        assert!(!colored(Color::Auto, true, true));
        assert!(colored(Color::Always, false, true));
        assert!(!colored(Color::Never, true, false));
    }

    #[test]
    fn questions_need_both_ends_of_a_terminal() {
        let can_ask = |stdin, stderr| {
            Printer::new(Terminal { stdin, stderr, ..Terminal::default() }, Wishes::default()).can_ask()
        };
        assert!(can_ask(true, true));
        assert!(!can_ask(true, false));
        assert!(!can_ask(false, true));
    }

    #[test]
    fn live_lines_give_way_to_quiet_and_to_tracing() {
        let terminal = Terminal { stderr: true, ..Terminal::default() };
        let is_live =
            |quiet, verbosity| Printer::new(terminal, wishes(Color::Auto, quiet, verbosity)).is_live();
        assert!(is_live(false, 0));
        assert!(!is_live(true, 0));
        assert!(!is_live(false, 1));
    }

    #[test]
    fn a_reader_that_goes_away_is_no_error_and_a_full_disk_is() {
        let printer = |kind| Printer::to(Terminal::default(), Wishes::default(), Broken(kind), io::sink());
        let gone = printer(io::ErrorKind::BrokenPipe);
        assert!(gone.data("a").is_ok() && gone.data("b").is_ok());
        assert!(printer(io::ErrorKind::StorageFull).data("a").is_err());
    }

    #[test]
    fn quiet_silences_talk_and_nothing_else() {
        let (out, err) = (Kept::default(), Kept::default());
        let printer =
            Printer::to(Terminal::default(), wishes(Color::Auto, true, 0), out.clone(), err.clone());
        printer.talk("talk");
        printer.insist("error");
        printer.data("data").unwrap();
        assert_eq!((out.text().as_str(), err.text().as_str()), ("data", "error"));
    }
}
