//! Where a command's cookies come from: the browser that runs, where it hands
//! them over, else the newest export. What is found is told on standard error.

use super::{CommandError, select};
use crate::bridge::{self, Connected};
use crate::complain;
use crate::error::Error;
use crate::exports::{self, Export, ExportKey, Exports};
use clap::Args;
use secrecy::SecretSlice;
use stagepass_core::bridge::{Allowed, HandOver};
use stagepass_core::cookie::Cookie;
use stagepass_core::netscape::CookieFile;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long all browsers together may take to answer.
const PATIENCE: Duration = Duration::from_millis(3500);

/// Which session is meant, where there are several.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Wanted {
    /// Which account, where there are several; else the newest is taken
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// Ask this browser alone, such as chromium; `browsers` lists them
    #[arg(long, value_name = "NAME")]
    pub(crate) browser: Option<String>,
    /// Ask this profile alone, by the name that its popup shows
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// The cookies of one platform.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) platform: String,
    pub(crate) cookies: Vec<Cookie>,
    pub(crate) source: Source,
}

/// Where a session's cookies are from.
#[derive(Debug)]
pub(crate) enum Source {
    Browser { browser: Connected, given: Given },
    Export(Export),
}

/// What came with the cookies of a browser.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) hand_over: String,
    pub(crate) label: String,
    pub(crate) expires: Option<i64>,
    pub(crate) write_back: bool,
    /// The bytes of the export of the same account before the browser was asked:
    /// one that is another afterwards was written meanwhile.
    pub(crate) export_before: Option<SecretSlice<u8>>,
}

/// Finds sessions. The browsers are looked for once.
pub(crate) struct Finder<'a> {
    exports: Exports,
    wanted: &'a Wanted,
    browsers: Vec<Connected>,
    deadline: Instant,
}

impl<'a> Finder<'a> {
    /// Looks for the browsers that are connected and wanted.
    pub(crate) fn new(host_dir: &Path, wanted: &'a Wanted) -> Result<Self, CommandError> {
        let deadline = Instant::now() + PATIENCE;
        let connected = bridge::connected(host_dir).unwrap_or_else(|fault| {
            complain(&format_args!("note: no browser can be asked: {fault}"));
            Vec::new()
        });
        let browsers: Vec<_> = connected.iter().filter(|browser| wanted.has(browser)).cloned().collect();
        if browsers.is_empty() && wanted.names_a_browser() {
            return Err(CommandError::NoSuchBrowser(describe_all(&connected)));
        }
        Ok(Self { exports: Exports::new(host_dir), wanted, browsers, deadline })
    }

    /// The session of a platform, a site or a URL.
    pub(crate) fn find(&self, target: &str) -> Result<Session, CommandError> {
        let platforms = select::platforms(target)?;
        let name = platforms.first().map_or(target, String::as_str);
        let offer_of = |browser| Some((browser, self.offer(browser, &platforms)?));
        let offers: Vec<_> = self.browsers.iter().filter_map(offer_of).collect();
        for (browser, Allowed { platform, label, .. }) in &offers {
            let key = ExportKey::new(platform.clone(), label.clone());
            let export_before = key.and_then(|key| self.exports.read(&key)).ok();
            match browser.cookies(platform, self.deadline) {
                Ok(given) => {
                    return Ok(Session::of_browser(platform, (*browser).clone(), given, export_before));
                }
                Err(fault) => {
                    let browser = describe(browser);
                    complain(&format_args!("note: {browser} gave no cookies of {platform}: {fault}"));
                }
            }
        }
        if self.wanted.names_a_browser() {
            return Err(CommandError::NotHandedOver(name.to_owned()));
        }
        if offers.is_empty() && !self.browsers.is_empty() {
            let account = self.wanted.label.as_ref().map(|label| format!(" with the label {label:?}"));
            complain(&format_args!(
                "note: no browser hands over cookies of {name}{}; in its popup, \
                 \"Fresh cookies for yt-dlp\" switches that on",
                account.unwrap_or_default()
            ));
        }
        self.newest_export(target)
    }

    /// What the browser may hand over of this, the likeliest platform first.
    fn offer<'b>(&self, browser: &'b Connected, platforms: &[String]) -> Option<&'b Allowed> {
        let has_label =
            |allowed: &&Allowed| self.wanted.label.as_ref().is_none_or(|label| allowed.label == *label);
        let allowed = || browser.announcement.platforms.iter().filter(has_label);
        platforms.iter().find_map(|platform| allowed().find(|allowed| allowed.platform == *platform))
    }

    fn newest_export(&self, target: &str) -> Result<Session, CommandError> {
        let export = select::select(&self.exports.list()?, target, self.wanted.label.as_deref())?;
        let path = PathBuf::from(&export.path);
        let gone = || Error::io("read", &path)(io::ErrorKind::NotFound.into());
        let file = exports::read_file(&path)?.ok_or_else(gone)?;
        let CookieFile { cookies, left_out } = exports::parse(&path, &file, &export.platform)?;
        exports::tell_left_out(&path.display(), &left_out);
        complain(&format_args!(
            "note: these cookies of {} are not fresh from a browser, but were exported {}",
            export.platform,
            age(&export)
        ));
        Ok(Session { platform: export.platform.clone(), cookies, source: Source::Export(export) })
    }
}

impl Session {
    fn of_browser(
        platform: &str,
        browser: Connected,
        given: HandOver,
        export_before: Option<SecretSlice<u8>>,
    ) -> Self {
        let HandOver { hand_over, label, expires, write_back, cookies } = given;
        let given = Given { hand_over, label, expires, write_back, export_before };
        Self { platform: platform.to_owned(), cookies, source: Source::Browser { browser, given } }
    }
}

impl Wanted {
    fn names_a_browser(&self) -> bool {
        self.browser.is_some() || self.profile.is_some()
    }

    fn has(&self, browser: &Connected) -> bool {
        let is = |wanted: &Option<String>, name: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(name))
        };
        is(&self.browser, &browser.announcement.browser) && is(&self.profile, &browser.announcement.profile)
    }
}

/// How old an export is.
fn age(export: &Export) -> String {
    let exported_at = export.exported_at;
    let exported = if exported_at.is_to_come() {
        format!("at a time that is still to come ({exported_at}), with the clock wrong then or now")
    } else {
        format!("{} ago ({exported_at})", exported_at.age())
    };
    match export.updated_at.filter(|updated_at| !updated_at.is_to_come()) {
        None => exported,
        Some(updated_at) => format!("{exported}, and changed by yt-dlp {} ago", updated_at.age()),
    }
}

fn describe(browser: &Connected) -> String {
    format!("{} (profile {})", browser.announcement.browser, browser.announcement.profile)
}

fn describe_all(browsers: &[Connected]) -> String {
    let names: Vec<_> = browsers.iter().map(describe).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
