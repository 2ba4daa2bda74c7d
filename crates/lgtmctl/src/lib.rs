//! The command line of lgtmctl.
//!
//! ```text
//! arguments ─cli─▶ commands ─session─▶ executor and world
//!                     │ plans, reports, events
//!                     ▼
//!                  render ─text─▶ printer ─▶ stdout: data, stderr: talk
//! ```
//!
//! Commands know in which order things happen, `render` how they look, and only the printer writes.

use std::{
    ffi::OsString,
    panic::{AssertUnwindSafe, catch_unwind},
};

use clap::Parser as _;

use crate::{
    cli::{Cli, GlobalArgs},
    error::CommandError,
    exit_code::ExitCode,
    interrupt::Interrupt,
    printer::{Output, Printer, Terminal, Wishes},
    render::{Style, json, problem},
};

pub mod cli;
pub mod commands;
pub mod error;
pub mod exit_code;
pub mod input;
pub mod interrupt;
pub mod printer;
pub mod render;
pub mod session;
mod trace;
mod values;

/// Runs the program with the given arguments, of which the first is its own name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> std::process::ExitCode {
    let code = catch_unwind(AssertUnwindSafe(|| run_command(arguments)));
    // The panic's own message is on stderr already.
    code.unwrap_or(ExitCode::Bug).into()
}

fn run_command(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let terminal = Terminal::detect();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and versions come as errors, too; where stdout is gone there is nobody to tell.
            drop(error.print());
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Done };
        }
    };
    let GlobalArgs { color, quiet, verbose } = cli.global;
    let printer = Printer::new(terminal, Wishes { color, quiet, verbosity: verbose });
    let output = cli.command.output();
    match traced(&cli, &printer) {
        Ok(code) => code,
        Err(error) => {
            tell(&error, output, &printer);
            error.exit_code()
        }
    }
}

fn traced(cli: &Cli, printer: &Printer) -> Result<ExitCode, CommandError> {
    let to = cli.command.trace_to();
    let unwritable = |source| CommandError::Write {
        what: to.map_or_else(String::new, |path| path.display().to_string()),
        source,
    };
    let finish = trace::start(cli.global.verbose, printer.talk_style(), to).map_err(unwritable)?;
    let result = start(cli, printer);
    match finish.map(trace::Finish::finish) {
        // What the command came to matters more than its trace.
        Some(Err(error)) if result.is_ok() => Err(unwritable(error)),
        Some(_) | None => result,
    }
}

fn start(cli: &Cli, printer: &Printer) -> Result<ExitCode, CommandError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CommandError::Start)?;
    let result = runtime.block_on(async {
        let interrupt = Interrupt::listen().map_err(CommandError::Start)?;
        commands::dispatch(&cli.command, printer, interrupt).await
    });
    // A thread that still waits for an answer on stdin must not keep the process alive.
    runtime.shutdown_background();
    result
}

/// Says why a command could not go on. What points into the file has been shown by then.
fn tell(error: &CommandError, output: Output, printer: &Printer) {
    printer.insist(&words(error, printer.talk_style()));
    if output == Output::Json {
        let content = serde_json::json!({
            "exitCode": error.exit_code().number(),
            "messages": messages(error),
            "help": error.help(),
        });
        // If stdout cannot be written either, stderr has said it.
        drop(printer.json(&json::line("error", content)));
    }
}

fn words(error: &CommandError, style: Style) -> String {
    match error {
        CommandError::Prepare(error) => problem::prepare_error(error, style),
        CommandError::World(failure) => problem::failure(failure, style),
        CommandError::Usage { .. }
        | CommandError::Unreadable { .. }
        | CommandError::Invalid
        | CommandError::Serialize { .. }
        | CommandError::Write { .. }
        | CommandError::Forbidden { .. }
        | CommandError::HubUnreachable { .. }
        | CommandError::Declined
        | CommandError::Interrupted
        | CommandError::Start(_) => {
            problem::error(&error.to_string(), &causes(error), error.help().as_deref(), style)
        }
    }
}

fn causes(error: &dyn std::error::Error) -> Vec<String> {
    std::iter::successors(error.source(), |error| error.source()).map(ToString::to_string).collect()
}

fn messages(error: &CommandError) -> Vec<String> {
    use lgtm_executor::prepare::PrepareError;
    match error {
        CommandError::Prepare(PrepareError::Desire(problems)) => {
            problems.iter().map(ToString::to_string).collect()
        }
        CommandError::Prepare(PrepareError::Plan(problems)) => problems
            .iter()
            .map(|problem| [vec![problem.to_string()], causes(problem)].concat().join(": "))
            .collect(),
        CommandError::Prepare(PrepareError::World(failures)) => {
            failures.iter().map(|failure| failure.message.clone()).collect()
        }
        CommandError::World(_)
        | CommandError::Usage { .. }
        | CommandError::Unreadable { .. }
        | CommandError::Invalid
        | CommandError::Serialize { .. }
        | CommandError::Write { .. }
        | CommandError::Forbidden { .. }
        | CommandError::HubUnreachable { .. }
        | CommandError::Declined
        | CommandError::Interrupted
        | CommandError::Start(_) => vec![[vec![error.to_string()], causes(error)].concat().join(": ")],
    }
}
