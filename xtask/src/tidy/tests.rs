//! The rules against small broken checkouts, and against this one.

use std::{fs, path::Path};

use super::{Report, check, check_files};

/// A checkout that breaks no rule, with some files changed or added.
fn report(files: &[(&str, &str)]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let lists = fs::read_to_string(root().join("crates/lgtm-planner/clippy.toml")).unwrap();
    let good = [
        ("crates/lgtm-planner/clippy.toml", lists.as_str()),
        ("crates/lgtm-topology/clippy.toml", lists.as_str()),
        ("crates/lgtm-planner/src/lib.rs", "//! Pure.\n\nmod plan;\n"),
        ("crates/lgtm-planner/src/plan.rs", "//! Plans.\n"),
    ];
    for (path, text) in good.iter().chain(files) {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut report = Report::default();
    check_files(folder.path(), &mut report).unwrap();
    report
}

fn failures(files: &[(&str, &str)]) -> String {
    report(files).failures.join("\n")
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn this_checkout_is_tidy() {
    let report = check(root()).unwrap();
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
}

#[test]
fn a_good_checkout_has_no_complaints() {
    assert_eq!(report(&[]), Report::default());
}

#[test]
fn pure_crates_are_not_async_but_may_say_the_word() {
    let said = "//! Nothing async.\n\nconst A: &str = \"async\";\n";
    assert_eq!(failures(&[("crates/lgtm-planner/src/plan.rs", said)]), "");
    let done = "//! Plans.\n\nasync fn wait() {}\n";
    let found = failures(&[("crates/lgtm-planner/src/plan.rs", done)]);
    assert_eq!(found, "crates/lgtm-planner/src/plan.rs: is async; a pure crate waits for nothing");
}

#[test]
fn modules_keep_their_walls() {
    let declared = ("crates/lgtm-planner/src/lib.rs", "//! Pure.\n\nmod catalog;\nmod desired;\nmod plan;\n");
    let found = failures(&[
        declared,
        ("crates/lgtm-planner/src/desired.rs", "//! Units.\n\nuse crate::{plan::Plan, unit::Unit};\n"),
        ("crates/lgtm-planner/src/catalog.rs", "//! Charts.\n\nuse crate::observed::Observed;\n"),
        ("crates/lgtm-planner/src/plan.rs", "//! Plans.\n\nuse crate::catalog::Chart;\n"),
    ]);
    assert_eq!(
        found.lines().collect::<Vec<_>>(),
        [
            "crates/lgtm-planner/src/catalog.rs: names the module `observed`, which catalog must not know",
            "crates/lgtm-planner/src/desired.rs: names the module `plan`, which desired must not know",
            "crates/lgtm-planner/src/plan.rs: names the module `catalog`, which plan must not know",
        ]
    );
}

#[test]
fn files_that_no_module_declares_and_old_names_are_found() {
    let found = failures(&[
        ("crates/lgtm-planner/src/plan/lost.rs", "//! Lost.\n"),
        ("crates/lgtm-planner/src/unit/mod.rs", "//! Old.\n"),
        ("crates/lgtm-planner/tests/whole/main.rs", "//! Tests.\n\nmod part;\n"),
        ("crates/lgtm-planner/tests/whole/part.rs", "//! Part.\n"),
    ]);
    assert!(found.contains("plan/lost.rs: no module declares it"), "{found}");
    assert!(found.contains("unit/mod.rs: is named after the old scheme"), "{found}");
    assert!(!found.contains("part.rs"), "{found}");
}

#[test]
fn size_counts_code_and_not_tests_or_comments() {
    let file = |lines: usize, tests: usize| {
        let code = "const A: u8 = 0;\n// A comment.\n\n".repeat(lines);
        format!("//! Long.\n{code}#[cfg(test)]\nmod tests {{\n{}}}\n", "use super::A;\n".repeat(tests))
    };
    let plan = "crates/lgtm-planner/src/plan.rs";
    assert_eq!(report(&[(plan, &file(400, 900))]), Report::default());
    let long = report(&[(plan, &file(401, 0))]);
    assert_eq!(long.notes, ["crates/lgtm-planner/src/plan.rs has 401 lines of code; 400 are aimed at"]);
    assert!(failures(&[(plan, &file(801, 0))]).contains("has 801 lines of code; part it"));
}

#[test]
fn reminders_ignored_tests_machine_paths_and_missing_docs_are_found() {
    let reminder = format!("//! Plans.\n\n// {}: later\n", concat!("TO", "DO"));
    let path = format!("see {}me/somebody/notes\n", "/ho");
    let found = failures(&[
        ("crates/lgtm-planner/src/plan.rs", &reminder),
        ("crates/lgtm-planner/src/lib.rs", "mod plan;\n"),
        ("crates/lgtm-planner/tests/one.rs", "//! Tests.\n\n#[test]\n#[ignore = \"slow\"]\nfn a() {}\n"),
        ("docs/notes.md", &path),
        ("docs/urls.md", "https://example.com/home/page and $HOME/work/x\n"),
    ]);
    assert!(found.contains("plan.rs: line 3: a reminder"), "{found}");
    assert!(found.contains("lib.rs: begins without `//!`"), "{found}");
    assert!(found.contains("one.rs: ignores a test"), "{found}");
    assert!(found.contains("docs/notes.md: line 1: a path of somebody's machine"), "{found}");
    assert!(!found.contains("urls.md"), "{found}");
}

#[test]
fn a_list_without_reasons_or_entries_is_found() {
    let list = "disallowed-methods = [\n    { path = \"std::fs::write\" },\n]\n";
    let found = failures(&[("crates/lgtm-topology/clippy.toml", list)]);
    assert!(found.contains("disallows something without a reason"), "{found}");
    assert!(found.contains("does not disallow std::time::SystemTime::now"), "{found}");
    assert!(found.contains("lacks `allow-panic-in-tests = true`"), "{found}");
}

#[test]
fn values_that_no_chart_reads_are_found() {
    let catalog = ("crates/lgtm-planner/src/lib.rs", "//! Pure.\n\nmod catalog;\nmod plan;\n");
    let upstream = ("crates/lgtm-planner/src/catalog.rs", "//! Charts.\n\nmod upstream;\n");
    let read =
        ("crates/lgtm-planner/src/catalog/upstream.rs", "//! Charts.\n\nconst A: &str = \"a.yaml\";\n");
    let found = failures(&[
        catalog,
        upstream,
        read,
        ("charts-values/a.yaml", "a: 1\n"),
        ("charts-values/b.yaml", "b: 1\n"),
        ("charts-values/README.md", "# Values\n"),
    ]);
    assert_eq!(found, "charts-values/b.yaml: no chart of the catalog reads it");
}
