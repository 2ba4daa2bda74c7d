//! Following an apply: live lines on a terminal, plain lines elsewhere, JSON lines for scripts.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lgtm_executor::{ApplyOptions, Event, Events, Prepared, Report, World, apply};
use tokio::sync::mpsc;

use crate::{
    error::CommandError,
    interrupt::Interrupt,
    printer::{Output, Printer},
    render::{
        json,
        progress::{Board, plain},
    },
};

/// How often live lines are drawn: seldom enough for a slow terminal, often enough to look alive.
const FRAME: Duration = Duration::from_millis(100);

/// In which form an apply is followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) output: Output,
    pub(super) no_progress: bool,
}

/// Performs a plan and shows what happens.
pub(super) async fn perform<W: World>(
    world: &Arc<W>,
    prepared: Prepared,
    options: ApplyOptions,
    form: Form,
    printer: &Printer,
    interrupt: &Interrupt,
) -> Result<Report, CommandError> {
    let (events, receiver) = Events::channel();
    let board = Board::new(&prepared.plan, 0);
    let receiver_of_stop = interrupt.receiver();
    let work = async move { apply(world, prepared, options, &events, receiver_of_stop).await };
    let show = follow(receiver, board, form, printer, interrupt);
    let (report, shown) = tokio::join!(work, show);
    shown?;
    Ok(report)
}

async fn follow(
    mut events: mpsc::UnboundedReceiver<Event>,
    mut board: Board,
    form: Form,
    printer: &Printer,
    interrupt: &Interrupt,
) -> Result<(), CommandError> {
    let begun = Instant::now();
    let now = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let live = (printer.is_live() && !form.no_progress && form.output == Output::Human).then(live_lines);
    let mut frame = tokio::time::interval(FRAME);
    frame.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut stop = interrupt.receiver();
    let mut told_to_stop = false;
    let mut shown = Ok(());
    loop {
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { break };
                board.see(&event, now());
                if form.output == Output::Json && shown.is_ok() {
                    // The apply goes on when stdout fails; the failure is told at the end.
                    shown = printer.json(&json::event(&event)).map_err(super::stdout_failed);
                }
                match &live {
                    Some(bar) => tell_above(bar, &event, printer),
                    None if form.output == Output::Human => tell_line(&event, printer),
                    None => {}
                }
                if matches!(event, Event::Finished(_)) {
                    break;
                }
            }
            _ = frame.tick(), if live.is_some() => {
                if let Some(bar) = &live {
                    // The last column stays free, since some terminals wrap after writing it.
                    bar.set_message(board.lines(now(), printer.talk_style()).join("\n"));
                    bar.tick();
                }
            }
            stopped = stop.wait_for(|stop| *stop), if !told_to_stop => {
                told_to_stop = true;
                if stopped.is_ok() {
                    let text = "interrupted: running steps end, none begins; Ctrl-C again ends at once";
                    match &live {
                        Some(bar) => bar.println(text),
                        None => printer.insist(&format!("{text}\n")),
                    }
                }
            }
        }
    }
    if let Some(bar) = live {
        bar.finish_and_clear();
    }
    shown
}

fn live_lines() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    // The template is a constant and holds the one key that every bar has.
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    bar
}

/// Above live lines stands only what must not scroll by unseen.
fn tell_above(bar: &ProgressBar, event: &Event, printer: &Printer) {
    let matters = match event {
        Event::StepFailed { .. } | Event::Unreachable { .. } => true,
        Event::StepDone { remarks, .. } => !remarks.is_empty(),
        Event::Started { .. }
        | Event::StepStarted { .. }
        | Event::Waiting { .. }
        | Event::Retrying { .. }
        | Event::Decided { .. }
        | Event::StepSkipped { .. }
        | Event::Finished(_) => false,
    };
    if matters && let Some(text) = plain(event, printer.talk_style()) {
        bar.println(text);
    }
}

fn tell_line(event: &Event, printer: &Printer) {
    if let Some(text) = plain(event, printer.talk_style()) {
        printer.talk(&format!("{text}\n"));
    }
}
