//! Asks questions at the terminal; a secret is not shown while it is typed.

use secrecy::SecretString;
use std::io::{self, BufRead, IsTerminal, Write};

/// The exit code of a program that Ctrl-C ends, as a shell reports it.
const INTERRUPTED: i32 = 130;

/// Whether a person can answer.
pub(super) fn is_there() -> bool {
    io::stdin().is_terminal()
}

/// The answer to a question, without the white space around it.
pub(super) fn ask(question: &str) -> io::Result<String> {
    if !is_there() {
        return Err(io::Error::other("standard input is not a terminal"));
    }
    let mut error = io::stderr();
    write!(error, "{question}")?;
    error.flush()?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer.trim().to_owned())
}

/// The answer to a question for a secret.
pub(super) fn ask_secret(question: &str) -> io::Result<SecretString> {
    #[cfg(unix)]
    unix::restore_echo_at_signals()?;
    match rpassword::prompt_password(question) {
        // Ctrl-C, which the library reads as a key. The terminal is as it was.
        Err(fault) if fault.kind() == io::ErrorKind::Interrupted => std::process::exit(INTERRUPTED),
        typed => typed.map(SecretString::from),
    }
}

#[cfg(unix)]
mod unix {
    use crate::signals::Signals;
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    use std::fs::File;
    use std::io;

    /// Shows again what is typed if a signal ends this process at a question.
    pub(super) fn restore_echo_at_signals() -> io::Result<()> {
        let terminal = File::options().read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&terminal)?;
        Signals::catch()?.end_process_after(move || {
            // If this fails, the terminal is gone.
            let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
        })
    }
}
