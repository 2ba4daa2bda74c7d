//! Colour, width and a few words: what all human output shares.

use std::borrow::Cow;

/// How text is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    color: bool,
    width: usize,
    verbose: bool,
}

/// What a piece of text means. The same things must be readable without colour, so a tone only adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something new, or well done.
    Good,
    /// Something that changes, or that wants a look.
    Careful,
    /// Something that goes, or went wrong.
    Bad,
    /// What a line is about.
    Strong,
    /// What may be skipped.
    Faint,
}

impl Style {
    /// A style.
    pub fn new(color: bool, width: usize, verbose: bool) -> Self {
        Self { color, width, verbose }
    }

    /// Whether colours are used.
    pub fn is_colored(self) -> bool {
        self.color
    }

    /// Columns.
    pub fn width(self) -> usize {
        self.width
    }

    /// Whether everything is listed and nothing is cut.
    pub fn is_verbose(self) -> bool {
        self.verbose
    }

    /// The same with every object listed and no value cut.
    #[must_use]
    pub fn with_verbose(self, verbose: bool) -> Self {
        Self { verbose: self.verbose || verbose, ..self }
    }

    /// Colours a text.
    pub fn paint<'a>(self, tone: Tone, text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        let text = text.into();
        if !self.color || text.is_empty() {
            return text;
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Careful => "33",
            Tone::Bad => "31",
            Tone::Strong => "1",
            Tone::Faint => "2",
        };
        Cow::Owned(format!("\u{1b}[{code}m{text}\u{1b}[0m"))
    }
}

/// `1 object`, `2 objects`.
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Milliseconds as people say them: `0.4 s`, `18 s`, `2 min 5 s`.
pub fn duration(millis: u64) -> String {
    let tenths = (millis + 50) / 100;
    let seconds = (millis + 500) / 1_000;
    match seconds {
        _ if tenths < 100 => format!("{}.{} s", tenths / 10, tenths % 10),
        0..60 => format!("{seconds} s"),
        60..3_600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// Breaks a text at spaces.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_exact_as_they_are_useful() {
        let texts: Vec<String> =
            [0, 449, 9_949, 9_950, 59_499, 59_500, 125_000, 3_599_000, 7_260_000].map(duration).into();
        assert_eq!(
            texts,
            ["0.0 s", "0.4 s", "9.9 s", "10 s", "59 s", "1 min", "2 min 5 s", "59 min 59 s", "2 h 1 min"]
        );
    }

    #[test]
    fn without_colour_nothing_is_added() {
        assert_eq!(Style::new(false, 80, false).paint(Tone::Bad, "x"), "x");
        assert_eq!(Style::new(true, 80, false).paint(Tone::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Style::new(true, 80, false).paint(Tone::Bad, ""), "");
    }

    #[test]
    fn words_are_never_broken() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("aaaaaaaa b", 5), ["aaaaaaaa", "b"]);
    }
}
