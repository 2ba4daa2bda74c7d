//! The commands: in which order things happen. How they look is `render`'s, what they do the
//! executor's.

use std::io;

use crate::{
    cli::Command, error::CommandError, exit_code::ExitCode, interrupt::Interrupt, printer::Printer,
    session::Session,
};

mod access;
mod apply;
mod completions;
mod confirm;
mod destroy;
mod follow;
mod graph;
mod kubeconfig;
mod lock;
mod plan;
mod render;
mod schema;
mod status;
mod unlock;
mod validate;
mod vendor;

#[cfg(test)]
mod tests;

/// Does what the user asked for.
pub(crate) async fn dispatch(
    command: &Command,
    printer: &Printer,
    interrupt: Interrupt,
) -> Result<ExitCode, CommandError> {
    match command {
        Command::Validate(args) => validate::run(args, printer),
        Command::Plan(args) => {
            let session = Session::open_checked(&args.file, false, printer, interrupt).await?;
            plan::run(&session, args).await
        }
        Command::Apply(args) => {
            // A rehearsal touches only clusters of its own, so there is nothing to ask.
            if !args.rehearse {
                confirm::require(args.run.yes, "apply", printer)?;
            }
            let session = Session::open_checked(&args.file, args.rehearse, printer, interrupt).await?;
            apply::run(&session, args).await
        }
        Command::Status(args) => {
            let session = Session::open(&args.file, args.rehearse, printer, interrupt)?;
            status::run(&session, args).await
        }
        Command::Destroy(args) => {
            confirm::require(args.run.yes, "destroy", printer)?;
            let session = Session::open(&args.file, args.rehearse, printer, interrupt)?;
            destroy::run(&session, args).await
        }
        Command::Graph(args) => graph::run(args, printer),
        Command::Render(args) => {
            let session = Session::open_checked(&args.file, false, printer, interrupt).await?;
            render::run(&session, args).await
        }
        Command::Access(args) => {
            let session = Session::open(&args.file, false, printer, interrupt)?;
            access::run(&session, args).await
        }
        Command::Kubeconfig(args) => {
            let session = Session::open(&args.file, args.rehearse, printer, interrupt)?;
            kubeconfig::run(&session, args).await
        }
        Command::Unlock(args) => {
            let session = Session::open(&args.file, false, printer, interrupt)?;
            unlock::run(&session, args).await
        }
        Command::Lock(args) => lock::run(args, printer, interrupt).await,
        Command::Vendor(args) => vendor::run(args, printer, interrupt).await,
        Command::Schema => schema::run(printer),
        Command::Completions { shell } => completions::run(*shell, printer),
    }
}

/// What a failed write to stdout means.
fn stdout_failed(source: io::Error) -> CommandError {
    CommandError::Write { what: "stdout".to_owned(), source }
}

/// Writes JSON lines to stdout.
fn json_lines(printer: &Printer, lines: &[serde_json::Value]) -> Result<(), CommandError> {
    lines.iter().try_for_each(|line| printer.json(line)).map_err(stdout_failed)
}
