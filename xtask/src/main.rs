//! The entry of `cargo xtask`: picks a task and says what came of it.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

const USAGE: &str = "usage: cargo xtask tidy | generate [--check] | bench";

fn main() -> io::Result<ExitCode> {
    let root = root();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut out = io::stderr().lock();
    let failures = match words.as_slice() {
        ["tidy"] => {
            let report = xtask::tidy::check(&root)?;
            for note in &report.notes {
                writeln!(out, "note: {note}")?;
            }
            report.failures
        }
        ["generate"] => {
            xtask::generate::write(&root)?;
            Vec::new()
        }
        ["bench"] => {
            write!(io::stdout(), "{}", xtask::bench::compare(&root)?)?;
            Vec::new()
        }
        ["generate", "--check"] => xtask::generate::stale(&root)?,
        _ => {
            writeln!(out, "{USAGE}")?;
            return Ok(ExitCode::from(2));
        }
    };
    for failure in &failures {
        writeln!(out, "{failure}")?;
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The checkout, which is the folder above this crate's.
fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap_or(crate_folder).to_path_buf()
}
