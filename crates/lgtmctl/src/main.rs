//! The `lgtmctl` program. Everything is in the library, so that tests reach it.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Planning for many clusters makes and drops very many small values, which costs the system's allocator a
/// quarter more time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    lgtmctl::run(std::env::args_os())
}
