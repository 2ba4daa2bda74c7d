//! Tracing to stderr, for `-v` and `-vv`.
//!
//! Only lgtmctl's own crates are traced: what HTTP libraries trace may hold headers and bodies, and so
//! credentials.

use tracing_subscriber::EnvFilter;

use crate::render::Style;

const CRATES: [&str; 5] = ["lgtmctl", "lgtm_world", "lgtm_executor", "lgtm_planner", "lgtm_topology"];

/// Starts tracing, when the user wants it.
pub(crate) fn start(verbosity: u8, style: Style) {
    let Some(filter) = filter(verbosity) else { return };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(style.is_colored())
        .with_target(false)
        .finish();
    // A second subscriber in one process is a test's business, and the first one does as well.
    drop(tracing::subscriber::set_global_default(subscriber));
}

fn filter(verbosity: u8) -> Option<String> {
    let level = match verbosity {
        0 => return None,
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    Some(CRATES.map(|name| format!("{name}={level}")).join(","))
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn only_our_own_crates_are_traced() {
        assert_eq!(filter(0), None);
        let debug = filter(2).unwrap();
        assert!(debug.split(',').all(|directive| directive.starts_with("lgtm")), "{debug}");
        assert!(debug.ends_with("=debug"), "{debug}");
    }
}
