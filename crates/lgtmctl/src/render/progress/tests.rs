//! How an apply looks while it goes on.

use lgtm_executor::{Failure, Kind};
use lgtm_planner::inventory::Took;

use super::*;
use crate::render::fixture::{PLAIN, plan as make, step, unit};

fn id(text: &str) -> StepId {
    StepId::ensure(unit(text))
}

fn done(text: &str) -> Event {
    let (outcome, took) = (Outcome::Created, Took { work: 1_000, wait: 2_200 });
    Event::StepDone { step: id(text), outcome, took, remarks: Vec::new() }
}

fn started(text: &str) -> Event {
    Event::StepStarted { step: id(text) }
}

fn board() -> Board {
    let mut steps: Vec<_> =
        ["hub/cluster", "hub/mimir", "hub/loki", "north/cluster", "north/alloy", "west/alloy"]
            .map(|id| step(id, Change::Create, "new"))
            .into();
    let need = |step: &mut lgtm_planner::plan::Step, need: &str| {
        step.needs.insert(id(need));
    };
    need(&mut steps[1], "hub/cluster");
    need(&mut steps[2], "hub/cluster");
    need(&mut steps[4], "north/cluster");
    need(&mut steps[4], "hub/mimir");
    need(&mut steps[5], "hub/mimir");
    Board::new(&make(steps), 10_000)
}

#[test]
fn a_picture_of_the_middle() {
    let mut board = board();
    for event in
        [started("hub/cluster"), started("north/cluster"), done("hub/cluster"), done("north/cluster")]
    {
        board.see(&event, 11_000);
    }
    board.see(&started("hub/mimir"), 12_000);
    board.see(&started("hub/loki"), 12_500);
    let what = "StatefulSet mimir/mimir: 0 of 1 ready".to_owned();
    board.see(&Event::Waiting { step: id("hub/mimir"), what }, 12_600);
    insta::assert_snapshot!(board.lines(14_100, PLAIN()).join("\n"));
    let narrow = board.lines(14_100, Style::new(false, 50, false));
    assert!(narrow.iter().all(|line| line.chars().count() <= 50), "{narrow:#?}");
}

#[test]
fn a_picture_of_failures() {
    let mut board = board();
    board.see(&done("hub/cluster"), 11_000);
    let failure = Failure::new(Kind::Permanent, "refused");
    board.see(&Event::StepFailed { step: id("hub/mimir"), failure: failure.clone() }, 11_000);
    for skipped in ["north/alloy", "west/alloy"] {
        board.see(&Event::StepSkipped { step: id(skipped), because: id("hub/mimir") }, 11_000);
    }
    board.see(&done("hub/loki"), 11_500);
    board.see(&Event::Unreachable { cluster: ClusterName::new("north"), reason: "gone".to_owned() }, 11_500);
    insta::assert_snapshot!(board.lines(12_000, PLAIN()).join("\n"));
}

#[test]
fn the_time_that_is_left_is_the_longest_open_path() {
    let mut board = board();
    assert_eq!(board.left(10_000), 3_000);
    board.see(&started("hub/cluster"), 10_000);
    assert_eq!(board.left(10_400), 2_600);
    // A step that takes longer than expected does not make the rest shorter.
    assert_eq!(board.left(19_000), 2_000);
    board.see(&done("hub/cluster"), 19_000);
    board.see(&done("hub/mimir"), 19_000);
    assert_eq!(board.left(19_000), 2_000, "north's cluster and agent remain");
}

#[test]
fn many_clusters_are_folded_and_what_happens_stays_visible() {
    let steps = (0..20).map(|spoke| step(&format!("spoke-{spoke:02}/alloy"), Change::Create, "new"));
    let mut board = Board::new(&make(steps.collect()), 0);
    for spoke in 0..9 {
        board.see(&done(&format!("spoke-{spoke:02}/alloy")), 10);
    }
    board.see(&started("spoke-19/alloy"), 10);
    let lines = board.lines(20, PLAIN());
    assert_eq!(lines.len(), 1 + LINES + 1);
    assert!(lines.iter().any(|line| line.contains("spoke-19")), "{lines:#?}");
    assert_eq!(lines.last().map(String::as_str), Some("  … and 12 more clusters: 3 waiting, 9 done"));
}

#[test]
fn plain_lines() {
    let failure = Failure::new(Kind::Transient, "503 from\nthe API server");
    let events = [
        Event::Started { steps: vec![(id("hub/mimir"), Change::Create)], longest_path: 18_200 },
        started("hub/mimir"),
        Event::Waiting { step: id("hub/mimir"), what: "StatefulSet a/b: 0 of 1 ready".to_owned() },
        Event::Retrying { step: id("hub/mimir"), failure: failure.clone(), delay: 250 },
        Event::Decided { step: id("hub/mimir"), change: None },
        done("hub/mimir"),
        Event::StepFailed { step: id("hub/loki"), failure },
        Event::StepSkipped { step: id("north/alloy"), because: id("hub/loki") },
        Event::Unreachable { cluster: ClusterName::new("west"), reason: "timed out".to_owned() },
        Event::Finished(lgtm_executor::event::Summary::default()),
    ];
    let lines: Vec<String> = events.iter().filter_map(|event| plain(event, PLAIN())).collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert_eq!(
        plain(&started("hub/mimir"), Style::new(false, 80, true)).as_deref(),
        Some("hub/mimir: begins")
    );
}
