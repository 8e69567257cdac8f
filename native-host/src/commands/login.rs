//! The commands `login` and `logout`: ask for a server and what belongs to it, try it, and keep or
//! remove the settings.

mod terminal;

use super::CommandError;
use crate::complain;
use crate::server::{self, PATIENCE, SERVER, Server, Written};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// The options of `login`. What is missing is asked for at the terminal.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The server's address, such as `https://stagepass.example.org`
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The connection of each platform, such as instagram=0198c5a2-…,x=0198c5a3-…
    #[arg(long, value_name = "PLATFORM=ID,…")]
    connections: Option<String>,
    /// A private file with the service token, which stays where it is
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Hosts to which the token and the cookies may go over plain http, by their exact names
    #[arg(long, value_name = "HOST,…")]
    allow_http_to: Option<String>,
}

/// Tries a server, and keeps its settings if it accepts the token for each connection.
pub(crate) fn login(login: Login, output: &mut impl Write) -> Result<(), CommandError> {
    server::check_supported()?;
    let Login { server, connections, token_file, allow_http_to } = login;
    let server = given_or_asked(server, "Address of the Stagepass server", "--server")?;
    let allow_http_to = match allow_http_to {
        Some(hosts) => hosts,
        None => allow_by_question(&server)?,
    };
    let connections = given_or_asked(connections, "Connections, such as instagram=ID,x=ID", "--connections")?;
    let is_named = token_file.is_some();
    let token_file =
        token_file.map(|path| std::path::absolute(&path).map_err(crate::Error::io("find", &path)));
    let token_file = token_file.transpose()?.unwrap_or_default();
    let written = Written { server, token_file, connections, allow_http_to };
    let option = |member: &str| format!("--{}", member.replace('_', "-"));
    let settings = written.check("login".to_owned(), option)?;
    let token = if is_named { server::read_token(&settings.token_file)? } else { ask_for_token()? };
    try_out(&Server::new(settings, token.clone()), output)?;
    let path = server::write(written, (!is_named).then_some(&token))?;
    writeln!(output, "Kept in {}.", path.display()).map_err(CommandError::Output)?;
    note_environment("wins over what was kept now");
    Ok(())
}

/// Removes what `login` has kept.
pub(crate) fn logout(output: &mut impl Write) -> Result<(), CommandError> {
    let removed = server::remove()?;
    if removed.is_empty() {
        writeln!(output, "No server was kept.").map_err(CommandError::Output)?;
    }
    for path in removed {
        writeln!(output, "Removed {}.", path.display()).map_err(CommandError::Output)?;
    }
    note_environment("still names a server");
    Ok(())
}

fn note_environment(what: &str) {
    if std::env::var_os(SERVER).is_some_and(|value| !value.is_empty()) {
        complain(&format_args!("note: the variable {SERVER} {what}"));
    }
}

/// Asks for a session of each connection. A connection may have none yet.
fn try_out(server: &Server, output: &mut impl Write) -> Result<(), CommandError> {
    let deadline = Instant::now() + PATIENCE;
    for platform in server.platforms() {
        let said = match server.session(platform, deadline) {
            Ok(session) => match server.write_back(&session.handed_out, &session.cookies, deadline) {
                Ok(()) => format!("{platform}: there is a session, and replaced cookies can go back"),
                Err(fault) => format!("{platform}: there is a session, but {fault}"),
            },
            Err(fault) if fault.is_missing_session() => {
                format!("{platform}: the connection is right, but {fault}")
            }
            Err(fault) => return Err(fault.into()),
        };
        writeln!(output, "{said}").map_err(CommandError::Output)?;
    }
    Ok(())
}

fn given_or_asked(
    given: Option<String>,
    what: &'static str,
    option: &'static str,
) -> Result<String, CommandError> {
    let not_asked = |fault| CommandError::NotAsked { what, option, fault };
    given.map_or_else(|| terminal::ask(&format!("{what}: ")).map_err(not_asked), Ok)
}

/// The host of a plain http address, if the person wants it. Without a terminal, the check of the
/// settings refuses such an address.
fn allow_by_question(server: &str) -> Result<String, CommandError> {
    let host = server::parse_address(server).ok().and_then(|address| server::plain_http_host(&address));
    let Some(host) = host.filter(|_| terminal::is_there()) else { return Ok(String::new()) };
    let question = format!(
        "Others on the way to {host} can read what goes over plain http. Send the token and the cookies there \
         nevertheless? [y/N] "
    );
    let not_asked = |fault| CommandError::NotAsked { what: "consent", option: "--allow-http-to", fault };
    let answer = terminal::ask(&question).map_err(not_asked)?;
    Ok(if answer.eq_ignore_ascii_case("y") { host } else { String::new() })
}

fn ask_for_token() -> Result<SecretString, CommandError> {
    let not_asked =
        |fault| CommandError::NotAsked { what: "the service token", option: "--token-file", fault };
    let typed = terminal::ask_secret("Service token (not shown): ").map_err(not_asked)?;
    // Only checked and trimmed.
    Ok(server::check_token(typed.expose_secret())?)
}
