//! `apply`: lock, plan, show, ask, do, tell.

use lgtm_executor::{Prepared, Report};
use lgtm_planner::plan::{Plan, PlanOptions};
use lgtm_topology::ClusterName;

use super::{
    confirm,
    follow::{Form, perform},
    json_lines, stdout_failed,
};
use crate::{
    cli::{ApplyArgs, RunArgs},
    error::CommandError,
    exit_code::ExitCode,
    printer::Output,
    render::{self, plan::Fleet},
    session::{Clusters, Session, apply_options},
};

/// Applies the topology.
pub(super) async fn run<W: Clusters>(
    session: &Session<'_, W>,
    args: &ApplyArgs,
) -> Result<ExitCode, CommandError> {
    let applied = locked(session, apply(session, args)).await;
    if !args.rehearse || args.keep {
        return applied;
    }
    let code = match applied {
        Ok(code) if code != ExitCode::Interrupted => code,
        // Whoever interrupts wants to leave at once, and must know what is left.
        ended => {
            session.printer.insist(
                "the clusters of the rehearsal may still run; `lgtmctl destroy --rehearse --yes` removes them\n",
            );
            return ended;
        }
    };
    let removed = locked(session, remove_rehearsal(session, &args.run)).await?;
    // What the rehearsal showed matters more than how its clusters went.
    Ok(if code == ExitCode::Done { removed } else { code })
}

/// Holds the lock of the topology during `work`.
///
/// The lock comes before the look at the clusters, so that what was looked at is what is changed.
pub(super) async fn locked<W: Clusters, T>(
    session: &Session<'_, W>,
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    session.interrupt.or(session.world.lock(&session.topology.name)).await??;
    let result = work.await;
    session.world.release_lock().await;
    result
}

async fn apply<W: Clusters>(session: &Session<'_, W>, args: &ApplyArgs) -> Result<ExitCode, CommandError> {
    let prepared = session.prepare(args.planning.options()).await?;
    let verbose = args.planning.verbose_objects;
    if prepared.plan.is_empty() {
        return nothing_to_do(session, &prepared, args.output.output);
    }
    show(session, &prepared, args.output.output, verbose)?;
    refuse(&prepared.plan, &prepared.desired.hub)?;
    if !args.run.yes && !args.rehearse {
        confirm::ask("Apply this plan?", session.printer, &session.interrupt).await?;
    }
    let plan = prepared.plan.clone();
    let report = carry_out(session, prepared, &args.run, args.output.output).await?;
    tell(session, &plan, &report, "applied", args.output.output)?;
    Ok(ExitCode::of_report(&report))
}

fn nothing_to_do<W: Clusters>(
    session: &Session<'_, W>,
    prepared: &Prepared,
    output: Output,
) -> Result<ExitCode, CommandError> {
    match output {
        Output::Json => nothing_done(session, &prepared.plan)?,
        Output::Human => {
            let fleet = Fleet::of(&prepared.desired);
            let text = render::plan::plan(&prepared.plan, &fleet, session.printer.data_style());
            session.printer.data(&text).map_err(stdout_failed)?;
        }
    }
    Ok(ExitCode::of_plan(&prepared.plan, false))
}

/// A script that waits for a report gets one.
pub(super) fn nothing_done<W: Clusters>(session: &Session<'_, W>, plan: &Plan) -> Result<(), CommandError> {
    let report = Report { unreachable: plan.unreachable.clone(), ..Report::default() };
    let mut lines = render::json::plan(plan);
    lines.push(render::json::report(plan, &report));
    json_lines(session.printer, &lines)
}

/// Shows a plan before it is carried out: talk for people, since it belongs to the question, and data
/// for scripts.
pub(super) fn show<W: Clusters>(
    session: &Session<'_, W>,
    prepared: &Prepared,
    output: Output,
    verbose: bool,
) -> Result<(), CommandError> {
    match output {
        Output::Json => json_lines(session.printer, &render::json::plan(&prepared.plan)),
        Output::Human => {
            let style = session.printer.talk_style().with_verbose(verbose);
            let text = render::plan::plan(&prepared.plan, &Fleet::of(&prepared.desired), style);
            if session.printer.can_ask() {
                // Nobody should be asked about a plan that was kept from them.
                session.printer.insist(&format!("{text}\n"));
            } else {
                session.printer.talk(&format!("{text}\n"));
            }
            Ok(())
        }
    }
}

/// What must not be carried out.
fn refuse(plan: &Plan, hub: &ClusterName) -> Result<(), CommandError> {
    if let Some(reason) = plan.unreachable.get(hub) {
        return Err(CommandError::HubUnreachable { hub: hub.to_string(), reason: reason.clone() });
    }
    let units: Vec<String> = plan.forbidden().map(|step| step.id.unit.to_string()).collect();
    if units.is_empty() { Ok(()) } else { Err(CommandError::Forbidden { units }) }
}

/// Carries a plan out and shows what happens.
pub(super) async fn carry_out<W: Clusters>(
    session: &Session<'_, W>,
    prepared: Prepared,
    run: &RunArgs,
    output: Output,
) -> Result<Report, CommandError> {
    let form = Form { output, no_progress: run.no_progress };
    let options = apply_options(run);
    perform(&session.world, prepared, options, form, session.printer, &session.interrupt).await
}

/// Tells what came of it.
pub(super) fn tell<W: Clusters>(
    session: &Session<'_, W>,
    plan: &Plan,
    report: &Report,
    what: &str,
    output: Output,
) -> Result<(), CommandError> {
    match output {
        Output::Json => json_lines(session.printer, &[render::json::report(plan, report)]),
        Output::Human => {
            let text = render::summary::summary(plan, report, what, session.printer.data_style());
            session.printer.data(&text).map_err(stdout_failed)
        }
    }
}

async fn remove_rehearsal<W: Clusters>(
    session: &Session<'_, W>,
    run: &RunArgs,
) -> Result<ExitCode, CommandError> {
    session.printer.talk("removing the clusters of the rehearsal; --keep would keep them\n");
    let prepared =
        session.prepare_destroy(PlanOptions { delete_data: true, ..PlanOptions::default() }).await?;
    if prepared.plan.is_empty() {
        return Ok(ExitCode::of_plan(&prepared.plan, false));
    }
    let plan = prepared.plan.clone();
    let report = carry_out(session, prepared, run, Output::Human).await?;
    if !report.is_complete() {
        let style = session.printer.talk_style();
        session.printer.insist(&render::summary::summary(&plan, &report, "removed", style));
    }
    Ok(ExitCode::of_report(&report))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::{cluster, every_kind};

    #[test]
    fn what_nobody_allowed_is_refused_by_name() {
        let mut plan = every_kind();
        let refused = refuse(&plan, &cluster("hub")).unwrap_err();
        assert_eq!(refused.exit_code(), ExitCode::Failed);
        assert!(refused.help().unwrap().ends_with("--allow-replace hub/authority"), "{refused:?}");
        plan.steps.retain(|step| !step.needs_permission);
        assert!(refuse(&plan, &cluster("hub")).is_ok());
        // Nothing is written anywhere without the hub, whatever is allowed.
        let refused = refuse(&plan, &cluster("east")).unwrap_err();
        assert_eq!(refused.exit_code(), ExitCode::Unreachable);
    }
}
