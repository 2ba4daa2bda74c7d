//! `schema`: the JSON schema of topology files.

use super::stdout_failed;
use crate::{error::CommandError, exit_code::ExitCode, printer::Printer};

/// Prints the schema.
pub(super) fn run(printer: &Printer) -> Result<ExitCode, CommandError> {
    printer.data(&format!("{:#}\n", lgtm_topology::json_schema())).map_err(stdout_failed)?;
    Ok(ExitCode::Done)
}
