//! Ctrl-C: the first lets running steps end, the second ends at once.

use std::{future::Future, io};

use tokio::sync::watch;

use crate::{error::CommandError, exit_code::ExitCode};

/// Whether the user wants to stop.
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens to Ctrl-C and, on Unix, to SIGTERM, which is how other programs ask.
    pub fn listen() -> io::Result<Self> {
        let (sender, receiver) = watch::channel(false);
        #[cfg(unix)]
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        #[cfg(unix)]
        let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
        tokio::spawn(async move {
            loop {
                #[cfg(unix)]
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                #[cfg(not(unix))]
                if tokio::signal::ctrl_c().await.is_err() {
                    return;
                }
                if sender.send_replace(true) {
                    // The user does not want to wait for what still runs; a next run finds out what is done.
                    std::process::exit(ExitCode::Interrupted.number().into());
                }
            }
        });
        Ok(Self(receiver))
    }

    /// Never interrupted, until the sender says so; for tests.
    #[cfg(test)]
    pub(crate) fn scripted() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// The channel that an apply listens to.
    pub fn receiver(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }

    /// Does something that may be abandoned at any point, because it writes nothing.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T, CommandError> {
        let mut receiver = self.0.clone();
        let interrupted = async {
            // An error means that nobody can interrupt any more.
            if receiver.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = interrupted => Err(CommandError::Interrupted),
            result = work => Ok(result),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_abandoned_when_interrupted() {
        let (sender, interrupt) = Interrupt::scripted();
        assert!(matches!(interrupt.or(async { 1 }).await, Ok(1)));
        sender.send_replace(true);
        let result = interrupt.or(std::future::pending::<()>()).await;
        assert!(matches!(result, Err(CommandError::Interrupted)));
    }

    #[tokio::test]
    async fn without_a_sender_work_goes_on() {
        let (sender, interrupt) = Interrupt::scripted();
        drop(sender);
        assert!(matches!(interrupt.or(async { 1 }).await, Ok(1)));
    }
}
