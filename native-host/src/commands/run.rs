//! The command `run`: runs a program with a private file that has the sessions of its platforms, and
//! keeps the cookies that the platforms replace.

use super::cookies::{Format, FormatArgs, Writer};
use super::fresh::{Finder, Session, SessionArgs};
use super::rotated::PATIENCE;
use super::{CommandError, report_no_cookies, rotated, select};
use crate::complain;
use crate::run::{self, Ended};
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// The variable that tells the program the file's path.
const VARIABLE: &str = "STAGEPASS_COOKIES";

/// The arguments of the command.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) platforms: &'a [String],
    pub(crate) session: &'a SessionArgs,
    pub(crate) form: FormatArgs,
    pub(crate) write_back: bool,
    /// The program and its arguments.
    pub(crate) command: &'a [OsString],
}

/// Runs a program and passes on its exit code.
pub(crate) fn run(host_dir: &Path, command: &Run<'_>) -> Result<ExitCode, CommandError> {
    let &Run { platforms, session, form, write_back, command } = command;
    let (program, arguments) = program_of(command)?;
    let urls = run::http_urls(arguments);
    // Headers are for one URL; the program would send them to all.
    if form.format == Format::Header && urls.len() != 1 {
        return Err(CommandError::OneUrlOnly(urls.len()));
    }
    let writer = form.writer(urls.first().map(String::as_str))?;
    let targets = if platforms.is_empty() { &urls } else { platforms };
    let sessions = find_all(host_dir, session, targets, &writer)?;
    sessions.iter().try_for_each(|session| rotated::check(session, write_back))?;
    let text = text_of(&sessions, form.format, &writer)?;
    let ended = run::run(host_dir, program, &text, |path, child| {
        child.args(arguments.iter().map(|argument| run::fill_in(argument, path))).env(VARIABLE, path);
    })?;
    let code = ended.code;
    // Only a cookie file can come back. The program's own outcome decides the exit code; later
    // failures are only reported.
    if form.format == Format::Netscape {
        keep_rotated(host_dir, &sessions, ended, write_back);
    }
    Ok(ExitCode::from(code))
}

/// The program and its arguments, after a person's own `--`.
fn program_of(command: &[OsString]) -> Result<(&OsStr, &[OsString]), CommandError> {
    let command = command.strip_prefix(&[OsString::from("--")]).unwrap_or(command);
    command.split_first().map(|(program, rest)| (program.as_os_str(), rest)).ok_or(CommandError::NoProgram)
}

/// Finds one session for each platform. A missing one is only reported, unless all are missing.
fn find_all(
    host_dir: &Path,
    session: &SessionArgs,
    targets: &[String],
    writer: &Writer,
) -> Result<Vec<Session>, CommandError> {
    let finder = Finder::new(host_dir, session)?;
    let mut sessions: Vec<Session> = Vec::new();
    let mut looked_for = BTreeSet::new();
    let mut faults = Vec::new();
    for target in targets {
        let is_new = select::platforms(target).map_or(true, |platforms| looked_for.insert(platforms));
        match is_new.then(|| finder.find(target, writer.wanted())) {
            None => {}
            Some(Ok(session)) if sessions.iter().any(|other| other.platform == session.platform) => {}
            Some(Ok(session)) => sessions.push(session),
            Some(Err(fault)) => faults.push(fault),
        }
    }
    if sessions.is_empty() {
        return Err(faults.pop().unwrap_or(CommandError::NoTarget));
    }
    for fault in faults {
        complain(&format_args!("note: {fault}"));
    }
    Ok(sessions)
}

/// The file's content. Only a cookie file can hold several sessions.
fn text_of(sessions: &[Session], format: Format, writer: &Writer) -> Result<SecretString, CommandError> {
    match sessions {
        [session] => writer.text_of(session),
        _ if format == Format::Netscape => {
            for session in sessions.iter().filter(|session| session.cookies.is_empty()) {
                report_no_cookies(&session.platform);
            }
            Ok(writer.cookie_file(&rotated::all_cookies(sessions)))
        }
        _ => Err(CommandError::OneSessionOnly),
    }
}

fn keep_rotated(host_dir: &Path, sessions: &[Session], ended: Ended, write_back: bool) {
    let Ended { code, left, signals } = ended;
    match left.and_then(|left| rotated::parse(&left)) {
        Err(fault) => complain(&format_args!("warning: replaced cookies are lost: {fault}")),
        Ok(left) => rotated::keep(host_dir, sessions, &left, write_back, Instant::now() + PATIENCE, || {
            // If this fails, a signal takes effect only after the write-back, which has a deadline.
            let _ = signals.end_process_at_next(code, "note: a signal ended the write-back early");
        }),
    }
}
