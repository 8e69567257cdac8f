//! The cookies that a platform replaced while a program used a session: keeps them where the session
//! came from. First in exports, which needs no other program, then in the browser or at the server.

use super::CommandError;
use super::fresh::{HandOverDetails, Session, Source};
use crate::bridge::{AskFault, Connected};
use crate::complain;
use crate::error::Error;
use crate::exports::{self, Export, ExportKey, Exports, NewExport};
use crate::server::{HandedOut, Server, Unsent};
use crate::utc_time::UtcTime;
use secrecy::{ExposeSecret, SecretSlice};
use stagepass_core::Cookie;
use stagepass_core::bridge::{MAX_REPLACEMENTS, Question, Replacement, WrittenBack};
use stagepass_core::cookie::MAX_COOKIES;
use stagepass_core::netscape::{self, NoCookie};
use stagepass_core::write_back::RotatedCookies;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the work after a run may take.
// Decision: docs/decisions/yt-dlp.md#the-work-after-a-run-takes-at-most-four-seconds
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// The cookies of all sessions, each cookie only from the session that owns it.
pub(super) fn all_cookies(sessions: &[Session]) -> Vec<Cookie> {
    let all = sessions.iter().flat_map(|session| session.cookies.iter().map(move |cookie| (session, cookie)));
    let own = all.filter(|(session, cookie)| {
        owner_of(cookie, sessions).is_none_or(|owner| owner.platform == session.platform)
    });
    own.map(|(_, cookie)| cookie.clone()).collect()
}

/// The session that owns a cookie. If one site is within another, as `a.example.org` is within
/// `example.org`, the inner one owns it.
fn owner_of<'a>(cookie: &Cookie, sessions: &'a [Session]) -> Option<&'a Session> {
    let owns = |session: &&Session| session.site().is_some_and(|site| site.owns(cookie.host()));
    sessions.iter().filter(owns).max_by_key(|session| session.platform.len())
}

/// Refuses the run if its rotated cookies could not be written back, or would end up in another
/// account's export.
// Decision: docs/decisions/yt-dlp.md#consent-for-write-back-is-checked-before-the-platform-is-asked
pub(super) fn check(session: &Session, write_back: bool) -> Result<(), CommandError> {
    let platform = || session.platform.clone();
    match &session.source {
        Source::Export(_) | Source::Server { .. } if write_back => {
            Err(CommandError::NoBrowserToWriteTo(platform()))
        }
        Source::Browser { details, .. } if write_back && !details.write_back => {
            Err(CommandError::WriteBackNotAllowed(platform()))
        }
        Source::Browser { details, .. } if details.export_is_of_another_account => {
            Err(CommandError::ExportOfAnotherAccount(platform()))
        }
        _ => Ok(()),
    }
}

/// Parses the cookie file that a program has left. Its cookies may belong to any site; bad lines are
/// skipped and reported.
pub(super) fn parse(file: &SecretSlice<u8>) -> Result<Vec<Cookie>, Error> {
    match netscape::read(file.expose_secret()).with_cookies() {
        Ok(file) => {
            exports::report_skipped_lines(&"the cookie file after the run", &file.left_out);
            Ok(file.cookies)
        }
        Err(NoCookie::Empty) => Ok(Vec::new()),
        Err(fault) => Err(Error::BadRequest(format!("the run left no valid cookie file: {fault}"))),
    }
}

/// Keeps and reports the rotated cookies among those that a run has `left`. Calls `before_waiting`
/// before it waits until `deadline` for a server, or for a browser, which happens only with
/// `write_back`.
pub(super) fn keep(
    host_dir: &Path,
    sessions: &[Session],
    left: &[Cookie],
    write_back: bool,
    deadline: Instant,
    before_waiting: impl FnOnce(),
) {
    let rotated = sessions.iter().filter_map(|session| Some((session, rotated_of(session, sessions, left)?)));
    let rotated: Vec<_> = rotated.filter(|(_, cookies)| !cookies.is_empty()).collect();
    keep_all(&Exports::new(host_dir), &rotated);
    let is_awaited = |source: &Source| match source {
        Source::Browser { .. } => write_back,
        Source::Server { .. } => true,
        Source::Export(_) => false,
    };
    let awaited: Vec<_> = rotated.iter().filter(|(session, _)| is_awaited(&session.source)).collect();
    if !awaited.is_empty() {
        before_waiting();
    }
    for (session, cookies) in awaited {
        match &session.source {
            Source::Browser { browser, details } => {
                write_to_browser(browser.as_ref(), details, session, cookies, deadline);
            }
            Source::Server { server, handed_out } => {
                give_to_server(host_dir, server, handed_out, session, cookies, deadline);
            }
            Source::Export(_) => {}
        }
    }
}

/// The cookies of a session that the run has rotated. `None`, with a note, if the session is no
/// longer the same login.
// Decision: docs/decisions/yt-dlp.md#cookies-after-a-run-are-judged-as-a-session
fn rotated_of(session: &Session, sessions: &[Session], left: &[Cookie]) -> Option<RotatedCookies> {
    let site = session.site()?;
    // An expired cookie counts as deleted.
    let now = UtcTime::now();
    let lives = |cookie: &Cookie| {
        cookie.expires.and_then(UtcTime::from_unix_seconds).is_none_or(|expires_at| expires_at > now)
    };
    let is_own = |cookie: &&Cookie| {
        lives(cookie) && owner_of(cookie, sessions).is_some_and(|owner| owner.platform == session.platform)
    };
    let left: Vec<_> = left.iter().filter(is_own).cloned().collect();
    let rotated = RotatedCookies::between(&site, &session.cookies, &left);
    let platform = &session.platform;
    match &rotated {
        None => complain(&format_args!(
            "warning: the session of {platform} is signed out after this run, or may be another account's; nothing \
             of it is kept"
        )),
        Some(RotatedCookies { surplus: surplus @ 1.., .. }) => complain(&format_args!(
            "note: {surplus} cookies added by {platform} are not kept, because a session has at most {MAX_COOKIES}"
        )),
        Some(_) => {}
    }
    rotated
}

/// Stores the rotated cookies in exports.
fn keep_all(exports: &Exports, rotated: &[(&Session, RotatedCookies)]) {
    let mut is_busy = false;
    for (session, cookies) in rotated {
        let platform = &session.platform;
        // The lock is waited for only once.
        let kept = if is_busy {
            Err(Error::Busy(exports.folder().to_owned()))
        } else {
            keep_one(exports, session, cookies)
        };
        is_busy = matches!(kept, Err(Error::Busy(_)));
        match kept {
            Ok(Some(path)) => {
                complain(&format_args!("note: {platform} has replaced cookies; they are in {path}"));
            }
            Ok(None) => {}
            Err(fault) => {
                complain(&format_args!(
                    "warning: the cookies replaced by {platform} could not be kept: {fault}"
                ));
            }
        }
    }
}

fn keep_one(exports: &Exports, session: &Session, rotated: &RotatedCookies) -> Result<Option<String>, Error> {
    match &session.source {
        Source::Export(export) => update_export(exports, session, export, rotated),
        Source::Browser { details, .. } => keep_in_export(exports, session, details, rotated),
        Source::Server { .. } => Ok(None),
    }
}

/// Gives the whole session with the rotated cookies back to its server, and reports the outcome. A new
/// login cookie counts there only together with the others.
fn give_to_server(
    host_dir: &Path,
    server: &Server,
    handed_out: &HandedOut,
    session: &Session,
    rotated: &RotatedCookies,
    deadline: Instant,
) {
    let now = UtcTime::now().as_unix_seconds();
    let mut cookies = session.cookies.clone();
    rotated.apply_to(&mut cookies);
    // The server takes an expired one for deleted.
    cookies.retain(|cookie| !cookie.is_expired(now));
    let platform = &session.platform;
    match Unsent::new(host_dir).give(server, handed_out, &cookies, deadline) {
        Ok(None) => complain(&format_args!(
            "note: {platform} has replaced cookies; the Stagepass server {} has them",
            server.address()
        )),
        Ok(Some(fault)) => complain(&format_args!(
            "note: {platform} has replaced cookies, which are kept here for the next run, since {fault}"
        )),
        Err(fault) => complain(&format_args!(
            "warning: the cookies replaced by {platform} have not gone back to the server: {fault}"
        )),
    }
}

/// Writes rotated cookies back into the browser, and reports the outcome.
fn write_to_browser(
    browser: Option<&Connected>,
    details: &HandOverDetails,
    session: &Session,
    rotated: &RotatedCookies,
    deadline: Instant,
) {
    let mut total = WrittenBack::default();
    let mut stopped = None;
    for replacements in rotated.replaced.chunks(MAX_REPLACEMENTS) {
        let question = question(session, details, replacements);
        match browser.map_or(Err(AskFault::Broken), |browser| browser.write_back(question, deadline)) {
            Ok(written) => {
                total.written += written.written;
                total.changed_meanwhile += written.changed_meanwhile;
                total.refused += written.refused;
            }
            Err(fault) => {
                stopped = Some(fault);
                break;
            }
        }
    }
    let platform = &session.platform;
    let WrittenBack { written, changed_meanwhile, refused } = total;
    let summary = format_args!(
        "cookies replaced by {platform}: {written} written back into the browser, {changed_meanwhile} already \
         newer there, {refused} refused"
    );
    match stopped {
        None => complain(&format_args!("note: {summary}")),
        Some(fault) if total == WrittenBack::default() => {
            complain(&format_args!("warning: nothing was written back into the browser: {fault}"));
        }
        Some(fault) => complain(&format_args!("warning: {summary}; the rest failed: {fault}")),
    }
}

fn question(session: &Session, details: &HandOverDetails, replacements: &[Replacement]) -> Question {
    Question::WriteBack {
        platform: session.platform.clone(),
        hand_over: details.hand_over.clone(),
        replacements: replacements.to_vec(),
    }
}

/// Updates the export that the cookies came from; returns its path if it has changed.
fn update_export(
    exports: &Exports,
    session: &Session,
    export: &Export,
    rotated: &RotatedCookies,
) -> Result<Option<String>, Error> {
    let path = exports.cookie_file(export).to_string_lossy().into_owned();
    let Some(label) = export.label.clone() else {
        let fault = format!("the account of {path} is not known, because its sidecar is missing");
        return Err(Error::BadRequest(fault));
    };
    let key = ExportKey::new(export.platform.clone(), label)?;
    let updated = exports.update(&key, |cookies| apply(rotated, session, cookies))?;
    Ok(updated.then_some(path))
}

/// Stores a browser's session with its rotated cookies in an export, so that the login isn't lost.
/// An export that another run or the popup has written meanwhile is newer and is only updated.
/// Returns the path if the export has changed.
fn keep_in_export(
    exports: &Exports,
    session: &Session,
    details: &HandOverDetails,
    rotated: &RotatedCookies,
) -> Result<Option<String>, Error> {
    let key = ExportKey::new(session.platform.clone(), details.label.clone())?;
    let path = exports.path(&key).to_string_lossy().into_owned();
    let mut cookies = session.cookies.clone();
    rotated.apply_to(&mut cookies);
    let expires_at = exports::login_expiry(&session.platform, (&cookies).into())
        .or_else(|| details.expires.and_then(UtcTime::from_unix_seconds));
    let user_agent = session.user_agent.clone();
    let whole = NewExport { key, cookies, origins: Vec::new(), user_agent, unkept: Vec::new(), expires_at };
    let before = details.export_before.as_ref();
    let has_changed = exports.write_or_update(whole, before, |cookies| apply(rotated, session, cookies))?;
    Ok(has_changed.then_some(path))
}

/// Updates an export, unless it belongs to another account by now.
fn apply(rotated: &RotatedCookies, session: &Session, cookies: &mut Vec<Cookie>) -> bool {
    !session.is_of_other_account_than(cookies) && rotated.apply_to(cookies)
}
