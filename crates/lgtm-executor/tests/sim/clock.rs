//! A clock that goes forward by itself.

use std::future::Future;

/// Runs with a clock of its own, which goes forward when nothing else can.
pub(crate) fn virtually<T>(run: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(run)
}
