//! Asking for secrets at the terminal, without echo: at the one that the command
//! was started from (`/dev/tty`), whatever standard input is.

use super::CliError;
use secrecy::{ExposeSecret as _, SecretString};
use std::io;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a program ends at Ctrl-C, as shells have it.
const INTERRUPTED: i32 = 130;
static IS_ASKING: AtomicBool = AtomicBool::new(false);

/// Asks for a secret; `otherwise` says how else it can be given.
pub(super) fn ask(what: &str, otherwise: &str) -> Result<SecretString, CliError> {
    prompt(what).map(SecretString::from).map_err(|error| CliError::Prompt {
        what: what.to_owned(),
        error,
        otherwise: otherwise.to_owned(),
    })
}

/// Asks for a new password, twice.
pub(super) fn ask_twice(what: &str, otherwise: &str) -> Result<SecretString, CliError> {
    let password = ask(what, otherwise)?;
    // Both come from the same person: how long it takes tells nothing.
    if password.expose_secret() != ask(&format!("{what} again"), otherwise)?.expose_secret() {
        return Err(CliError::User("the passwords differ".to_owned()));
    }
    Ok(password)
}

/// Ctrl-C ends the program, once the terminal shows again what is typed: the
/// library makes a signal of that key before it restores the terminal.
fn prompt(what: &str) -> io::Result<String> {
    static HEARD: Once = Once::new();
    HEARD.call_once(end_on_interrupt);
    IS_ASKING.store(true, Ordering::SeqCst);
    let answer = rpassword::prompt_password(format!("{what}: "));
    IS_ASKING.store(false, Ordering::SeqCst);
    match answer {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => std::process::exit(INTERRUPTED),
        answer => answer,
    }
}

/// Once a signal is heard it does no more of itself, so from then on it ends the
/// program here.
#[cfg(unix)]
fn end_on_interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut interrupts) = signal(SignalKind::interrupt()) else { return };
    tokio::spawn(async move {
        while interrupts.recv().await.is_some() {
            if !IS_ASKING.load(Ordering::SeqCst) {
                std::process::exit(INTERRUPTED);
            }
        }
    });
}

#[cfg(not(unix))]
fn end_on_interrupt() {}
