//! Asks for secrets without echo, at the terminal from which the command was started (`/dev/tty`),
//! even if standard input is something else.

#[cfg(unix)]
mod terminal;

use super::error::CliError;
use secrecy::{ExposeSecret as _, SecretString};
use std::io::{self, IsTerminal as _};

/// Asks for a secret of one line; `otherwise` names another way to provide it.
pub(super) fn ask(what: &str, otherwise: &str) -> Result<SecretString, CliError> {
    match prompt(&format!("{what}: ")) {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(CliError::User(format!(
            "{what}: more than one line was pasted, so nothing was changed; {otherwise}"
        ))),
        Err(error) => {
            let (what, otherwise) = (what.to_owned(), otherwise.to_owned());
            Err(CliError::Prompt { what, error, otherwise })
        }
    }
}

/// Asks twice for a new password.
pub(super) fn ask_twice(what: &str, otherwise: &str) -> Result<SecretString, CliError> {
    let password = ask(what, otherwise)?;
    // The same person typed both, so the timing reveals nothing.
    if password.expose_secret() != ask(&format!("{what} again"), otherwise)?.expose_secret() {
        return Err(CliError::User("the passwords don't match".to_owned()));
    }
    Ok(password)
}

/// Refuses to read a secret from standard input if that is a terminal, which would show it.
pub(super) fn refuse_terminal(what: &str, flag: &str) -> Result<(), CliError> {
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    Err(CliError::User(format!(
        "standard input is a terminal, which would show {what}; pipe it from a file or a program, or leave out \
         {flag} to get a prompt"
    )))
}

/// The answer to a question; `None` if more than one line was pasted.
#[cfg(unix)]
fn prompt(question: &str) -> io::Result<Option<SecretString>> {
    let silent = terminal::Silent::start()?;
    let (input, mut output) = (silent.file()?, silent.file()?);
    let config = rpassword::ConfigBuilder::new().input_reader(input).output_writer(silent.file()?).build();
    let answer = rpassword::prompt_password_with_config(question, config).map(SecretString::from)?;
    // The terminal did not show the Enter key either.
    io::Write::write_all(&mut output, b"\n")?;
    Ok((!silent.drop_pending()?).then_some(answer))
}

#[cfg(not(unix))]
fn prompt(question: &str) -> io::Result<Option<SecretString>> {
    rpassword::prompt_password(question).map(|answer| Some(answer.into()))
}
