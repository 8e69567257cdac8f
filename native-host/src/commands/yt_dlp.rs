//! `yt-dlp`: the cookies of every platform among the URLs, one run, and what
//! the platforms have replaced meanwhile put back to where it came from.

use super::fresh::{Finder, Given, Session, Source, Wanted};
use super::{CommandError, select};
use crate::bridge::Connected;
use crate::complain;
use crate::error::Error;
use crate::exports::{self, Export, ExportKey, Exports, NewExport};
use crate::utc_time::UtcTime;
use crate::yt_dlp::{self, Ended, Rotation, Run};
use secrecy::{ExposeSecret, SecretSlice};
use stagepass_core::bridge::{MAX_REPLACEMENTS, Question, Replacement, WrittenBack};
use stagepass_core::cookie::MAX_COOKIES;
use stagepass_core::netscape::{self, Dialect, NoCookie, Rendered};
use stagepass_core::{Cookie, PublicSuffixes, Site, rotation};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long all may take that is done after yt-dlp's end.
const PATIENCE: Duration = Duration::from_secs(4);

/// What was asked for.
#[derive(Debug)]
pub(crate) struct YtDlp<'a> {
    pub(crate) program: &'a OsStr,
    pub(crate) arguments: &'a [OsString],
    pub(crate) wanted: &'a Wanted,
    pub(crate) write_back: bool,
}

/// Runs yt-dlp and passes its exit code on.
pub(crate) fn yt_dlp(host_dir: &Path, asked: &YtDlp<'_>) -> Result<ExitCode, CommandError> {
    let urls = yt_dlp::urls(asked.arguments)?;
    let sessions = find_all(host_dir, asked.wanted, &urls)?;
    if asked.write_back {
        sessions.iter().try_for_each(check_write_back)?;
    }
    sessions.iter().try_for_each(check_export)?;
    let cookies = hand_out(&sessions);
    let Rendered { text, losses, .. } = netscape::render(&cookies, Dialect::HttpOnlyPrefix);
    for loss in losses.iter().filter(|loss| loss.is_of_yt_dlp()) {
        complain(&format_args!("note: {loss}"));
    }
    let run = Run { program: asked.program, arguments: asked.arguments, cookies: &text, host_dir };
    let ended = yt_dlp::run(&run)?;
    let code = ended.code;
    // The run is over, and its outcome is yt-dlp's; what goes wrong now is only told.
    if let Err(fault) = take_back(host_dir, &sessions, ended, asked.write_back) {
        complain(&format_args!("note: what the platforms may have replaced is lost: {fault}"));
    }
    Ok(ExitCode::from(code))
}

/// The session of each platform, once. One without is told; that none has one
/// is a fault.
fn find_all(host_dir: &Path, wanted: &Wanted, urls: &[String]) -> Result<Vec<Session>, CommandError> {
    let finder = Finder::new(host_dir, wanted)?;
    let mut sessions: Vec<Session> = Vec::new();
    let mut looked_for = BTreeSet::new();
    let mut faults = Vec::new();
    for url in urls {
        let is_new = select::platforms(url).map_or(true, |platforms| looked_for.insert(platforms));
        match is_new.then(|| finder.find(url)) {
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

/// The cookies of all sessions, each that of the session that it belongs to.
fn hand_out(sessions: &[Session]) -> Vec<Cookie> {
    let all = sessions.iter().flat_map(|session| session.cookies.iter().map(move |cookie| (session, cookie)));
    let own = all.filter(|(session, cookie)| {
        owner_of(cookie, sessions).is_none_or(|owner| owner.platform == session.platform)
    });
    own.map(|(_, cookie)| cookie.clone()).collect()
}

/// The session that a cookie belongs to. Where one site lies within another, as
/// `a.example.org` does in `example.org`, it is the inner one's.
fn owner_of<'a>(cookie: &Cookie, sessions: &'a [Session]) -> Option<&'a Session> {
    let owns = |session: &&Session| site_of(session).is_some_and(|site| site.owns(cookie.host()));
    sessions.iter().filter(owns).max_by_key(|session| session.platform.len())
}

fn site_of(session: &Session) -> Option<Site> {
    Site::of_id(&session.platform, PublicSuffixes::built_in()).ok()
}

/// Before anything is run: afterwards there would be nowhere for it to go.
fn check_write_back(session: &Session) -> Result<(), CommandError> {
    let platform = || session.platform.clone();
    match &session.source {
        Source::Export(_) => Err(CommandError::NoBrowserToWriteTo(platform())),
        Source::Browser { given, .. } if !given.write_back => {
            Err(CommandError::WriteBackNotAllowed(platform()))
        }
        Source::Browser { .. } => Ok(()),
    }
}

/// Before anything is run, too: what is replaced goes into the export with the same label.
fn check_export(session: &Session) -> Result<(), CommandError> {
    let Source::Browser { given: Given { export_before: Some(export), .. }, .. } = &session.source else {
        return Ok(());
    };
    let held = netscape::read(export.expose_secret()).cookies;
    if is_of_another_account(session, &held) {
        return Err(CommandError::ExportOfAnotherAccount(session.platform.clone()));
    }
    Ok(())
}

fn is_of_another_account(session: &Session, held: &[Cookie]) -> bool {
    site_of(session).is_some_and(|site| rotation::are_of_two_accounts(&site, held, &session.cookies))
}

/// The cookies that yt-dlp has left, which may be of any site. Lines that hold none
/// are passed over and told.
fn parse(file: &SecretSlice<u8>) -> Result<Vec<Cookie>, Error> {
    match netscape::read(file.expose_secret()).with_cookies() {
        Ok(file) => {
            exports::tell_left_out(&"yt-dlp's cookie file", &file.left_out);
            Ok(file.cookies)
        }
        Err(NoCookie::Empty) => Ok(Vec::new()),
        Err(fault) => Err(Error::BadRequest(format!("yt-dlp has left no cookie file: {fault}"))),
    }
}

/// Puts what the platforms have replaced to where their cookies came from, and
/// tells of it: into exports first, since that needs nobody else.
fn take_back(host_dir: &Path, sessions: &[Session], ended: Ended, write_back: bool) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    let left = ended.left.and_then(|left| parse(&left))?;
    let rotated =
        sessions.iter().filter_map(|session| Some((session, rotation_of(session, sessions, &left)?)));
    let rotated: Vec<_> = rotated.filter(|(_, rotation)| !rotation.is_empty()).collect();
    keep_all(&Exports::new(host_dir), &rotated);
    if write_back && !rotated.is_empty() {
        let why = "note: a signal came before the browser had taken everything back";
        // Without it a signal is waited out, which takes no longer than the patience.
        let _ = ended.signals.end_process_at_next(ended.code, why);
        for (session, rotation) in &rotated {
            if let Source::Browser { browser, given } = &session.source {
                write_to_browser(browser, given, session, rotation, deadline);
            }
        }
    }
    Ok(())
}

/// What the run has changed of a session; `None`, and told, where it has left another one.
fn rotation_of(session: &Session, sessions: &[Session], left: &[Cookie]) -> Option<Rotation> {
    let site = site_of(session)?;
    // One that has expired is gone.
    let now = UtcTime::now();
    let lives = |cookie: &Cookie| {
        cookie.expires.and_then(UtcTime::from_unix_seconds).is_none_or(|expires_at| expires_at > now)
    };
    let is_own = |cookie: &&Cookie| {
        lives(cookie) && owner_of(cookie, sessions).is_some_and(|owner| owner.platform == session.platform)
    };
    let left: Vec<_> = left.iter().filter(is_own).cloned().collect();
    let rotation = Rotation::between(&site, &session.cookies, &left);
    let platform = &session.platform;
    match &rotation {
        None => complain(&format_args!(
            "note: yt-dlp has left a session of {platform} that is signed out or may be another account's; \
             nothing of it goes into the export or the browser"
        )),
        Some(Rotation { surplus: surplus @ 1.., .. }) => complain(&format_args!(
            "note: {surplus} cookies that {platform} has added are not kept, since a session has at most \
             {MAX_COOKIES}"
        )),
        Some(_) => {}
    }
    rotation
}

/// Puts what was replaced into exports.
fn keep_all(exports: &Exports, rotated: &[(&Session, Rotation)]) {
    let mut is_busy = false;
    for (session, rotation) in rotated {
        let platform = &session.platform;
        // It was waited for once, and that is enough.
        let kept = if is_busy {
            Err(Error::Busy(exports.folder().to_owned()))
        } else {
            keep(exports, session, rotation)
        };
        is_busy = matches!(kept, Err(Error::Busy(_)));
        match kept {
            Ok(Some(path)) => {
                complain(&format_args!("note: {platform} has replaced cookies; they are in {path}"));
            }
            Ok(None) => {}
            Err(fault) => {
                complain(&format_args!("note: what {platform} has replaced could not be kept: {fault}"));
            }
        }
    }
}

fn keep(exports: &Exports, session: &Session, rotation: &Rotation) -> Result<Option<String>, Error> {
    match &session.source {
        Source::Export(export) => update_export(exports, session, export, rotation),
        Source::Browser { given, .. } => keep_in_export(exports, session, given, rotation),
    }
}

/// Puts what was handed out into the browser, and tells what came of it.
fn write_to_browser(
    browser: &Connected,
    given: &Given,
    session: &Session,
    rotation: &Rotation,
    deadline: Instant,
) {
    let mut total = WrittenBack::default();
    let mut stopped = None;
    for replacements in rotation.replaced.chunks(MAX_REPLACEMENTS) {
        match browser.write_back(question(session, given, replacements), deadline) {
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
    let taken = format_args!(
        "of the cookies that {platform} has replaced, the browser has taken {written} back; {changed_meanwhile} \
         were newer there, {refused} refused"
    );
    match stopped {
        None => complain(&format_args!("note: {taken}")),
        Some(fault) if total == WrittenBack::default() => {
            complain(&format_args!("note: the browser took nothing back: {fault}"));
        }
        Some(fault) => complain(&format_args!("note: {taken}, and not the rest: {fault}")),
    }
}

fn question(session: &Session, given: &Given, replacements: &[Replacement]) -> Question {
    Question::WriteBack {
        platform: session.platform.clone(),
        hand_over: given.hand_over.clone(),
        replacements: replacements.to_vec(),
    }
}

/// The export that the cookies came from; where it is, if it has changed.
fn update_export(
    exports: &Exports,
    session: &Session,
    export: &Export,
    rotation: &Rotation,
) -> Result<Option<String>, Error> {
    let Some(label) = export.label.clone() else {
        return Err(Error::BadRequest(format!("{} does not tell whose export it is", export.path)));
    };
    let key = ExportKey::new(export.platform.clone(), label)?;
    let updated = exports.update(&key, |cookies| apply(rotation, session, cookies))?;
    Ok(updated.then(|| export.path.clone()))
}

/// An export of what a browser handed over: without it, what the platform has
/// replaced would be nowhere, and with it the login. One that was written since
/// is newer, be it by another run or from the popup. Its path, if it has changed.
fn keep_in_export(
    exports: &Exports,
    session: &Session,
    given: &Given,
    rotation: &Rotation,
) -> Result<Option<String>, Error> {
    let key = ExportKey::new(session.platform.clone(), given.label.clone())?;
    let path = exports.path(&key).to_string_lossy().into_owned();
    let mut cookies = session.cookies.clone();
    rotation.apply_to(&mut cookies);
    let expires_at = exports::login_expiry(&session.platform, &cookies)
        .or_else(|| given.expires.and_then(UtcTime::from_unix_seconds));
    let whole = NewExport { key, cookies, unkept: Vec::new(), expires_at };
    let before = given.export_before.as_ref();
    let has_changed = exports.write_or_update(&whole, before, |cookies| apply(rotation, session, cookies))?;
    Ok(has_changed.then_some(path))
}

/// Changes an export, unless it has become another account's meanwhile.
fn apply(rotation: &Rotation, session: &Session, cookies: &mut Vec<Cookie>) -> bool {
    !is_of_another_account(session, cookies) && rotation.apply_to(cookies)
}
