//! Running a program and knowing what it took.

use std::{
    io,
    process::{Command, Stdio},
    time::Instant,
};

/// What one run took, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// From start to end.
    pub(super) wall: f64,
    /// Of all processors, by the program and what it started and waited for.
    pub(super) processor: f64,
}

/// Runs programs.
pub(super) struct Stopwatch;

impl Stopwatch {
    /// Runs a command that must end with `code`.
    pub(super) fn run(command: &mut Command, code: i32) -> io::Result<Usage> {
        let (before, begun) = (children()?, Instant::now());
        let output = command.stdin(Stdio::null()).output()?;
        let wall = begun.elapsed().as_secs_f64();
        if output.status.code() != Some(code) {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(fail(&format!("{command:?} ended with {}, not {code}:\n{said}", output.status)));
        }
        Ok(Usage { wall, processor: children()? - before })
    }
}

/// Processor seconds of all children that ended so far, and of theirs.
fn children() -> io::Result<f64> {
    // Linux counts in hundredths of a second there, on every machine that this runs on.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is the program's name in parentheses, and may hold anything; after it come numbers.
    let numbers = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let of_children = numbers.split_whitespace().skip(13).take(2);
    Ok(of_children.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS)
}

/// The one in the middle.
pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// An error in words.
pub(super) fn fail(message: &str) -> io::Error {
    io::Error::other(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median(std::iter::empty()), None);
    }

    #[test]
    fn what_a_child_took_is_known() {
        let usage = Stopwatch::run(
            Command::new("sh").args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]),
            0,
        );
        assert!(usage.unwrap().processor > 0.0);
        assert!(Stopwatch::run(Command::new("sh").args(["-c", "exit 3"]), 0).is_err());
    }
}
