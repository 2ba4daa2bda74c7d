//! `unlock`: who holds the lock, since when, and its end.

use lgtm_planner::observed::ClusterObserved;

use super::{confirm, status::date, stdout_failed};
use crate::{
    cli::UnlockArgs,
    error::CommandError,
    exit_code::ExitCode,
    render::duration,
    session::{Clusters, Session, hub},
};

/// Shows the holder, asks, and breaks the lock.
pub(super) async fn run<W: Clusters>(
    session: &Session<'_, W>,
    args: &UnlockArgs,
) -> Result<ExitCode, CommandError> {
    let desired = session.desired()?;
    let how = hub(&desired)?;
    let seen = session.world.observe(&desired.topology, &desired.hub, &how);
    if let ClusterObserved::Absent | ClusterObserved::Stopped = session.interrupt.or(seen).await?? {
        // Without a hub there is only the file lock, which ends with the process that holds it.
        let text =
            format!("the hub {} does not run, so there is no lock that could be broken\n", desired.hub);
        session.printer.talk(&text);
        return Ok(ExitCode::Done);
    }
    let holder = session.world.lock_holder(&how);
    let Some(holder) = session.interrupt.or(holder).await?? else {
        session.printer.talk(&format!("nobody holds the lock of topology {}\n", desired.topology));
        return Ok(ExitCode::Done);
    };
    let ago = u64::try_from(session.world.now() - holder.renewed).unwrap_or(0).saturating_mul(1_000);
    let step = if holder.step.is_empty() { String::new() } else { format!(", at {}", holder.step) };
    let text = format!(
        "{} holds the lock of topology {} since {}{step}; renewed {} ago\n",
        holder.who,
        desired.topology,
        date(holder.since),
        duration(ago)
    );
    session.printer.data(&text).map_err(stdout_failed)?;
    if !args.yes {
        confirm::require(false, "unlock", session.printer)?;
        let question = "Break it? An apply that still runs stops before its next write.";
        confirm::ask(question, session.printer, &session.interrupt).await?;
    }
    // While the question stood there, the lock may have passed to someone who is at work.
    let now = session.interrupt.or(session.world.lock_holder(&how)).await??;
    if now.as_ref().is_some_and(|now| now.who != holder.who) {
        session.printer.insist("the lock has changed hands meanwhile; look again with `lgtmctl unlock`\n");
        return Ok(ExitCode::Failed);
    }
    let broken = session.world.break_lock(&how);
    session.interrupt.or(broken).await??;
    session.printer.talk("the lock is free\n");
    Ok(ExitCode::Done)
}
