//! Who holds a lock: enough for a person to find the process, and for another one on the same machine to
//! see that it is dead.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The identities of this process's own locks: several topologies may be applied by one process, and
/// one topology by two parts of it must not.
static HELD_HERE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// How many locks this process has had. A number is never given out again: a Lease that could not be
/// given back would look alive as soon as another lock had its number.
static RUNS: AtomicUsize = AtomicUsize::new(0);

/// An identity that no other lock of this process has, or had.
pub(super) fn register() -> String {
    let run = RUNS.fetch_add(1, Ordering::Relaxed) + 1;
    let identity = format!("{} run {run}", of_process());
    held_here().insert(identity.clone());
    identity
}

/// Forgets an identity that is no longer in use.
pub(super) fn give_up(identity: &str) {
    held_here().remove(identity);
}

fn held_here() -> std::sync::MutexGuard<'static, BTreeSet<String>> {
    HELD_HERE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `user@host process 123 boot 0123abcd`: enough for a person to find it, and for another process on
/// the same machine to see that it is dead. A lock adds `run 1`, its number within the process.
fn of_process() -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
    format!("{user}@{} process {} boot {}", host(), std::process::id(), boot())
}

fn host() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/hostname");
    read.map_or_else(|_| std::env::var("HOSTNAME").unwrap_or_default(), |name| name.trim().to_owned())
}

/// Tells one boot of a machine from another; empty where the system does not say.
fn boot() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let boot: String = read.map(|id| id.trim().chars().take(8).collect()).unwrap_or_default();
    // Containers share a boot and may share a host name, and do not see each other's processes.
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let space: String = space.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    if boot.is_empty() { boot } else { format!("{boot}.{space}") }
}

/// Whether the holder ran on this machine since its last boot and is no more.
pub(super) fn is_dead_here(who: &str) -> bool {
    let Some((rest, booted)) = who.rsplit_once(" boot ") else { return false };
    let (booted, run) = booted.split_once(" run ").unwrap_or((booted, ""));
    let Some((user, process)) = rest.rsplit_once(" process ") else { return false };
    let here = user.rsplit_once('@').is_some_and(|(_, name)| name == host());
    let this_boot = here && !booted.is_empty() && booted == boot() && Path::new("/proc/self").exists();
    let Ok(process) = process.parse::<u32>() else { return false };
    if !this_boot {
        return false;
    }
    if process == std::process::id() {
        // A number that was given up here is free, also when another process before had the same.
        return !run.is_empty() && !held_here().contains(who);
    }
    !Path::new(&format!("/proc/{process}")).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_dead_process_of_this_boot_is_dead_here() {
        let alive = of_process();
        assert!(!is_dead_here(&alive));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let gone = child.id();
        child.wait().unwrap();
        let dead = format!("x@{} process {gone} boot {}", host(), boot());
        assert!(is_dead_here(&dead));
        assert!(!is_dead_here(&dead.replace(&boot(), "00000000")));
        assert!(!is_dead_here("x@elsewhere process 1 boot 00000000"));
    }
}
