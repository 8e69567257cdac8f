//! Asking for secrets at the terminal, without echo: at the one that the command
//! was started from (`/dev/tty`), whatever standard input is.

#[cfg(unix)]
mod terminal;

use super::error::CliError;
use secrecy::{ExposeSecret as _, SecretString};
use std::io::{self, IsTerminal as _};

/// Asks for a secret of one line; `otherwise` says how else it can be given.
pub(super) fn ask(what: &str, otherwise: &str) -> Result<SecretString, CliError> {
    match prompt(&format!("{what}: ")) {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(CliError::User(format!(
            "{what}: that was more than one line, so none of it was taken and nothing was done; {otherwise}"
        ))),
        Err(error) => {
            let (what, otherwise) = (what.to_owned(), otherwise.to_owned());
            Err(CliError::Prompt { what, error, otherwise })
        }
    }
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

/// Refuses to read a secret from standard input where that is a terminal, which
/// would show it.
pub(super) fn refuse_terminal(what: &str, flag: &str) -> Result<(), CliError> {
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    Err(CliError::User(format!(
        "standard input is a terminal, which would show {what}: give it from a file or a program, or leave {flag} \
         out and be asked for it"
    )))
}

/// The answer to a question; `None` where more than a line was pasted.
#[cfg(unix)]
fn prompt(question: &str) -> io::Result<Option<SecretString>> {
    let silent = terminal::Silent::start()?;
    let (input, mut output) = (silent.file()?, silent.file()?);
    let config = rpassword::ConfigBuilder::new().input_reader(input).output_writer(silent.file()?).build();
    let answer = rpassword::prompt_password_with_config(question, config).map(SecretString::from)?;
    // The key that ended the line was not shown either.
    io::Write::write_all(&mut output, b"\n")?;
    Ok((!silent.drop_pending()?).then_some(answer))
}

#[cfg(not(unix))]
fn prompt(question: &str) -> io::Result<Option<SecretString>> {
    rpassword::prompt_password(question).map(|answer| Some(answer.into()))
}
