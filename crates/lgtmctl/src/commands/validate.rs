//! `validate`: everything that is wrong with the file, without a look at any cluster.

use lgtm_topology::{Severity, Topology};
use serde_json::json;

use super::{json_lines, stdout_failed};
use lgtm_planner::desired::{Capabilities, DesireError, desire};

use crate::{
    cli::ValidateArgs,
    error::CommandError,
    exit_code::ExitCode,
    input::Document,
    printer::{Output, Printer},
    render::{Style, Tone, json::line, plural},
    session::desired,
};

/// Checks the file.
pub(super) fn run(args: &ValidateArgs, printer: &Printer) -> Result<ExitCode, CommandError> {
    let document = Document::read(&args.file.file)?;
    let parsed = document.parsed();
    // What the catalog refuses, such as a need that names no unit, is invalid just as well.
    let unplannable = match &parsed.topology {
        Some(topology) => desire(topology, &Capabilities::default()).err().unwrap_or_default(),
        None => Vec::new(),
    };
    match args.output.output {
        Output::Json => {
            let mut lines: Vec<_> =
                parsed.diagnostics.iter().map(|found| line("diagnostic", json!(found))).collect();
            lines.extend(unplannable.iter().map(unplannable_line));
            let count =
                |severity| parsed.diagnostics.iter().filter(|found| found.severity == severity).count();
            lines.push(line(
                "validation",
                json!({
                    "valid": parsed.topology.is_some() && unplannable.is_empty(),
                    "errors": count(Severity::Error) + unplannable.len(),
                    "warnings": count(Severity::Warning),
                }),
            ));
            json_lines(printer, &lines)?;
        }
        Output::Human => {
            // The diagnostics are what this command is asked for, so they are data here.
            printer.data(&document.diagnostics(printer.data_style())).map_err(stdout_failed)?;
        }
    }
    let Some(topology) = &parsed.topology else {
        let errors = parsed.diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
        printer.talk(&format!("{}\n", printer.talk_style().paint(Tone::Bad, plural(errors, "error"))));
        return Ok(ExitCode::Invalid);
    };
    desired(topology, &document, printer)?;
    printer.talk(&valid(topology, printer.talk_style()));
    Ok(ExitCode::Done)
}

/// A problem that only the catalog can see, in the form of the others.
fn unplannable_line(problem: &DesireError) -> serde_json::Value {
    let position = match problem {
        DesireError::UnknownNeed { position, .. }
        | DesireError::UnknownRelease { position, .. }
        | DesireError::UnknownService { position, .. } => Some(position),
        DesireError::NameTaken { .. } | DesireError::Cycle(_) => None,
    };
    let (severity, code) = ("error", "topology::unplannable");
    line(
        "diagnostic",
        json!({"severity": severity, "code": code, "message": problem.to_string(), "position": position}),
    )
}

fn valid(topology: &Topology, style: Style) -> String {
    format!(
        "{} topology {}: hub {} and {}\n",
        style.paint(Tone::Good, "valid:"),
        topology.name,
        topology.hub.cluster.name,
        plural(topology.spokes.len(), "spoke")
    )
}
