//! Prints the JSON schema of the topology file, as it is checked in under `schemas/`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let schema = serde_json::to_string_pretty(&lgtm_topology::json_schema())?;
    writeln!(io::stdout(), "{schema}")
}
