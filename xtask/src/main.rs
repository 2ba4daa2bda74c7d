//! The entry of `cargo xtask`: picks a task and says what came of it.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

const USAGE: &str =
    "usage: cargo xtask tidy | generate [--check] | bench | verify-configs [--mirror DIR] [--brought DIR]";

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
        ["verify-configs", options @ ..] => {
            let Some(options) = verify(&root, options) else {
                writeln!(out, "{USAGE}")?;
                return Ok(ExitCode::from(2));
            };
            let verdict = xtask::verify::check(&options)?;
            write!(io::stdout(), "{}", verdict.table)?;
            verdict.failures
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

/// The options of `verify-configs`; folders are those of whoever calls.
fn verify(root: &Path, mut words: &[&str]) -> Option<xtask::verify::Options> {
    let programs =
        std::env::var_os("LGTMCTL_VERIFY_TOOLS").map_or_else(|| root.join(".tools/verify"), PathBuf::from);
    let mut options =
        xtask::verify::Options { root: root.to_path_buf(), programs, brought: None, mirror: None };
    while let [option, folder, rest @ ..] = words {
        let folder = Some(std::path::absolute(folder).ok()?);
        match *option {
            "--mirror" => options.mirror = folder,
            "--brought" => options.brought = folder,
            _ => return None,
        }
        words = rest;
    }
    words.is_empty().then_some(options)
}

/// The checkout, which is the folder above this crate's.
fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap_or(crate_folder).to_path_buf()
}
