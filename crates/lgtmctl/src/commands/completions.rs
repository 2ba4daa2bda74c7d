//! `completions`: a script for the user's shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::stdout_failed;
use crate::{cli::Cli, error::CommandError, exit_code::ExitCode, printer::Printer};

/// Prints the script.
pub(super) fn run(shell: Shell, printer: &Printer) -> Result<ExitCode, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lgtmctl", &mut script);
    printer.data(&String::from_utf8_lossy(&script)).map_err(stdout_failed)?;
    Ok(ExitCode::Done)
}
