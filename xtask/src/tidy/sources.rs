//! Rules about single files and about the tree of modules.

use std::collections::BTreeSet;

use super::{
    Report, Source,
    code::{code_of, words},
};

/// Lines of code beyond which a file deserves a look, and beyond which it must be parted.
const LONG: usize = 400;
const TOO_LONG: usize = 800;

// Written in two parts, since this file must pass its own rules.
const REMINDERS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
const MACHINE_PATHS: [&str; 4] =
    [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];

/// Checks one file.
pub(super) fn check(source: &Source, report: &mut Report) {
    let path = &source.path;
    let mut fail = |message: &str| report.failures.push(format!("{path}: {message}"));
    for (number, line) in source.text.lines().enumerate() {
        if words(line).any(|(word, _)| REMINDERS.contains(&word)) {
            fail(&format!("line {}: a reminder; do it, or open an issue", number + 1));
        }
        if MACHINE_PATHS.iter().any(|machine| starts_a_path(line, machine)) {
            fail(&format!("line {}: a path of somebody's machine", number + 1));
        }
    }
    if !path.ends_with(".rs") {
        return;
    }
    if !source.text.starts_with("//!") {
        fail("begins without `//!`; say what the module is for and what it refuses to know");
    }
    if path.ends_with("/mod.rs") {
        fail("is named after the old scheme; write `foo.rs` beside `foo/`");
    }
    let code = code_of(&source.text);
    if code.split_whitespace().collect::<String>().contains("#[ignore") {
        fail("ignores a test; a test that does not run tests nothing");
    }
    check_walls(path, &code, &mut fail);
    if is_test(path) {
        return;
    }
    let lines = shipped(&code).lines().filter(|line| !line.trim().is_empty()).count();
    if lines > TOO_LONG {
        fail(&format!("has {lines} lines of code; part it ({TOO_LONG} are allowed)"));
    } else if lines > LONG {
        report.notes.push(format!("{path} has {lines} lines of code; {LONG} are aimed at"));
    }
}

/// Whether a path begins here: in a longer path or a URL the same letters mean something else.
fn starts_a_path(line: &str, machine: &str) -> bool {
    line.match_indices(machine).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|before| before.is_alphanumeric() || "_-.}/*~)>".contains(before))
    })
}

fn check_walls(path: &str, code: &str, fail: &mut impl FnMut(&str)) {
    let pure = ["crates/lgtm-topology/src/", "crates/lgtm-planner/src/"];
    if pure.iter().any(|pure| path.starts_with(pure)) && words(code).any(|(word, _)| word == "async") {
        fail("is async; a pure crate waits for nothing");
    }
    let Some(module) = path.strip_prefix("crates/lgtm-planner/src/") else { return };
    let top = module.split(['/', '.']).next().unwrap_or_default();
    let hidden: &[&str] = match top {
        "catalog" | "desired" => &["observed", "plan"],
        "plan" => &["catalog"],
        _ => &[],
    };
    // A module is named where `::` follows it, or where it is imported as a whole.
    for (word, after) in words(shipped(code)).filter(|(word, _)| hidden.contains(word)) {
        if after.starts_with("::") {
            fail(&format!("names the module `{word}`, which {top} must not know"));
        }
    }
}

/// The code without its unit tests, which stand at the end.
fn shipped(code: &str) -> &str {
    code.find("#[cfg(test)]\nmod ").and_then(|at| code.get(..at)).unwrap_or(code)
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.contains("/benches/") || path.ends_with("/tests.rs")
}

/// Rust files that no crate is built from.
pub(super) fn orphans(sources: &[Source]) -> Vec<String> {
    let files: BTreeSet<&str> =
        sources.iter().map(|source| source.path.as_str()).filter(|path| path.ends_with(".rs")).collect();
    let mut open: Vec<String> =
        files.iter().filter(|path| is_root(path)).map(|path| (*path).to_owned()).collect();
    let mut reached = BTreeSet::new();
    while let Some(path) = open.pop() {
        let Some(source) = sources.iter().find(|source| source.path == path) else { continue };
        let folder = match path.rsplit_once('/') {
            Some((folder, _)) if is_root(&path) => folder.to_owned(),
            _ => path.trim_end_matches(".rs").to_owned(),
        };
        if reached.insert(path) {
            let code = code_of(&source.text);
            open.extend(declared(&code).map(|module| format!("{folder}/{module}.rs")));
        }
    }
    let orphans = files.into_iter().filter(|path| !reached.contains(*path));
    orphans.map(|path| format!("{path}: no module declares it, so it is not even compiled")).collect()
}

/// Files of values that the catalog reads into no chart.
pub(super) fn unused_values(sources: &[Source]) -> Vec<String> {
    const CATALOG: &str = "crates/lgtm-planner/src/catalog/";
    let named = |file: &str| {
        let quoted = format!("\"{file}\"");
        sources.iter().any(|source| source.path.starts_with(CATALOG) && source.text.contains(&quoted))
    };
    let files = sources.iter().filter_map(|source| source.path.strip_prefix("charts-values/"));
    let unused = files.filter(|file| file.ends_with(".yaml") && !named(file));
    unused.map(|file| format!("charts-values/{file}: no chart of the catalog reads it")).collect()
}

/// The modules that are declared in files of their own.
fn declared(code: &str) -> impl Iterator<Item = &str> {
    let mut after_mod = false;
    words(code).filter_map(move |(word, after)| {
        let declared =
            std::mem::replace(&mut after_mod, word == "mod") && after.trim_start().starts_with(';');
        declared.then_some(word)
    })
}

/// Whether cargo starts a crate at this file.
fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [.., "src", "lib.rs" | "main.rs"] | [.., "build.rs"] => true,
        [.., "src", "bin", _] => true,
        [.., "tests" | "examples" | "benches", file] => file.ends_with(".rs") && !parts.contains(&"src"),
        [.., "tests" | "examples" | "benches", _, "main.rs"] => true,
        _ => false,
    }
}
