//! The `lgtmctl` program. Everything is in the library, so that tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    lgtmctl::run(std::env::args_os())
}
