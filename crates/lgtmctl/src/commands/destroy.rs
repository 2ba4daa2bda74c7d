//! `destroy`: the same as an apply, for the removal of everything that is recorded.

use lgtm_planner::plan::PlanOptions;

use super::{
    apply::{carry_out, locked, nothing_done, show, tell},
    confirm,
};
use crate::{
    cli::DestroyArgs,
    error::CommandError,
    exit_code::ExitCode,
    printer::Output,
    session::{Clusters, Session},
};

/// Removes everything.
pub(super) async fn run<W: Clusters>(
    session: &Session<'_, W>,
    args: &DestroyArgs,
) -> Result<ExitCode, CommandError> {
    locked(session, destroy(session, args)).await
}

async fn destroy<W: Clusters>(
    session: &Session<'_, W>,
    args: &DestroyArgs,
) -> Result<ExitCode, CommandError> {
    let output = args.output.output;
    let options = PlanOptions { delete_data: args.delete_data, ..PlanOptions::default() };
    let prepared = session.prepare_destroy(options).await?;
    let hub = &prepared.desired.hub;
    if let Some(reason) = prepared.plan.unreachable.get(hub) {
        return Err(CommandError::HubUnreachable { hub: hub.to_string(), reason: reason.clone() });
    }
    if prepared.plan.is_empty() {
        match output {
            Output::Json => nothing_done(session, &prepared.plan)?,
            Output::Human => {
                let name = &session.topology.name;
                session
                    .printer
                    .talk(&format!("nothing is recorded of topology {name}; there is nothing to remove\n"));
            }
        }
        return Ok(ExitCode::of_plan(&prepared.plan, false));
    }
    show(session, &prepared, output, args.verbose_objects)?;
    if !args.run.yes {
        let data = if args.delete_data { " and the data of its volumes" } else { "" };
        let question = format!("Remove all of topology {}{data}?", session.topology.name);
        confirm::ask(&question, session.printer, &session.interrupt).await?;
    }
    let plan = prepared.plan.clone();
    let report = carry_out(session, prepared, &args.run, output).await?;
    tell(session, &plan, &report, "removed", output)?;
    Ok(ExitCode::of_report(&report))
}
