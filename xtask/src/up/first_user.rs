//! The first user of a fresh server: who it is, asked before the long build, and
//! the adding of them after it. It knows the server by its command line alone.

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

const DEFAULT_EMAIL: &str = "creator@localhost";
/// The server's file: where it is, somebody may be in it.
const DATABASE_FILE: &str = "stagepass.db";
/// The server's rules, held here too so that a fault is told while a person is there.
const MIN_PASSWORD_CHARS: usize = 8;
const MAX_PASSWORD_BYTES: usize = 1024;
/// RFC 5321.
const MAX_EMAIL_BYTES: usize = 254;
/// 120 bits, 20 characters.
const MADE_UP_PASSWORD_BYTES: usize = 15;

/// Who is to be, or was, added.
#[derive(Debug)]
pub(super) struct FirstUser {
    email: String,
    password: SecretString,
    is_made_up: bool,
}

impl FirstUser {
    /// How to sign in, for the person who started all this; a made-up password
    /// is in it, its one showing.
    pub(super) fn sign_in(&self) -> SignIn<'_> {
        SignIn(self)
    }
}

/// Shows how a [`FirstUser`] signs in.
pub(super) struct SignIn<'a>(&'a FirstUser);

impl fmt::Display for SignIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FirstUser { email, password, is_made_up } = self.0;
        if *is_made_up {
            let password = password.expose_secret();
            write!(f, "{email}\n            {password}  (shown this once: keep it)")
        } else {
            write!(f, "{email}, with the password you chose")
        }
    }
}

/// Asks who the first user shall be where the server has no database yet.
pub(super) fn choose_if_fresh(data_dir: &Path, email: Option<&str>) -> Result<Option<FirstUser>> {
    if has_database(data_dir) { Ok(None) } else { choose(email).map(Some) }
}

fn has_database(data_dir: &Path) -> bool {
    data_dir.join(DATABASE_FILE).exists()
}

/// Adds a user where there is none: the chosen one, or one that is chosen now.
/// `None` where somebody is there already.
pub(super) fn ensure(
    server: &Path,
    data_dir: &Path,
    chosen: Option<FirstUser>,
    email: Option<&str>,
) -> Result<Option<FirstUser>> {
    let user_command = |arguments: &[&str]| {
        let mut command = Command::new(server);
        command.env("STAGEPASS_DATA_DIR", data_dir).arg("user").args(arguments);
        command
    };
    if has_database(data_dir) {
        let listed = user_command(&["list"]).stderr(Stdio::inherit()).output().context("stagepass-server")?;
        ensure!(listed.status.success(), "the server's data can't be read");
        if !listed.stdout.is_empty() {
            return Ok(None);
        }
    }
    let user = chosen.map_or_else(|| choose(email), Ok)?;
    // Through a pipe: arguments can be read by others.
    let mut adding = user_command(&["add", &user.email, "--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("stagepass-server")?;
    let mut input = adding.stdin.take().context("its input is piped")?;
    input.write_all(user.password.expose_secret().as_bytes())?;
    drop(input);
    if !adding.wait()?.success() {
        bail!("the first user could not be added");
    }
    Ok(Some(user))
}

/// Whether the server would take this e-mail address.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_email(email: &str) -> Result<String, String> {
    let has_both_sides =
        email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    if !has_both_sides || email.chars().any(|c| c.is_control() || c == ' ') {
        Err("that is no e-mail address, such as you@example.com".to_owned())
    } else if email.len() > MAX_EMAIL_BYTES {
        Err(format!("an e-mail address has at most {MAX_EMAIL_BYTES} bytes"))
    } else {
        Ok(email.to_owned())
    }
}

fn check_password(password: &SecretString) -> Result<(), String> {
    let text = password.expose_secret();
    if text.trim().is_empty() || text.chars().count() < MIN_PASSWORD_CHARS {
        Err(format!("a password needs at least {MIN_PASSWORD_CHARS} characters that are not all white space"))
    } else if text.len() > MAX_PASSWORD_BYTES {
        Err(format!("a password has at most {MAX_PASSWORD_BYTES} bytes"))
    } else {
        Ok(())
    }
}

/// Asks a person at a terminal, and makes the rest up.
fn choose(email: Option<&str>) -> Result<FirstUser> {
    let asks = io::stdin().is_terminal();
    let email = match email {
        Some(email) => email.to_owned(),
        None if asks => ask_email()?,
        None => DEFAULT_EMAIL.to_owned(),
    };
    let chosen = if asks { ask_password()? } else { None };
    let is_made_up = chosen.is_none();
    let password = chosen.map_or_else(make_up_password, Ok)?;
    Ok(FirstUser { email, password, is_made_up })
}

fn ask_email() -> Result<String> {
    loop {
        tell(&format!("Your e-mail address, to sign in with [{DEFAULT_EMAIL}]: "));
        let mut line = String::new();
        // Ctrl-D, which would be the answer for ever.
        ensure!(io::stdin().read_line(&mut line)? > 0, "no e-mail address was given");
        let answer = line.trim();
        match check_email(if answer.is_empty() { DEFAULT_EMAIL } else { answer }) {
            Ok(email) => return Ok(email),
            Err(fault) => tell(&format!("Sorry: {fault}.\n")),
        }
    }
}

/// `None` where one is to be made up.
fn ask_password() -> Result<Option<SecretString>> {
    loop {
        let question = format!("A password of {MIN_PASSWORD_CHARS} characters or more [one is made up]: ");
        let password = ask_secret(&question)?;
        if password.expose_secret().is_empty() {
            return Ok(None);
        }
        if let Err(fault) = check_password(&password) {
            tell(&format!("Sorry: {fault}.\n"));
        } else if ask_secret("The password again: ")?.expose_secret() == password.expose_secret() {
            return Ok(Some(password));
        } else {
            tell("Sorry: the two differ.\n");
        }
    }
}

fn ask_secret(question: &str) -> Result<SecretString> {
    Ok(rpassword::prompt_password(question).context("the password could not be asked for")?.into())
}

#[expect(clippy::print_stderr, reason = "questions to the person at the terminal")]
fn tell(text: &str) {
    eprint!("{text}");
}

fn make_up_password() -> Result<SecretString> {
    let mut bytes = [0; MADE_UP_PASSWORD_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_has_something_on_both_sides_of_its_at() {
        for good in [DEFAULT_EMAIL, "you@example.com"] {
            assert_eq!(check_email(good).as_deref(), Ok(good));
        }
        let long = format!("you@{}", "e".repeat(MAX_EMAIL_BYTES));
        for bad in ["", "you", "you@", "@example.com", "y ou@example.com", "you@exam\tple", &long] {
            assert!(check_email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_has_8_characters_and_1024_bytes_at_most_and_is_not_all_white_space() {
        for good in ["12345678", "pässwörd", &"p".repeat(1024)] {
            assert_eq!(check_password(&good.into()), Ok(()));
        }
        for bad in ["1234567", "         ", &"p".repeat(1025)] {
            assert!(check_password(&bad.into()).is_err(), "{bad:?}");
        }
        assert_eq!(check_password(&make_up_password().unwrap()), Ok(()));
    }
}
