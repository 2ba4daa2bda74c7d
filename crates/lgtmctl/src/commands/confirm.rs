//! Asking before something is changed.

use std::io::BufRead as _;

use crate::{error::CommandError, interrupt::Interrupt, printer::Printer};

/// Refuses early where nobody can be asked and nobody said yes.
pub(super) fn require(yes: bool, command: &str, printer: &Printer) -> Result<(), CommandError> {
    if yes || printer.can_ask() {
        return Ok(());
    }
    Err(CommandError::usage(
        format!("{command} asks before it changes anything, and this is no terminal"),
        format!("look at `lgtmctl plan` first, then use `lgtmctl {command} --yes`"),
    ))
}

/// Asks; only `yes` is a yes.
pub(super) async fn ask(
    question: &str,
    printer: &Printer,
    interrupt: &Interrupt,
) -> Result<(), CommandError> {
    printer.insist(&format!("{question} Only `yes` is accepted: "));
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        // Whoever cannot answer has not said yes.
        let _ = std::io::stdin().lock().read_line(&mut answer);
        answer
    });
    let answer = interrupt.or(answer).await?.unwrap_or_default();
    if answer.trim() == "yes" { Ok(()) } else { Err(CommandError::Declined) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::{Terminal, Wishes};

    #[test]
    fn without_a_terminal_and_without_yes_the_error_says_what_to_write() {
        let printer = Printer::new(Terminal::default(), Wishes::default());
        assert!(require(true, "apply", &printer).is_ok());
        let error = require(false, "apply", &printer).unwrap_err();
        assert_eq!(error.exit_code().number(), 2);
        assert!(error.help().unwrap().contains("lgtmctl apply --yes"));
        let terminal = Terminal { stdin: true, stderr: true, ..Terminal::default() };
        assert!(require(false, "apply", &Printer::new(terminal, Wishes::default())).is_ok());
    }
}
