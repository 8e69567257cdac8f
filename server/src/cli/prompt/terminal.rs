//! Turns off the terminal's echo while a secret is typed, and restores it however the command ends.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr,
};
use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use tokio::signal::unix::{SignalKind, signal};

/// The longest pause between the first line of a paste and the rest.
const PASTE_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// Disables a special character, so that no key produces it (POSIX).
const NO_KEY: u8 = 0;

/// The silent terminal and its former settings. Restoring them holds the lock.
static BEFORE: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// A terminal without echo until this is dropped. It does not buffer lines, which would truncate
/// long ones.
pub(super) struct Silent(File);

impl Silent {
    /// Silences the terminal from which the command was started.
    pub(super) fn start() -> io::Result<Self> {
        static HEARD: Once = Once::new();
        let terminal = File::options().read(true).write(true).open("/dev/tty")?;
        HEARD.call_once(restore_at_signals);
        let mut held = hold();
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON;
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        // Suspending would leave the shell with a silent terminal.
        silent.special_codes[SpecialCodeIndex::VSUSP] = NO_KEY;
        *held = Some((terminal.try_clone()?, before));
        tcsetattr(&terminal, OptionalActions::Now, &silent)?;
        Ok(Self(terminal))
    }

    /// The terminal, for reading and writing.
    pub(super) fn file(&self) -> io::Result<File> {
        self.0.try_clone()
    }

    /// Drops unread input until no more follows, and says whether there was any.
    pub(super) fn drop_pending(&self) -> io::Result<bool> {
        let mut was_any = false;
        while poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&PASTE_PAUSE))? > 0 {
            was_any = true;
            tcflush(&self.0, QueueSelector::IFlush)?;
        }
        Ok(was_any)
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        restore(&mut hold());
    }
}

fn hold() -> MutexGuard<'static, Option<(File, Termios)>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn restore(held: &mut Option<(File, Termios)>) {
    if let Some((terminal, before)) = held.take() {
        // If this fails, the terminal is gone.
        let _ = tcsetattr(terminal, OptionalActions::Now, &before);
    }
}

/// Exits on a signal as shells expect, with 128 plus its number. A handled signal no longer ends
/// the program by itself, so this stays in force.
fn restore_at_signals() {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()] {
        let Ok(mut signals) = signal(kind) else { continue };
        tokio::spawn(async move {
            if signals.recv().await.is_some() {
                // Hold the lock until the exit, so that nothing silences the terminal again.
                let mut held = hold();
                restore(&mut held);
                std::process::exit(128 + kind.as_raw_value());
            }
        });
    }
}
