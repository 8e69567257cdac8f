//! Catches the signals that would end this program, so that it can end its child processes first.
//! Once caught, a signal doesn't end the program by itself.

#[cfg(unix)]
pub(crate) use unix::{Caught, Signals};
#[cfg(windows)]
pub(crate) use windows::{Caught, Signals};

impl Signals {
    /// Returns the result of `work`. If a signal comes first, drops the work and ends this process.
    pub(crate) async fn end_or<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            caught = self.next() => std::process::exit(caught.exit_code()),
        }
    }
}

#[cfg(unix)]
mod unix {
    use crate::complain;
    use rustix::process::Signal;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    use signal_hook::iterator::SignalsInfo;
    use signal_hook::iterator::exfiltrator::raw::WithRawSiginfo;
    use std::fs::File;
    use std::io;
    use std::thread;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    /// A caught signal.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Caught {
        pub(crate) signal: Signal,
        /// Whether it comes from a key: the terminal sends it to every program in its foreground.
        pub(crate) is_keyed: bool,
    }

    impl Caught {
        /// The exit code of a program that the signal ends, as a shell reports it.
        pub(super) fn exit_code(self) -> i32 {
            128 + self.signal.as_raw()
        }
    }

    /// The signals in their order of arrival.
    #[derive(Debug)]
    pub(crate) struct Signals(UnboundedReceiver<Caught>);

    impl Signals {
        pub(crate) fn catch() -> io::Result<Self> {
            let mut signals = SignalsInfo::<WithRawSiginfo>::new([SIGINT, SIGQUIT, SIGTERM, SIGHUP])?;
            let (sender, received) = unbounded_channel();
            thread::Builder::new().name("signals".to_owned()).spawn(move || {
                for info in signals.forever() {
                    let Some(signal) = Signal::from_named_raw(info.si_signo) else { continue };
                    let may_be_keyed = matches!(signal, Signal::INT | Signal::QUIT);
                    let is_keyed = may_be_keyed && is_of_the_system(info.si_code) && is_in_foreground();
                    // Nobody may be waiting any more.
                    let _ = sender.send(Caught { signal, is_keyed });
                }
            })?;
            Ok(Self(received))
        }

        /// Drops signals that have arrived but were not waited for.
        pub(crate) fn forget_past(&mut self) {
            while self.0.try_recv().is_ok() {}
        }

        /// Makes the next signal print `why` and end this process.
        pub(crate) fn end_process_at_next(mut self, code: u8, why: &'static str) -> io::Result<()> {
            thread::Builder::new().name("end".to_owned()).spawn(move || {
                if self.0.blocking_recv().is_some() {
                    complain(&why);
                    std::process::exit(i32::from(code));
                }
            })?;
            Ok(())
        }

        /// Makes the next signal do this and end this process.
        pub(crate) fn end_process_after(mut self, act: impl FnOnce() + Send + 'static) -> io::Result<()> {
            thread::Builder::new().name("end".to_owned()).spawn(move || {
                if let Some(caught) = self.0.blocking_recv() {
                    act();
                    std::process::exit(caught.exit_code());
                }
            })?;
            Ok(())
        }

        /// Waits for the next signal.
        pub(crate) async fn next(&mut self) -> Caught {
            match self.0.recv().await {
                Some(caught) => caught,
                None => std::future::pending().await,
            }
        }
    }

    /// Whether the system, and no process, has sent the signal. Only Linux tells by the code; elsewhere
    /// a process in the terminal's foreground assumes a key.
    // Decision: docs/decisions/yt-dlp.md#a-signal-goes-on-to-the-program-unless-a-key-was-pressed
    fn is_of_the_system(code: i32) -> bool {
        code > 0 || !cfg!(target_os = "linux")
    }

    /// Whether keys pressed at the terminal reach this process.
    fn is_in_foreground() -> bool {
        let terminal = File::open("/dev/tty").ok();
        terminal
            .and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok())
            .is_some_and(|group| group == rustix::process::getpgrp())
    }
}

#[cfg(windows)]
mod windows {
    use crate::complain;
    use std::io;
    use std::task::{Context, Waker};
    use std::thread;
    use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

    /// A console event, which also reaches this program's child processes.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Caught;

    impl Caught {
        /// The same as for Ctrl-C on other systems.
        #[expect(clippy::unused_self, reason = "on Unix it depends on the signal")]
        pub(super) fn exit_code(self) -> i32 {
            130
        }
    }

    /// The signals in their order of arrival.
    #[derive(Debug)]
    pub(crate) struct Signals {
        interrupt: CtrlC,
        stop: CtrlBreak,
        close: CtrlClose,
    }

    impl Signals {
        pub(crate) fn catch() -> io::Result<Self> {
            Ok(Self { interrupt: ctrl_c()?, stop: ctrl_break()?, close: ctrl_close()? })
        }

        /// Drops signals that have arrived but were not waited for.
        pub(crate) fn forget_past(&mut self) {
            let mut nobody = Context::from_waker(Waker::noop());
            while self.interrupt.poll_recv(&mut nobody).is_ready()
                || self.stop.poll_recv(&mut nobody).is_ready()
                || self.close.poll_recv(&mut nobody).is_ready()
            {}
        }

        /// Makes the next signal print `why` and end this process.
        pub(crate) fn end_process_at_next(mut self, code: u8, why: &'static str) -> io::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            thread::Builder::new().name("end".to_owned()).spawn(move || {
                runtime.block_on(self.next());
                complain(&why);
                std::process::exit(i32::from(code));
            })?;
            Ok(())
        }

        /// Waits for the next signal.
        pub(crate) async fn next(&mut self) -> Caught {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.stop.recv() => {}
                _ = self.close.recv() => {}
            }
            Caught
        }
    }
}
