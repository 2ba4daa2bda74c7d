//! The project's own rules: who may depend on what, how sources are laid out, and what never gets in.
//!
//! Each rule is a function from text to complaints. A complaint names the file and what to do.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

mod code;
mod dependencies;
mod lints;
mod sources;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Broken rules.
    pub failures: Vec<String>,
    /// What deserves a look and breaks no rule.
    pub notes: Vec<String>,
}

/// A text file of the project.
#[derive(Clone, Debug)]
struct Source {
    /// Relative to the checkout, with forward slashes.
    path: String,
    text: String,
}

/// Checks a checkout.
pub fn check(root: &Path) -> io::Result<Report> {
    let mut report = Report::default();
    report.failures.extend(dependencies::check(&metadata(root)?));
    check_files(root, &mut report)?;
    Ok(report)
}

/// Checks everything that needs no cargo.
fn check_files(root: &Path, report: &mut Report) -> io::Result<()> {
    let mut sources = Vec::new();
    read(root, root, &mut sources)?;
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    for source in &sources {
        sources::check(source, report);
    }
    report.failures.extend(sources::orphans(&sources));
    report.failures.extend(sources::unused_values(&sources));
    report.failures.extend(lints::check(&sources));
    Ok(())
}

fn metadata(root: &Path) -> io::Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Reads every text file below a folder, but what is built, hidden or vendored.
fn read(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') || name == "target" || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            read(root, &path, sources)?;
        } else if let Ok(text) = fs::read_to_string(&path) {
            sources.push(Source { path: relative(root, &path), text });
        }
    }
    Ok(())
}

fn relative(root: &Path, path: &Path) -> String {
    let parts: PathBuf = path.strip_prefix(root).unwrap_or(path).to_path_buf();
    parts.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
