//! The first user of a fresh server.

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

const DEFAULT_EMAIL: &str = "creator@localhost";
/// 120 bits, 20 characters.
const PASSWORD_BYTES: usize = 15;

/// Whoever was added, with the password where it was made up: its one showing.
pub(super) struct FirstUser {
    email: String,
    made_up_password: Option<String>,
}

impl fmt::Display for FirstUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.made_up_password {
            None => write!(f, "{}, with the password you chose", self.email),
            Some(password) => {
                write!(f, "{}\n            {password}  (shown this once: keep it)", self.email)
            }
        }
    }
}

/// Adds a user where there is none: asks a person at a terminal, and makes the
/// rest up. `None` where somebody is there already.
pub(super) fn ensure(server: &Path, data_dir: &Path, email: Option<&str>) -> Result<Option<FirstUser>> {
    let user_command = |arguments: &[&str]| {
        let mut command = Command::new(server);
        command.env("STAGEPASS_DATA_DIR", data_dir).arg("user").args(arguments);
        command
    };
    let listed = user_command(&["list"]).stderr(Stdio::inherit()).output().context("stagepass-server")?;
    ensure!(listed.status.success(), "the server's data can't be read");
    if !listed.stdout.is_empty() {
        return Ok(None);
    }
    let asks = io::stdin().is_terminal();
    let email = match email {
        Some(email) => email.to_owned(),
        None if asks => ask_email()?,
        None => DEFAULT_EMAIL.to_owned(),
    };
    let chosen = if asks { ask_password()? } else { None };
    let (password, made_up_password) = match chosen {
        Some(password) => (password, None),
        None => {
            let password = generate_password()?;
            (password.clone(), Some(password))
        }
    };
    // Through a pipe: arguments can be read by others.
    let mut adding = user_command(&["add", &email, "--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("stagepass-server")?;
    adding.stdin.take().context("its input is piped")?.write_all(password.as_bytes())?;
    if !adding.wait()?.success() {
        bail!("the first user could not be added");
    }
    Ok(Some(FirstUser { email, made_up_password }))
}

#[expect(clippy::print_stderr, reason = "a question to the person at the terminal")]
fn ask_email() -> Result<String> {
    eprint!("Your e-mail address, to sign in with [{DEFAULT_EMAIL}]: ");
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let email = line.trim();
    Ok(if email.is_empty() { DEFAULT_EMAIL } else { email }.to_owned())
}

fn ask_password() -> Result<Option<String>> {
    let password = rpassword::prompt_password("A password of 8 characters or more [one is made up]: ")?;
    Ok((!password.is_empty()).then_some(password))
}

fn generate_password() -> Result<String> {
    let mut bytes = [0; PASSWORD_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
