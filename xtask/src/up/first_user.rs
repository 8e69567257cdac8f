//! The first user of a new server: asked for before the long build, and added after it. Knows only the
//! server's command line.

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

const DEFAULT_EMAIL: &str = "creator@localhost";
/// The server's database; if it exists, it may have users.
const DATABASE_FILE: &str = "stagepass.db";
/// The server's rules, checked here too so that faults are reported while the person is there.
const MIN_PASSWORD_CHARS: usize = 8;
const MAX_PASSWORD_BYTES: usize = 1024;
/// RFC 5321.
const MAX_EMAIL_BYTES: usize = 254;
/// 120 bits, 20 characters.
const GENERATED_PASSWORD_BYTES: usize = 15;

/// The user to add, or the added one.
#[derive(Debug)]
pub(super) struct FirstUser {
    email: String,
    password: SecretString,
    is_generated: bool,
}

impl FirstUser {
    /// How to sign in, for the person at the terminal. A generated password is shown only here.
    pub(super) fn sign_in_hint(&self) -> SignInHint<'_> {
        SignInHint(self)
    }
}

/// Shows how a [`FirstUser`] signs in.
pub(super) struct SignInHint<'a>(&'a FirstUser);

impl fmt::Display for SignInHint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FirstUser { email, password, is_generated } = self.0;
        if *is_generated {
            let password = password.expose_secret();
            write!(f, "{email}\n            {password}  (shown this once: keep it)")
        } else {
            write!(f, "{email}, with the password you chose")
        }
    }
}

/// Asks for the first user if the server has no database yet.
pub(super) fn choose_if_fresh(data_dir: &Path, email: Option<&str>) -> Result<Option<FirstUser>> {
    if has_database(data_dir) { Ok(None) } else { choose(email).map(Some) }
}

fn has_database(data_dir: &Path) -> bool {
    data_dir.join(DATABASE_FILE).exists()
}

/// Adds the first user if the server has no users; asks for one if none was chosen before. Returns
/// `None` if the server already has users.
pub(super) fn add_if_missing(
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
    // Pass the password through a pipe: other accounts on this machine can read arguments.
    let mut adding = user_command(&["add", &user.email, "--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("stagepass-server")?;
    let mut input = adding.stdin.take().context("stagepass-server has no standard input")?;
    input.write_all(user.password.expose_secret().as_bytes())?;
    drop(input);
    if !adding.wait()?.success() {
        bail!("the first user could not be added");
    }
    Ok(Some(user))
}

/// Checks that the server accepts this e-mail address.
///
/// # Errors
/// The fault as a message.
pub(super) fn check_email(email: &str) -> Result<String, String> {
    let has_both_sides =
        email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    if !has_both_sides || email.chars().any(|c| c.is_control() || c == ' ') {
        Err("that is not an e-mail address; it should look like you@example.com".to_owned())
    } else if email.len() > MAX_EMAIL_BYTES {
        Err(format!("an e-mail address has at most {MAX_EMAIL_BYTES} bytes"))
    } else {
        Ok(email.to_owned())
    }
}

fn check_password(password: &SecretString) -> Result<(), String> {
    let text = password.expose_secret();
    if text.trim().is_empty() || text.chars().count() < MIN_PASSWORD_CHARS {
        Err(format!(
            "a password must have at least {MIN_PASSWORD_CHARS} characters, not all of them white space"
        ))
    } else if text.len() > MAX_PASSWORD_BYTES {
        Err(format!("a password must have at most {MAX_PASSWORD_BYTES} bytes"))
    } else {
        Ok(())
    }
}

/// Asks a person at a terminal; otherwise uses defaults and a generated password.
fn choose(email: Option<&str>) -> Result<FirstUser> {
    let is_interactive = io::stdin().is_terminal();
    let email = match email {
        Some(email) => email.to_owned(),
        None if is_interactive => ask_email()?,
        None => DEFAULT_EMAIL.to_owned(),
    };
    let chosen = if is_interactive { ask_password()? } else { None };
    let is_generated = chosen.is_none();
    let password = chosen.map_or_else(generate_password, Ok)?;
    Ok(FirstUser { email, password, is_generated })
}

fn ask_email() -> Result<String> {
    loop {
        tell(&format!("Your e-mail address for signing in [{DEFAULT_EMAIL}]: "));
        let mut line = String::new();
        // After Ctrl-D every read returns nothing, so asking again would never end.
        ensure!(io::stdin().read_line(&mut line)? > 0, "no e-mail address was given");
        let answer = line.trim();
        match check_email(if answer.is_empty() { DEFAULT_EMAIL } else { answer }) {
            Ok(email) => return Ok(email),
            Err(fault) => tell(&format!("Sorry: {fault}.\n")),
        }
    }
}

/// Asks for a password; `None` means to generate one.
fn ask_password() -> Result<Option<SecretString>> {
    loop {
        let question = format!("A password of {MIN_PASSWORD_CHARS} characters or more [generated]: ");
        let password = ask_secret(&question)?;
        if password.expose_secret().is_empty() {
            return Ok(None);
        }
        if let Err(fault) = check_password(&password) {
            tell(&format!("Sorry: {fault}.\n"));
        } else if ask_secret("The password again: ")?.expose_secret() == password.expose_secret() {
            return Ok(Some(password));
        } else {
            tell("Sorry: the passwords differ.\n");
        }
    }
}

fn ask_secret(question: &str) -> Result<SecretString> {
    Ok(rpassword::prompt_password(question).context("cannot ask for the password")?.into())
}

#[expect(clippy::print_stderr, reason = "questions to the person at the terminal")]
fn tell(text: &str) {
    eprint!("{text}");
}

fn generate_password() -> Result<SecretString> {
    let mut bytes = [0; GENERATED_PASSWORD_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_an_email_address_without_text_on_both_sides_of_the_at() {
        for good in [DEFAULT_EMAIL, "you@example.com"] {
            assert_eq!(check_email(good).as_deref(), Ok(good));
        }
        let long = format!("you@{}", "e".repeat(MAX_EMAIL_BYTES));
        for bad in ["", "you", "you@", "@example.com", "y ou@example.com", "you@exam\tple", &long] {
            assert!(check_email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn refuses_passwords_that_are_too_short_too_long_or_only_white_space() {
        for good in ["12345678", "pässwörd", &"p".repeat(1024)] {
            assert_eq!(check_password(&good.into()), Ok(()));
        }
        for bad in ["1234567", "         ", &"p".repeat(1025)] {
            assert!(check_password(&bad.into()).is_err(), "{bad:?}");
        }
        assert_eq!(check_password(&generate_password().unwrap()), Ok(()));
    }
}
