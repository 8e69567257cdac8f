//! The hidden command `plugin`: answers one question of the plugin for yt-dlp, with the answer on
//! standard output. Cookies go through pipes only.

use super::fresh::{Finder, HandOverDetails, Session, SessionArgs, Source, Wanted};
use super::{CommandError, report_no_cookies, rotated};
use crate::bridge;
use crate::complain;
use crate::exports::Exports;
use crate::server::{HandedOut, Server};
use crate::utc_time::UtcTime;
use crate::yt_dlp_plugin::{RunOptions, VERSION};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use stagepass_core::cookie::serialize_exposed;
use stagepass_core::netscape::{self, Dialect};
use stagepass_core::platform::CATALOGUE;
use stagepass_core::{Cookie, PublicSuffixes, Site, login};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;
use zeroize::Zeroizing;

/// The longest question: the sessions of all platforms of a long run.
const MAX_QUESTION_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct Message {
    /// Of the plugin.
    version: u32,
    #[serde(flatten)]
    question: Question,
}

#[derive(Deserialize)]
#[serde(tag = "question", rename_all = "snake_case")]
enum Question {
    /// Which hosts have cookies?
    Sites,
    /// A platform's cookies.
    Session { platform: String },
    /// The cookies after a run.
    Keep {
        given: Vec<Given>,
        /// As yt-dlp writes them into a file.
        cookie_file: SecretString,
        /// Whether yt-dlp was told to sign in by itself.
        signs_in: bool,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Sites(Sites),
    Session(Box<Brought>),
    Kept {},
    Fault { error: String, is_fatal: bool },
}

/// Where cookies can be brought.
#[derive(Serialize)]
struct Sites {
    /// The platform that each host, with all hosts below it, belongs or leads to.
    hosts: BTreeMap<String, String>,
    /// The platforms with a session.
    sessions: BTreeSet<String>,
}

/// A platform's cookies, as in a cookie file, and what comes back with them in [`Question::Keep`].
#[derive(Serialize)]
struct Brought {
    #[serde(serialize_with = "serialize_exposed")]
    cookie_file: SecretString,
    given: Given,
    /// The names of the cookies that prove a login at the platform.
    login: Vec<&'static str>,
}

/// A session that the plugin was given.
#[derive(Serialize, Deserialize)]
struct Given {
    platform: String,
    cookies: Vec<Cookie>,
    user_agent: Option<String>,
    source: GivenSource,
}

/// A [`Source`], as it travels through the plugin.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GivenSource {
    Export {
        label: Option<String>,
    },
    Browser {
        browser: String,
        profile: String,
        details: HandOverDetails,
    },
    /// The session goes back only to the server that it came from.
    Server {
        address: String,
        handed_out: HandedOut,
    },
}

/// Reads one question and writes the answer.
pub(crate) fn plugin(host_dir: &Path, input: impl Read, output: &mut impl Write) -> Result<(), CommandError> {
    let deadline = Instant::now() + rotated::PATIENCE;
    let mut question = Zeroizing::new(Vec::new());
    let read = input.take(MAX_QUESTION_BYTES).read_to_end(&mut question);
    read.map_err(CommandError::Question)?;
    let options = RunOptions::of_this_run()?;
    let is_fatal = options.as_ref().is_some_and(|options| options.require_cookies || options.write_back);
    let answer = parse(&question).and_then(|question| answer(host_dir, question, options, deadline));
    let answer = answer.unwrap_or_else(|fault| {
        let is_fatal = is_fatal || matches!(fault, CommandError::ExportOfAnotherAccount(_));
        Answer::Fault { error: fault.to_string(), is_fatal }
    });
    let text = serde_json::to_vec(&answer)
        .map(Zeroizing::new)
        .map_err(|fault| CommandError::Output(fault.into()))?;
    // The values leave their wrappers: the plugin gives them to yt-dlp.
    output.write_all(&text).map_err(CommandError::Output)
}

fn parse(question: &[u8]) -> Result<Question, CommandError> {
    // The library's error is dropped, because it may quote a value.
    let version = serde_json::from_slice(question).map(|Version { version }| version);
    match serde_json::from_slice(question) {
        Ok(Message { version: VERSION, question }) => Ok(question),
        _ => Err(CommandError::OtherPlugin(version.unwrap_or_default())),
    }
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

fn answer(
    host_dir: &Path,
    question: Question,
    options: Option<RunOptions>,
    deadline: Instant,
) -> Result<Answer, CommandError> {
    let is_run = options.is_some();
    let RunOptions { label, browser, profile, write_back, require_cookies, .. } = options.unwrap_or_default();
    let session = SessionArgs { label, browser, profile };
    match question {
        Question::Sites => sites(&Finder::new(host_dir, &session)?, is_run).map(Answer::Sites),
        Question::Session { platform } => {
            let finder = Finder::new(host_dir, &session)?;
            let mut session = finder.find(&platform, Wanted::Cookies)?;
            rotated::check(&session, write_back)?;
            leave_to_inner_sites(&mut session, &finder.offered()?);
            if require_cookies && !is_signed_in(&session) {
                return Err(CommandError::NotSignedIn(session.platform));
            }
            Ok(Answer::Session(Box::new(bring(session))))
        }
        Question::Keep { given, cookie_file, signs_in } => {
            // Elsewhere nothing shows whether yt-dlp has signed in as somebody else.
            let is_safe = |given: &Given| {
                let site = Site::of_id(&given.platform, PublicSuffixes::built_in());
                !signs_in || site.is_ok_and(|site| site.knows_proof())
            };
            let given = given.into_iter().filter(is_safe);
            let sessions: Vec<_> = given.filter_map(|given| find(given, host_dir, write_back)).collect();
            let left = SecretSlice::from(cookie_file.expose_secret().as_bytes().to_vec());
            rotated::keep(host_dir, &sessions, &rotated::parse(&left)?, write_back, deadline, || {});
            Ok(Answer::Kept {})
        }
    }
}

/// The hosts of all platforms with a session and, in a person's own run, of those without one.
fn sites(finder: &Finder<'_>, is_run: bool) -> Result<Sites, CommandError> {
    let sessions = finder.offered()?;
    let mut hosts = BTreeMap::new();
    let known = CATALOGUE.iter().filter(|_| is_run).map(|platform| platform.id);
    for id in sessions.iter().map(String::as_str).chain(known) {
        // An earlier version's export of a public suffix has no site.
        let Ok(site) = Site::of_id(id, PublicSuffixes::built_in()) else { continue };
        let others = site.platform().map_or(&[][..], |platform| platform.other_hosts.all());
        for host in site.domains().into_iter().chain(others.iter().copied()) {
            hosts.insert(host.to_owned(), id.to_owned());
        }
    }
    Ok(Sites { hosts, sessions })
}

/// Drops the cookies of sites within this one that have a session of their own.
fn leave_to_inner_sites(session: &mut Session, offered: &BTreeSet<String>) {
    let inner: Vec<_> = offered
        .iter()
        .filter(|id| id.len() > session.platform.len())
        .filter_map(|id| Site::of_id(id, PublicSuffixes::built_in()).ok())
        .collect();
    session.cookies.retain(|cookie| !inner.iter().any(|site| site.owns(cookie.host())));
}

/// Whether the session shows a login or, where nothing is known of that, has any cookie that lives.
fn is_signed_in(session: &Session) -> bool {
    let now = UtcTime::now().as_unix_seconds();
    let living: Vec<_> = session.cookies.iter().filter(|cookie| !cookie.is_expired(now)).cloned().collect();
    match session.site().filter(Site::knows_proof) {
        Some(site) => login::signed_in_at(living.as_slice(), &site).is_some(),
        None => !living.is_empty(),
    }
}

/// The session as a cookie file. Reports what it can't contain.
fn bring(session: Session) -> Brought {
    if session.cookies.is_empty() {
        report_no_cookies(&session.platform);
    }
    let rendered = netscape::render(&session.cookies, Dialect::HttpOnlyPrefix);
    for loss in rendered.losses.iter().filter(|loss| loss.is_of_yt_dlp()) {
        complain(&format_args!("note: {loss}"));
    }
    let login = session.site().map_or(&[][..], |site| site.login_cookies());
    let login = login.iter().map(|cookie| cookie.name).collect();
    let Session { platform, cookies, user_agent, source, .. } = session;
    let source = match source {
        Source::Export(export) => GivenSource::Export { label: export.label },
        Source::Browser { browser, details } => {
            let announced = browser.map(|browser| browser.announcement).unwrap_or_default();
            GivenSource::Browser { browser: announced.browser, profile: announced.profile, details }
        }
        Source::Server { server, handed_out } => {
            GivenSource::Server { address: server.address().to_owned(), handed_out }
        }
    };
    Brought { cookie_file: rendered.text, given: Given { platform, cookies, user_agent, source }, login }
}

/// The session, unless it can't go back; then says so.
fn find(given: Given, host_dir: &Path, write_back: bool) -> Option<Session> {
    let platform = given.platform.clone();
    match given.find(host_dir, write_back) {
        Ok(Some(session)) => Some(session),
        Ok(None) => {
            complain(&format_args!(
                "warning: what {platform} replaced is not kept: its export or server is gone"
            ));
            None
        }
        Err(fault) => {
            complain(&format_args!("warning: what {platform} replaced is not kept: {fault}"));
            None
        }
    }
}

impl Given {
    /// The session, with its source as it is now. `None` if its export or server is gone.
    fn find(self, host_dir: &Path, write_back: bool) -> Result<Option<Session>, CommandError> {
        let Self { platform, cookies, user_agent, source } = self;
        let source = match source {
            GivenSource::Export { label } => {
                let exports = Exports::new(host_dir).list()?;
                let mut found =
                    exports.into_iter().filter(|export| export.platform == platform && export.label == label);
                found.next().map(Source::Export)
            }
            GivenSource::Browser { browser, profile, details } => {
                let connected = if write_back { bridge::connected(host_dir)? } else { Vec::new() };
                let is_it = |connected: &bridge::Connected| {
                    let announced = &connected.announcement;
                    announced.browser == browser && announced.profile == profile
                };
                Some(Source::Browser { browser: connected.into_iter().find(is_it), details })
            }
            GivenSource::Server { address, handed_out } => {
                let server = Server::configured()?.filter(|server| server.address() == address);
                server.map(|server| Source::Server { server: Rc::new(server), handed_out })
            }
        };
        Ok(source.map(|source| Session { platform, cookies, origins: Vec::new(), user_agent, source }))
    }
}
