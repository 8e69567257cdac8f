//! `yt-dlp`: the cookies of every platform among the URLs, one run, and what
//! the platforms have replaced meanwhile put back to where it came from.

use super::fresh::{Finder, Given, Session, Source, Wanted};
use super::{CommandError, select};
use crate::bridge::Connected;
use crate::complain;
use crate::error::Error;
use crate::exports::{self, Export, ExportKey, Exports, NewExport};
use crate::utc_time::UtcTime;
use crate::yt_dlp::{self, Rotation, Run};
use secrecy::{ExposeSecret, SecretString};
use stagepass_core::bridge::{MAX_REPLACEMENTS, Question, Replacement, WrittenBack};
use stagepass_core::netscape::{self, Dialect};
use stagepass_core::{Cookie, Site};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

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
    let cookies: Vec<Cookie> = sessions.iter().flat_map(|session| session.cookies.clone()).collect();
    let text = netscape::render(&cookies, Dialect::HttpOnlyPrefix).text;
    let run = Run { program: asked.program, arguments: asked.arguments, cookies: &text, host_dir };
    let (code, left) = yt_dlp::run(&run)?;
    // The run is over, and its outcome is yt-dlp's; what goes wrong now is only told.
    let taken_back = left.and_then(|left| parse(&left)).map(|left| {
        for session in &sessions {
            take_back(host_dir, session, &left, asked.write_back);
        }
    });
    if let Err(fault) = taken_back {
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
    match faults.pop() {
        Some(fault) if sessions.is_empty() => return Err(fault),
        fault => faults.extend(fault),
    }
    for fault in faults {
        complain(&format_args!("note: {fault}"));
    }
    Ok(sessions)
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

fn parse(text: &SecretString) -> Result<Vec<Cookie>, Error> {
    netscape::parse(text.expose_secret())
        .map_err(|fault| Error::BadRequest(format!("yt-dlp has left no cookie file: {fault}")))
}

/// Puts what one platform has replaced to where its cookies came from, and
/// tells of it.
fn take_back(host_dir: &Path, session: &Session, left: &[Cookie], write_back: bool) {
    let Some(site) = Site::of_id(&session.platform) else { return };
    let rotation = Rotation::between(&site, &session.cookies, left);
    if rotation.is_empty() {
        return;
    }
    let exports = Exports::new(host_dir);
    let kept = match &session.source {
        Source::Export(export) => update_export(&exports, export, &rotation),
        Source::Browser { browser, given } => {
            if write_back {
                write_to_browser(browser, given, session, &rotation);
            }
            keep_in_export(&exports, session, given, &rotation)
        }
    };
    let platform = &session.platform;
    match kept {
        Ok(Some(path)) => {
            complain(&format_args!("note: {platform} has replaced cookies; they are in {path}"));
        }
        Ok(None) => {}
        Err(fault) => {
            complain(&format_args!("note: what {platform} has replaced could not be kept: {fault}"))
        }
    }
}

/// Puts what was handed out into the browser, and tells what came of it.
fn write_to_browser(browser: &Connected, given: &Given, session: &Session, rotation: &Rotation) {
    let mut total = WrittenBack::default();
    for replacements in rotation.replaced.chunks(MAX_REPLACEMENTS) {
        match browser.write_back(question(session, given, replacements)) {
            Ok(written) => {
                total.written += written.written;
                total.changed_meanwhile += written.changed_meanwhile;
                total.refused += written.refused;
            }
            Err(fault) => {
                complain(&format_args!("note: the browser took nothing back: {fault}"));
                return;
            }
        }
    }
    let WrittenBack { written, changed_meanwhile, refused } = total;
    complain(&format_args!(
        "note: of the cookies that {} has replaced, the browser has taken {written} back; {changed_meanwhile} \
         were newer there, {refused} refused",
        session.platform
    ));
}

fn question(session: &Session, given: &Given, replacements: &[Replacement]) -> Question {
    Question::WriteBack {
        platform: session.platform.clone(),
        hand_over: given.hand_over.clone(),
        replacements: replacements.to_vec(),
    }
}

/// The export that the cookies came from; where it is, if it has changed.
fn update_export(exports: &Exports, export: &Export, rotation: &Rotation) -> Result<Option<String>, Error> {
    let Some(label) = export.label.clone() else {
        return Err(Error::BadRequest(format!("{} does not tell whose export it is", export.path)));
    };
    let key = ExportKey::new(export.platform.clone(), label)?;
    let updated = exports.update(&key, |cookies| rotation.apply_to(cookies))?;
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
    let whole = NewExport { key, cookies, repeated: 0, expires_at };
    let before = given.export_before.as_ref();
    let has_changed = exports.write_or_update(&whole, before, |cookies| rotation.apply_to(cookies))?;
    Ok(has_changed.then_some(path))
}
