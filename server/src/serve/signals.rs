//! The signals that are heard: two that ask a server or a command to stop, and one that has a
//! server read its files anew.

use std::io;

/// What asked the server to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Somebody at the terminal, who waits for it.
    Interrupt,
    /// What runs the server: a service manager, or the machine's end.
    Terminate,
}

/// Hears Ctrl-C, and on Unix `SIGTERM`, from the moment it is made.
#[derive(Debug)]
pub(crate) struct StopSignals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

/// Hears `SIGHUP`, which ends nothing from the moment this is made.
#[derive(Debug)]
pub(super) struct Hangups {
    #[cfg(unix)]
    signals: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignals {
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Interrupt,
            _ = self.terminate.recv() => Stop::Terminate,
        }
    }
}

#[cfg(unix)]
impl Hangups {
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { signals: signal(SignalKind::hangup())? })
    }

    /// Waits for the next one; several that come meanwhile are one.
    pub(super) async fn next(&mut self) {
        self.signals.recv().await;
    }
}

#[cfg(not(unix))]
impl StopSignals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Stop {
        // Without a handler nothing could be waited for: stop at once.
        let _ = tokio::signal::ctrl_c().await;
        Stop::Interrupt
    }
}

#[cfg(not(unix))]
impl Hangups {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// There is none.
    pub(super) async fn next(&mut self) {
        std::future::pending().await
    }
}
