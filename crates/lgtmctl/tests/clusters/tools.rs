//! Where the pinned tools are that the program is given.

use std::path::{Path, PathBuf};

/// The tools of this checkout, or those that `LGTMCTL_TOOLS` names. A test that finds none fails and says
/// what to do.
pub(crate) fn tools() -> PathBuf {
    let tools = std::env::var_os("LGTMCTL_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin"), PathBuf::from);
    for tool in ["helm", "kube-apiserver"] {
        assert!(tools.join(tool).exists(), "no {tool} in {}; run `make tools`", tools.display());
    }
    tools
}
