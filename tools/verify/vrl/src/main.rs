//! Compiles a program in Vector's language: `vrl-check FILE`. A warning is a refusal too.
//!
//! It knows the functions of the language and none that only Vector has.

use std::process::ExitCode;

use vrl::{compiler::compile, diagnostic::Formatter};

fn main() -> ExitCode {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("usage: vrl-check FILE");
        return ExitCode::from(2);
    };
    let program = match std::fs::read_to_string(&file) {
        Ok(program) => program,
        Err(error) => {
            eprintln!("{file}: {error}");
            return ExitCode::from(2);
        }
    };
    let found = match compile(&program, &vrl::stdlib::all()) {
        Ok(compiled) if compiled.warnings.is_empty() => return ExitCode::SUCCESS,
        Ok(compiled) => compiled.warnings,
        Err(found) => found,
    };
    eprintln!("{}", Formatter::new(&program, found));
    ExitCode::FAILURE
}
