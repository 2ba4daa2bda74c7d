//! The lists of what pure crates must not call, which clippy enforces and nothing else keeps complete.

use super::Source;

const PURE: [&str; 2] = ["lgtm-planner", "lgtm-topology"];

const FORBIDDEN: [&str; 9] = [
    "std::fs::read_to_string",
    "std::fs::write",
    "std::fs::File::open",
    "std::env::var",
    "std::process::Command::new",
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "std::collections::HashMap",
    "std::collections::HashSet",
];

/// The nearest `clippy.toml` wins, so what the one at the root allows to tests must be said again.
const REPEATED: [&str; 4] = [
    "allow-unwrap-in-tests = true",
    "allow-expect-in-tests = true",
    "allow-panic-in-tests = true",
    "allow-indexing-slicing-in-tests = true",
];

/// Complaints about the pure crates' `clippy.toml`.
pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let mut failures = Vec::new();
    for name in PURE {
        let path = format!("crates/{name}/clippy.toml");
        let Some(source) = sources.iter().find(|source| source.path == path) else {
            failures.push(format!("{path} is missing: it lists what a pure crate must not call"));
            continue;
        };
        let entry = |path: &str| format!("path = \"{path}\"");
        for forbidden in FORBIDDEN.iter().filter(|one| !source.text.contains(&entry(one))) {
            failures.push(format!("{path} does not disallow {forbidden}"));
        }
        for key in REPEATED.iter().filter(|key| !source.text.lines().any(|line| line == **key)) {
            failures.push(format!("{path} lacks `{key}`, which it hides of the one at the root"));
        }
        let entries = source.text.lines().filter(|line| line.contains("path = "));
        for line in entries.filter(|line| !line.contains("reason = \"")) {
            failures.push(format!("{path} disallows something without a reason: {}", line.trim()));
        }
    }
    failures
}
