//! Where the pinned tools are that tests start. A test that finds none fails and says what to do.

use std::path::{Path, PathBuf};

use lgtm_world::tools::{MissingTool, Tool, Tools};

/// The pinned tools of this checkout, or those that `LGTMCTL_TOOLS` names.
pub(crate) fn tools() -> Tools {
    let dir = std::env::var_os("LGTMCTL_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin"), PathBuf::from);
    let tools = Tools::in_dir(dir);
    for tool in Tool::ALL {
        if let Err(missing) = tools.find(tool) {
            panic!("{missing}; {}", MissingTool::HELP);
        }
    }
    tools
}
