//! The curve of the documentation: time and memory of a whole plan, by the number of spokes.
//!
//! Each row is measured by a process of its own, so that none inherits the memory of another.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the curve is a table of what the system says of processes"
)]

use std::{fs, process::Command, time::Duration};

use crate::{SPOKES, fleet::Fleet};

const CURVE: &str = "--curve";
const ROW: &str = "--curve-row";
/// Plans of the largest fleet whose mean counts.
const PLANS: usize = 20;

/// Does what the arguments say, if they are about the curve.
pub(crate) fn asked() -> bool {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == ROW) {
        row(arguments[at + 1].parse().expect("a number of spokes"));
    } else if arguments.iter().any(|argument| argument == CURVE) {
        println!("| spokes | units | whole plan | for each spoke | peak memory |");
        println!("|---:|---:|---:|---:|---:|");
        for spokes in SPOKES {
            let program = std::env::current_exe().expect("a program has a path");
            let status = Command::new(program).args([ROW, &spokes.to_string()]).status();
            assert!(status.expect("the program can be started").success());
        }
    } else {
        return false;
    }
    true
}

fn row(spokes: usize) {
    let fleet = Fleet::settled(spokes);
    // What the model of the clusters needed to come here is no part of planning.
    fs::write("/proc/self/clear_refs", "5").expect("Linux forgets the peak so far");
    // As much work for every row, since the kernel counts in steps of a few milliseconds.
    let plans = PLANS * SPOKES[SPOKES.len() - 1] / spokes;
    let begun = processor_time();
    for _ in 0..plans {
        assert!(fleet.plan_from_text().is_empty());
    }
    let took = (processor_time() - begun).as_secs_f64() / plans as f64;
    println!(
        "| {spokes} | {} | {:.1} ms | {:.0} µs | {:.0} MiB |",
        fleet.desired.units.len(),
        took * 1e3,
        took * 1e6 / spokes as f64,
        peak_memory() / 1024.0,
    );
}

/// What this process has had of the processor so far. Planning is one thread that waits for nothing, so this
/// is its wall time on a machine that has nothing else to do.
fn processor_time() -> Duration {
    let statistics = fs::read_to_string("/proc/self/schedstat").expect("Linux tells a process of itself");
    let nanoseconds = statistics.split(' ').next().expect("its first figure is the time");
    Duration::from_nanos(nanoseconds.parse().expect("the time is a number"))
}

/// In KiB.
fn peak_memory() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells a process of itself");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak is known");
    line.trim().trim_end_matches(" kB").parse().expect("the peak is a number")
}
