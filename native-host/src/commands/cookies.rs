//! The command `cookies`: prints a session as a cookie file or in another format.

use super::fresh::{Finder, Session, SessionArgs, Source, Wanted};
use super::{CommandError, report_no_cookies};
use crate::complain;
use crate::utc_time::UtcTime;
use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use stagepass_core::Session as HeldSession;
use stagepass_core::cookie::Cookie;
use stagepass_core::netscape::{self, Dialect};
use stagepass_core::origin_storage::OriginStorage;
use stagepass_core::playwright::{self, StorageState};
use stagepass_core::request_headers::{Target, request_headers};
use stagepass_core::url_host::is_unambiguous_https;
use stagepass_core::visible::escaped_json;
use std::io::Write;
use std::path::Path;
use url::Url;
use zeroize::Zeroizing;

/// How to print a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A cookie file for yt-dlp, curl and others
    Netscape,
    /// Cookies and storage with all that is known of them
    Json,
    /// A storage state for Playwright's `newContext`
    Playwright,
    /// The request headers for a URL, for curl's --header @FILE
    Header,
}

/// Chooses the form of a session.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct FormatArgs {
    /// How to write the session
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Netscape)]
    pub(crate) format: Format,
    /// For wget, which skips cookies that are marked `HttpOnly`; only for cookie files
    #[arg(long)]
    wget: bool,
}

/// The arguments of the command.
#[derive(Debug)]
pub(crate) struct Cookies<'a> {
    pub(crate) target: &'a str,
    pub(crate) session: &'a SessionArgs,
    pub(crate) form: FormatArgs,
}

/// Prints a platform's session: that of a browser that hands it over, otherwise that of an export.
pub(crate) fn cookies(
    host_dir: &Path,
    command: &Cookies<'_>,
    output: &mut impl Write,
) -> Result<(), CommandError> {
    let Cookies { target, session, form } = *command;
    let writer = form.writer(Some(target))?;
    let session = Finder::new(host_dir, session)?.find(target, writer.wanted())?;
    let text = writer.text_of(&session)?;
    // The value leaves its wrapper: this command prints the session.
    output.write_all(text.expose_secret().as_bytes()).map_err(CommandError::Output)
}

impl FormatArgs {
    /// # Errors
    /// If the options don't go together, or `request_url` is needed and is not an https URL.
    pub(super) fn writer(self, request_url: Option<&str>) -> Result<Writer, CommandError> {
        if self.wget && self.format != Format::Netscape {
            return Err(CommandError::WgetIsForCookieFiles);
        }
        let url = request_url.filter(|url| is_unambiguous_https(url)).and_then(|url| Url::parse(url).ok());
        if self.format == Format::Header && url.is_none() {
            return Err(CommandError::NoRequestUrl);
        }
        Ok(Writer { form: self, request_url: url })
    }
}

/// Writes sessions in one format.
#[derive(Debug)]
pub(super) struct Writer {
    form: FormatArgs,
    /// The request that headers are for.
    request_url: Option<Url>,
}

impl Writer {
    /// What the format shows of a session.
    pub(super) fn wanted(&self) -> Wanted {
        if self.form.format == Format::Netscape { Wanted::Cookies } else { Wanted::CookiesAndStorage }
    }

    /// The session in this format. Reports on standard error what it can't contain.
    pub(super) fn text_of(&self, session: &Session) -> Result<SecretString, CommandError> {
        if self.wanted() == Wanted::CookiesAndStorage {
            report_missing_storage(session);
        }
        Ok(match (self.form.format, &self.request_url) {
            (Format::Netscape, _) => {
                if session.cookies.is_empty() {
                    report_no_cookies(&session.platform);
                }
                self.cookie_file(&session.cookies)
            }
            (Format::Json, _) => json(session)?,
            (Format::Header, Some(url)) => header_lines(session, url),
            (Format::Header | Format::Playwright, _) => storage_state(session)?,
        })
    }

    /// A cookie file.
    pub(super) fn cookie_file(&self, cookies: &[Cookie]) -> SecretString {
        let dialect = if self.form.wget { Dialect::Plain } else { Dialect::HttpOnlyPrefix };
        let rendered = netscape::render(cookies, dialect);
        // wget's dialect loses attributes, which is worth a note. A lost cookie is always reported.
        for loss in rendered.losses.iter().filter(|loss| self.form.wget || loss.is_of_yt_dlp()) {
            complain(&format_args!("note: {loss}"));
        }
        rendered.text
    }
}

/// Reports a login that is also in origin storage, if that is missing.
fn report_missing_storage(session: &Session) {
    let needs_storage = session.site().is_some_and(|site| !site.login_entries().is_empty());
    if !needs_storage || !session.origins.is_empty() {
        return;
    }
    let advice = match session.source {
        Source::Browser { .. } => {
            "which the browser does not hand over; switch it on in the extension's popup, under \"Fresh \
             cookies for yt-dlp\""
        }
        Source::Server { .. } => {
            "which the server's session does not have; capture it again with the current extension"
        }
        Source::Export(_) => "which this export does not have; export it again with the current extension",
    };
    complain(&format_args!(
        "note: the login of {} is also in what the site stores in the browser, {advice}",
        session.platform
    ));
}

/// The members of a server's answer that describe the session.
#[derive(Serialize)]
struct Json<'a> {
    platform: &'a str,
    cookies: &'a [Cookie],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    origins: &'a [OriginStorage],
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
}

fn json(session: &Session) -> Result<SecretString, CommandError> {
    pretty(&Json {
        platform: &session.platform,
        cookies: &session.cookies,
        origins: &session.origins,
        user_agent: session.user_agent.as_deref(),
    })
}

fn storage_state(session: &Session) -> Result<SecretString, CommandError> {
    let now = UtcTime::now().as_unix_seconds();
    for loss in playwright::losses(held(session), now) {
        complain(&format_args!("note: {loss}"));
    }
    pretty(&StorageState::with_session_storage(held(session), session.user_agent.as_deref(), now))
}

/// The headers, one on each line.
fn header_lines(session: &Session, url: &Url) -> SecretString {
    let target = Target { host: url.host_str().unwrap_or_default(), path: url.path() };
    let now = UtcTime::now().as_unix_seconds();
    let headers = session
        .site()
        .map(|site| request_headers(held(session), session.user_agent.as_deref(), &site, target, now));
    // The values leave their wrappers: the lines are meant to contain them.
    let line = |name: &str, value: &SecretString| format!("{name}: {}\n", value.expose_secret());
    let lines: String = headers.iter().flatten().map(|header| line(header.name, &header.value)).collect();
    if headers.iter().flatten().all(|header| header.name == "User-Agent") {
        complain(&format_args!("note: the session of {} has nothing to send to this URL", session.platform));
    }
    lines.into()
}

fn pretty(value: &impl Serialize) -> Result<SecretString, CommandError> {
    let json = serde_json::to_string_pretty(value);
    let json = Zeroizing::new(json.map_err(|fault| CommandError::Output(fault.into()))?);
    Ok(format!("{}\n", *Zeroizing::new(escaped_json(&json))).into())
}

fn held(session: &Session) -> HeldSession<'_> {
    HeldSession { cookies: &session.cookies, origins: &session.origins }
}
