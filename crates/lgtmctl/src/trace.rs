//! Tracing: to stderr for `-v` and `-vv`, and to a file for `--trace-to`.
//!
//! Only lgtmctl's own crates are traced: what HTTP libraries trace may hold headers and bodies, and so
//! credentials.

use std::{io, path::Path};

use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _};

use crate::render::Style;

mod chrome;
mod tracks;

use chrome::ChromeLayer;
pub(crate) use chrome::Finish;

const CRATES: [&str; 5] = ["lgtmctl", "lgtm_world", "lgtm_executor", "lgtm_planner", "lgtm_topology"];
/// As much as `-vv` shows: every request is a span at this level.
const IN_FILES: u8 = 2;

/// Starts tracing, where the user wants it. The fault is about the file.
pub(crate) fn start(verbosity: u8, style: Style, to: Option<&Path>) -> io::Result<Option<Finish>> {
    let (file, finish) = match to.map(ChromeLayer::create).transpose()? {
        Some((layer, finish)) => {
            (filter(IN_FILES).map(|filter| layer.with_filter(EnvFilter::new(filter))), Some(finish))
        }
        None => (None, None),
    };
    let talk = filter(verbosity).map(|filter| {
        tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(style.is_colored())
            .with_target(false)
            .with_filter(EnvFilter::new(filter))
    });
    if talk.is_some() || file.is_some() {
        let subscriber = tracing_subscriber::registry().with(talk).with(file);
        // A second subscriber in one process is a test's business, and the first one does as well.
        drop(tracing::subscriber::set_global_default(subscriber));
    }
    Ok(finish)
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
