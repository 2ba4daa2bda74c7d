//! `graph`: the units and what they need, without a look at any cluster.

use super::{json_lines, stdout_failed};
use crate::{
    cli::{GraphArgs, GraphFormat},
    error::CommandError,
    exit_code::ExitCode,
    printer::Printer,
    render::graph,
    session::Given,
};

/// Prints the graph.
pub(super) fn run(args: &GraphArgs, printer: &Printer) -> Result<ExitCode, CommandError> {
    let Given { desired, .. } = Given::read(&args.file, false, printer)?;
    match args.format {
        GraphFormat::Dot => printer.data(&graph::dot(&desired)).map_err(stdout_failed)?,
        GraphFormat::Mermaid => printer.data(&graph::mermaid(&desired)).map_err(stdout_failed)?,
        GraphFormat::Json => json_lines(printer, &[graph::json(&desired)])?,
    }
    Ok(ExitCode::Done)
}
