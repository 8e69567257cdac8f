//! The terminal that a command was started from, while it shows nothing of what
//! is typed; and that it shows it again, however the command ends.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr,
};
use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use tokio::signal::unix::{SignalKind, signal};

/// How long the rest of what is pasted may take to follow a line of it.
const PASTE_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// What a special character is set to so that no key makes it (POSIX).
const NO_KEY: u8 = 0;

/// The silent terminal and its settings from before. Whoever restores them holds
/// this meanwhile.
static BEFORE: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// A terminal that shows nothing, until this is dropped. Lines are not gathered
/// by it, which would cut long ones.
pub(super) struct Silent(File);

impl Silent {
    /// Silences the terminal that the command was started from.
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
        // A shell would be left with a silent terminal.
        silent.special_codes[SpecialCodeIndex::VSUSP] = NO_KEY;
        *held = Some((terminal.try_clone()?, before));
        tcsetattr(&terminal, OptionalActions::Now, &silent)?;
        Ok(Self(terminal))
    }

    /// The terminal, to be read and written.
    pub(super) fn file(&self) -> io::Result<File> {
        self.0.try_clone()
    }

    /// Drops what was typed and not read, until nothing more follows; whether
    /// there was any.
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
        // Where it fails the terminal is gone.
        let _ = tcsetattr(terminal, OptionalActions::Now, &before);
    }
}

/// Ends the program at a signal as shells have it, with 128 and its number. Once
/// a signal is heard it does no more of itself, so that is so from then on.
fn restore_at_signals() {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()] {
        let Ok(mut signals) = signal(kind) else { continue };
        tokio::spawn(async move {
            if signals.recv().await.is_some() {
                // Held to the end: nobody silences it again.
                let mut held = hold();
                restore(&mut held);
                std::process::exit(128 + kind.as_raw_value());
            }
        });
    }
}
