//! The signals that would end this program, caught, so that it ends what it has
//! started first. From the first catch on none of them ends it by itself.

#[cfg(unix)]
pub(crate) use unix::{Caught, Signals};
#[cfg(windows)]
pub(crate) use windows::{Caught, Signals};

impl Signals {
    /// What `work` comes to. Where a signal comes first, the work is dropped, and
    /// this process ends.
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

    /// A signal that has come.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Caught {
        pub(crate) signal: Signal,
        /// Whether a key was pressed: the terminal sends such a one to every
        /// program in its foreground.
        pub(crate) is_keyed: bool,
    }

    impl Caught {
        /// What a shell makes of a program that it ends.
        pub(super) fn exit_code(self) -> i32 {
            128 + self.signal.as_raw()
        }
    }

    /// The signals, in the order in which they come.
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
                    // That nobody waits any more is no fault.
                    let _ = sender.send(Caught { signal, is_keyed });
                }
            })?;
            Ok(Self(received))
        }

        /// Drops those that have come and were not waited for.
        pub(crate) fn forget_past(&mut self) {
            while self.0.try_recv().is_ok() {}
        }

        /// From now on the next one ends this process, after saying `why`.
        pub(crate) fn end_process_at_next(mut self, code: u8, why: &'static str) -> io::Result<()> {
            thread::Builder::new().name("end".to_owned()).spawn(move || {
                if self.0.blocking_recv().is_some() {
                    complain(&why);
                    std::process::exit(i32::from(code));
                }
            })?;
            Ok(())
        }

        /// The next one.
        pub(crate) async fn next(&mut self) -> Caught {
            match self.0.recv().await {
                Some(caught) => caught,
                None => std::future::pending().await,
            }
        }
    }

    /// Whether no process has sent the signal. Elsewhere than on Linux its code
    /// does not tell, and one in the terminal's foreground is taken for a key.
    fn is_of_the_system(code: i32) -> bool {
        code > 0 || !cfg!(target_os = "linux")
    }

    /// Whether keys that are pressed at the terminal reach this process.
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

    /// What a console says to all of its programs, those that this one has started too.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Caught;

    impl Caught {
        /// As elsewhere that of a program that Ctrl-C ends.
        #[expect(clippy::unused_self, reason = "elsewhere there are several")]
        pub(super) fn exit_code(self) -> i32 {
            130
        }
    }

    /// The signals, in the order in which they come.
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

        /// Drops those that have come and were not waited for.
        pub(crate) fn forget_past(&mut self) {
            let mut nobody = Context::from_waker(Waker::noop());
            while self.interrupt.poll_recv(&mut nobody).is_ready()
                || self.stop.poll_recv(&mut nobody).is_ready()
                || self.close.poll_recv(&mut nobody).is_ready()
            {}
        }

        /// From now on the next one ends this process, after saying `why`.
        pub(crate) fn end_process_at_next(mut self, code: u8, why: &'static str) -> io::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            thread::Builder::new().name("end".to_owned()).spawn(move || {
                runtime.block_on(self.next());
                complain(&why);
                std::process::exit(i32::from(code));
            })?;
            Ok(())
        }

        /// The next one.
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
