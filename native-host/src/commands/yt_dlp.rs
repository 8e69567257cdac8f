//! The command `yt-dlp`: gets the cookies of every platform among the URLs, runs yt-dlp once, and
//! stores the rotated cookies where the old ones came from.

use super::fresh::{Finder, HandOverDetails, Session, SessionArgs, Source, Wanted};
use super::{CommandError, report_no_cookies, select};
use crate::bridge::Connected;
use crate::complain;
use crate::error::Error;
use crate::exports::{self, Export, ExportKey, Exports, NewExport};
use crate::utc_time::UtcTime;
use crate::yt_dlp::{self, Ended, Run};
use secrecy::{ExposeSecret, SecretSlice};
use stagepass_core::bridge::{MAX_REPLACEMENTS, Question, Replacement, WrittenBack};
use stagepass_core::cookie::MAX_COOKIES;
use stagepass_core::netscape::{self, Dialect, NoCookie, Rendered};
use stagepass_core::write_back::RotatedCookies;
use stagepass_core::{Cookie, PublicSuffixes, Site, rotated_cookies};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long the work after yt-dlp's end may take.
// Decision: docs/decisions/yt-dlp.md#the-work-after-a-run-takes-at-most-four-seconds
const PATIENCE: Duration = Duration::from_secs(4);

/// The arguments of the command.
#[derive(Debug)]
pub(crate) struct YtDlp<'a> {
    pub(crate) program: &'a OsStr,
    pub(crate) arguments: &'a [OsString],
    pub(crate) session: &'a SessionArgs,
    pub(crate) write_back: bool,
}

/// Runs yt-dlp and passes on its exit code.
pub(crate) fn yt_dlp(host_dir: &Path, command: &YtDlp<'_>) -> Result<ExitCode, CommandError> {
    let urls = yt_dlp::urls(command.arguments)?;
    let sessions = find_all(host_dir, command.session, &urls)?;
    if command.write_back {
        sessions.iter().try_for_each(check_write_back)?;
    }
    sessions.iter().try_for_each(check_export)?;
    for session in sessions.iter().filter(|session| session.cookies.is_empty()) {
        report_no_cookies(&session.platform);
    }
    let cookies = all_cookies(&sessions);
    let Rendered { text, losses, .. } = netscape::render(&cookies, Dialect::HttpOnlyPrefix);
    for loss in losses.iter().filter(|loss| loss.is_of_yt_dlp()) {
        complain(&format_args!("note: {loss}"));
    }
    let run = Run { program: command.program, arguments: command.arguments, cookies: &text, host_dir };
    let ended = yt_dlp::run(&run)?;
    let code = ended.code;
    // yt-dlp's own outcome decides the exit code; later failures are only reported.
    if let Err(fault) = keep_rotated(host_dir, &sessions, ended, command.write_back) {
        complain(&format_args!("note: replaced cookies are lost: {fault}"));
    }
    Ok(ExitCode::from(code))
}

/// Finds one session for each platform. A missing one is only reported, unless all are missing.
fn find_all(host_dir: &Path, session: &SessionArgs, urls: &[String]) -> Result<Vec<Session>, CommandError> {
    let finder = Finder::new(host_dir, session)?;
    let mut sessions: Vec<Session> = Vec::new();
    let mut looked_for = BTreeSet::new();
    let mut faults = Vec::new();
    for url in urls {
        let is_new = select::platforms(url).map_or(true, |platforms| looked_for.insert(platforms));
        match is_new.then(|| finder.find(url, Wanted::Cookies)) {
            None => {}
            Some(Ok(session)) if sessions.iter().any(|other| other.platform == session.platform) => {}
            Some(Ok(session)) => sessions.push(session),
            Some(Err(fault)) => faults.push(fault),
        }
    }
    let last = faults.pop_if(|_| sessions.is_empty());
    for fault in faults {
        complain(&format_args!("note: {fault}"));
    }
    last.map_or(Ok(sessions), Err)
}

/// The cookies of all sessions, each cookie only from the session that owns it.
fn all_cookies(sessions: &[Session]) -> Vec<Cookie> {
    let all = sessions.iter().flat_map(|session| session.cookies.iter().map(move |cookie| (session, cookie)));
    let own = all.filter(|(session, cookie)| {
        owner_of(cookie, sessions).is_none_or(|owner| owner.platform == session.platform)
    });
    own.map(|(_, cookie)| cookie.clone()).collect()
}

/// The session that owns a cookie. If one site is within another, as `a.example.org` is within
/// `example.org`, the inner one owns it.
fn owner_of<'a>(cookie: &Cookie, sessions: &'a [Session]) -> Option<&'a Session> {
    let owns = |session: &&Session| site_of(session).is_some_and(|site| site.owns(cookie.host()));
    sessions.iter().filter(owns).max_by_key(|session| session.platform.len())
}

fn site_of(session: &Session) -> Option<Site> {
    Site::of_id(&session.platform, PublicSuffixes::built_in()).ok()
}

/// Refuses the run if its rotated cookies could not be written back.
// Decision: docs/decisions/yt-dlp.md#consent-for-write-back-is-checked-before-yt-dlp-runs
fn check_write_back(session: &Session) -> Result<(), CommandError> {
    let platform = || session.platform.clone();
    match &session.source {
        Source::Export(_) => Err(CommandError::NoBrowserToWriteTo(platform())),
        Source::Browser { details, .. } if !details.write_back => {
            Err(CommandError::WriteBackNotAllowed(platform()))
        }
        Source::Browser { .. } => Ok(()),
    }
}

/// Refuses the run if its rotated cookies would end up in another account's export.
fn check_export(session: &Session) -> Result<(), CommandError> {
    let Source::Browser { details: HandOverDetails { export_before: Some(export), .. }, .. } =
        &session.source
    else {
        return Ok(());
    };
    let held = netscape::read(export.expose_secret()).cookies;
    if is_of_another_account(session, &held) {
        return Err(CommandError::ExportOfAnotherAccount(session.platform.clone()));
    }
    Ok(())
}

fn is_of_another_account(session: &Session, held: &[Cookie]) -> bool {
    site_of(session).is_some_and(|site| rotated_cookies::are_of_two_accounts(&site, held, &session.cookies))
}

/// Parses the cookie file that yt-dlp has left. Its cookies may belong to any site; bad lines are
/// skipped and reported.
fn parse(file: &SecretSlice<u8>) -> Result<Vec<Cookie>, Error> {
    match netscape::read(file.expose_secret()).with_cookies() {
        Ok(file) => {
            exports::report_skipped_lines(&"yt-dlp's cookie file", &file.left_out);
            Ok(file.cookies)
        }
        Err(NoCookie::Empty) => Ok(Vec::new()),
        Err(fault) => Err(Error::BadRequest(format!("yt-dlp left no valid cookie file: {fault}"))),
    }
}

/// Stores and reports the rotated cookies: first in exports, which needs no other program, then in
/// the browser.
fn keep_rotated(host_dir: &Path, sessions: &[Session], ended: Ended, write_back: bool) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    let left = ended.left.and_then(|left| parse(&left))?;
    let rotated =
        sessions.iter().filter_map(|session| Some((session, rotated_of(session, sessions, &left)?)));
    let rotated: Vec<_> = rotated.filter(|(_, cookies)| !cookies.is_empty()).collect();
    keep_all(&Exports::new(host_dir), &rotated);
    if write_back && !rotated.is_empty() {
        let why = "note: a signal ended the write-back early";
        // If this fails, a signal takes effect only after the write-back, which has a deadline.
        let _ = ended.signals.end_process_at_next(ended.code, why);
        for (session, cookies) in &rotated {
            if let Source::Browser { browser, details } = &session.source {
                write_to_browser(browser, details, session, cookies, deadline);
            }
        }
    }
    Ok(())
}

/// The cookies of a session that the run has rotated. `None`, with a note, if the session is no
/// longer the same login.
// Decision: docs/decisions/yt-dlp.md#cookies-after-a-run-are-judged-as-a-session
fn rotated_of(session: &Session, sessions: &[Session], left: &[Cookie]) -> Option<RotatedCookies> {
    let site = site_of(session)?;
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
            "note: the session of {platform} is signed out after this run, or may be another account's; nothing \
             of it is kept in the export or the browser"
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
            keep(exports, session, cookies)
        };
        is_busy = matches!(kept, Err(Error::Busy(_)));
        match kept {
            Ok(Some(path)) => {
                complain(&format_args!("note: {platform} has replaced cookies; they are in {path}"));
            }
            Ok(None) => {}
            Err(fault) => {
                complain(&format_args!(
                    "note: the cookies replaced by {platform} could not be kept: {fault}"
                ));
            }
        }
    }
}

fn keep(exports: &Exports, session: &Session, rotated: &RotatedCookies) -> Result<Option<String>, Error> {
    match &session.source {
        Source::Export(export) => update_export(exports, session, export, rotated),
        Source::Browser { details, .. } => keep_in_export(exports, session, details, rotated),
    }
}

/// Writes rotated cookies back into the browser, and reports the outcome.
fn write_to_browser(
    browser: &Connected,
    details: &HandOverDetails,
    session: &Session,
    rotated: &RotatedCookies,
    deadline: Instant,
) {
    let mut total = WrittenBack::default();
    let mut stopped = None;
    for replacements in rotated.replaced.chunks(MAX_REPLACEMENTS) {
        match browser.write_back(question(session, details, replacements), deadline) {
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
            complain(&format_args!("note: nothing was written back into the browser: {fault}"));
        }
        Some(fault) => complain(&format_args!("note: {summary}; the rest failed: {fault}")),
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
    !is_of_another_account(session, cookies) && rotated.apply_to(cookies)
}
