//! Finds a command's session: that of a server if one is configured for the platform, or that of
//! the running browser if it hands it over, otherwise that of the newest export. Notes go to
//! standard error.

use super::{CommandError, select};
use crate::bridge::{self, Connected};
use crate::complain;
use crate::error::Error;
use crate::exports::{Export, ExportKey, Exports, Fingerprint, Held};
use crate::server::{self, HandedOut, ServedSession, Server, Unsent};
use clap::Args;
use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};
use stagepass_core::bridge::{Allowed, HandOver};
use stagepass_core::cookie::Cookie;
use stagepass_core::origin_storage::OriginStorage;
use stagepass_core::{PublicSuffixes, Site, netscape, rotated_cookies};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long all browsers together have to answer.
const PATIENCE: Duration = Duration::from_millis(3500);

/// Chooses one of several sessions.
#[derive(Clone, Debug, Default, Args, Serialize, Deserialize)]
pub(crate) struct SessionArgs {
    /// The account, if there are several; otherwise the newest is used
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// Ask only this browser, such as chromium; `browsers` lists them
    #[arg(long, value_name = "NAME")]
    pub(crate) browser: Option<String>,
    /// Ask only this profile, by its name in the extension's settings
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// What was asked for of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Cookies,
    CookiesAndStorage,
}

/// The session of one platform.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) platform: String,
    pub(crate) cookies: Vec<Cookie>,
    /// Empty unless it was asked for.
    pub(crate) origins: Vec<OriginStorage>,
    pub(crate) user_agent: Option<String>,
    pub(crate) source: Source,
}

/// Where a session's cookies come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// `browser` is missing if it has disconnected since.
    Browser {
        browser: Option<Connected>,
        details: HandOverDetails,
    },
    Export(Export),
    Server {
        server: Rc<Server>,
        handed_out: HandedOut,
    },
}

/// What a browser sent along with its cookies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HandOverDetails {
    pub(crate) hand_over: String,
    pub(crate) label: String,
    pub(crate) expires: Option<i64>,
    pub(crate) write_back: bool,
    /// The export with the same label, as it was before the browser was asked. If it has
    /// changed afterwards, another program has written it.
    pub(crate) export_before: Option<Fingerprint>,
    /// Whether that export has another account's login.
    pub(crate) export_is_of_another_account: bool,
}

/// Finds sessions. It looks for connected browsers only once.
pub(crate) struct Finder<'a> {
    exports: Exports,
    session: &'a SessionArgs,
    server: Option<Rc<Server>>,
    server_deadline: Instant,
    unsent: Unsent,
    browsers: Vec<Connected>,
    deadline: Instant,
}

impl<'a> Finder<'a> {
    /// Looks for the connected browsers that match.
    pub(crate) fn new(host_dir: &Path, session: &'a SessionArgs) -> Result<Self, CommandError> {
        let now = Instant::now();
        let (deadline, server_deadline) = (now + PATIENCE, now + server::PATIENCE);
        let server = if session.is_empty() { Server::configured()?.map(Rc::new) } else { None };
        let connected = bridge::connected(host_dir).unwrap_or_else(|fault| {
            complain(&format_args!("note: no browser can be asked: {fault}"));
            Vec::new()
        });
        let browsers: Vec<_> = connected.iter().filter(|browser| session.matches(browser)).cloned().collect();
        if browsers.is_empty() && session.names_a_browser() {
            return Err(CommandError::NoSuchBrowser(describe_all(&connected)));
        }
        let (exports, unsent) = (Exports::new(host_dir), Unsent::new(host_dir));
        Ok(Self { exports, session, server, server_deadline, unsent, browsers, deadline })
    }

    /// The session of a platform, a site or a URL.
    pub(crate) fn find(&self, target: &str, wanted: Wanted) -> Result<Session, CommandError> {
        let platforms = select::platforms(target)?;
        if let Some((server, platform)) = self.served(&platforms) {
            let served = self.newest_of(server, platform)?;
            return Ok(Session::of_server(Rc::clone(server), served, wanted));
        }
        let name = platforms.first().map_or(target, String::as_str);
        let offer_of = |browser| Some((browser, self.offer(browser, &platforms)?));
        let offers: Vec<_> = self.browsers.iter().filter_map(offer_of).collect();
        for (browser, allowed) in &offers {
            let Allowed { platform, label, .. } = allowed;
            let key = ExportKey::new(platform.clone(), label.clone());
            let export_before = key.and_then(|key| self.exports.read(&key)).ok();
            match browser.session(allowed, wanted == Wanted::CookiesAndStorage, self.deadline) {
                Ok(hand_over) => {
                    return Ok(Session::of_browser(platform, (*browser).clone(), hand_over, export_before));
                }
                Err(fault) => {
                    let browser = describe(browser);
                    complain(&format_args!("note: {browser} gave no cookies of {platform}: {fault}"));
                }
            }
        }
        if self.session.names_a_browser() {
            return Err(CommandError::NotHandedOver(name.to_owned()));
        }
        if offers.is_empty() && !self.browsers.is_empty() {
            let account = self.session.label.as_ref().map(|label| format!(" with the label {label:?}"));
            complain(&format_args!(
                "note: no browser hands over cookies of {name}{}; switch it on in the extension's popup, \
                 under \"Fresh cookies for yt-dlp\"",
                account.unwrap_or_default()
            ));
        }
        self.newest_export(target, wanted)
    }

    /// The first of these platforms that the server serves. Then nothing else is asked.
    // Decision: docs/decisions/bridge.md#a-configured-server-is-asked-instead-of-a-browser
    fn served<'p>(&self, platforms: &'p [String]) -> Option<(&Rc<Server>, &'p str)> {
        let server = self.server.as_ref()?;
        let is_served = |platform: &&String| server.platforms().any(|served| served == *platform);
        platforms.iter().find(is_served).map(|platform| (server, platform.as_str()))
    }

    /// The server's session, or newer cookies of it that a former run could not give to the server.
    // Decision: docs/decisions/yt-dlp.md#what-a-server-cannot-take-yet-is-kept
    fn newest_of(&self, server: &Server, platform: &str) -> Result<ServedSession, CommandError> {
        let mut served = server.session(platform, self.server_deadline)?;
        let unsent = self.unsent.of(server, &served.handed_out).unwrap_or_else(|fault| {
            complain(&format_args!(
                "warning: replaced cookies that wait for the server are not used: {fault}"
            ));
            None
        });
        let Some(cookies) = unsent else { return Ok(served) };
        match self.unsent.give(server, &served.handed_out, &cookies, self.server_deadline) {
            Ok(None) => return Ok(server.session(platform, self.server_deadline)?),
            Ok(Some(_)) => served.cookies = cookies,
            Err(fault) if fault.is_final() => {
                complain(&format_args!("warning: replaced cookies of {platform} are discarded: {fault}"));
                return Ok(server.session(platform, self.server_deadline)?);
            }
            Err(fault) => {
                complain(&format_args!("warning: replaced cookies of {platform} still wait: {fault}"));
                served.cookies = cookies;
            }
        }
        Ok(served)
    }

    /// The first of these platforms whose cookies the browser may hand over.
    fn offer<'b>(&self, browser: &'b Connected, platforms: &[String]) -> Option<&'b Allowed> {
        let has_label =
            |allowed: &&Allowed| self.session.label.as_ref().is_none_or(|label| allowed.label == *label);
        let allowed = || browser.announcement.platforms.iter().filter(has_label);
        platforms.iter().find_map(|platform| allowed().find(|allowed| allowed.platform == *platform))
    }

    /// The platforms of which a session can be had.
    pub(crate) fn offered(&self) -> Result<BTreeSet<String>, CommandError> {
        let has_label = |label: &str| self.session.label.as_deref().is_none_or(|wanted| wanted == label);
        let allowed = self.browsers.iter().flat_map(|browser| &browser.announcement.platforms);
        let mut offered: BTreeSet<_> = allowed
            .filter(|allowed| has_label(&allowed.label))
            .map(|allowed| allowed.platform.clone())
            .collect();
        offered.extend(self.server.iter().flat_map(|server| server.platforms()).map(str::to_owned));
        if !self.session.names_a_browser() {
            let exports = self.exports.list()?.into_iter().filter(|export| export.path.is_some());
            let exports = exports.filter(|export| has_label(export.label.as_deref().unwrap_or_default()));
            offered.extend(exports.map(|export| export.platform));
        }
        Ok(offered)
    }

    fn newest_export(&self, target: &str, wanted: Wanted) -> Result<Session, CommandError> {
        let export = select::select(&self.exports.list()?, target, self.session.label.as_deref())?;
        let path = self.exports.cookie_file(&export);
        let gone = || Error::io("read", &path)(io::ErrorKind::NotFound.into());
        let held = Held::read(&path, &export.platform)?.ok_or_else(gone)?;
        held.report_faults(&path);
        complain(&format_args!(
            "note: no browser handed over cookies of {}; these are from an export made {}",
            export.platform,
            age(&export)
        ));
        let (platform, user_agent) = (export.platform.clone(), export.user_agent.clone());
        let source = Source::Export(export);
        let cookies = held.file.cookies;
        Ok(match held.storage.filter(|_| wanted == Wanted::CookiesAndStorage) {
            None => Session { platform, cookies, origins: Vec::new(), user_agent, source },
            Some(stored) => Session {
                platform,
                cookies: stored.complete(cookies),
                origins: stored.origins,
                user_agent: stored.user_agent,
                source,
            },
        })
    }
}

impl Session {
    fn of_browser(
        platform: &str,
        browser: Connected,
        hand_over: HandOver,
        export_before: Option<SecretSlice<u8>>,
    ) -> Self {
        let HandOver { hand_over, label, expires, write_back, cookies, origins, user_agent } = hand_over;
        let details = HandOverDetails {
            hand_over,
            label,
            expires,
            write_back,
            export_before: export_before.as_ref().map(Fingerprint::of),
            export_is_of_another_account: false,
        };
        let source = Source::Browser { browser: Some(browser), details };
        let mut session = Self { platform: platform.to_owned(), cookies, origins, user_agent, source };
        let held = export_before.map(|export| netscape::read(export.expose_secret()).cookies);
        let is_of_another_account = held.is_some_and(|held| session.is_of_other_account_than(&held));
        if let Source::Browser { details, .. } = &mut session.source {
            details.export_is_of_another_account = is_of_another_account;
        }
        session
    }

    /// `None` for an earlier version's export of a public suffix.
    pub(crate) fn site(&self) -> Option<Site> {
        Site::of_id(&self.platform, PublicSuffixes::built_in()).ok()
    }

    /// Whether these cookies are another account's login at the same site.
    pub(crate) fn is_of_other_account_than(&self, cookies: &[Cookie]) -> bool {
        self.site().is_some_and(|site| rotated_cookies::are_of_two_accounts(&site, cookies, &self.cookies))
    }

    fn of_server(server: Rc<Server>, served: ServedSession, wanted: Wanted) -> Self {
        let ServedSession { handed_out, cookies, mut origins, user_agent, .. } = served;
        if wanted == Wanted::Cookies {
            origins.clear();
        }
        let platform = handed_out.platform.clone();
        Self { platform, cookies, origins, user_agent, source: Source::Server { server, handed_out } }
    }
}

impl SessionArgs {
    /// Whether none of the sessions in browsers and exports was chosen.
    fn is_empty(&self) -> bool {
        self.label.is_none() && !self.names_a_browser()
    }

    fn names_a_browser(&self) -> bool {
        self.browser.is_some() || self.profile.is_some()
    }

    fn matches(&self, browser: &Connected) -> bool {
        let is = |chosen: &Option<String>, name: &str| {
            chosen.as_ref().is_none_or(|chosen| chosen.eq_ignore_ascii_case(name))
        };
        is(&self.browser, &browser.announcement.browser) && is(&self.profile, &browser.announcement.profile)
    }
}

/// How old an export is.
fn age(export: &Export) -> String {
    let exported_at = export.exported_at;
    let exported = if exported_at.is_in_future() {
        format!("at a time in the future ({exported_at}): the clock was or is wrong")
    } else {
        format!("{} ago ({exported_at})", exported_at.age())
    };
    match export.updated_at.filter(|updated_at| !updated_at.is_in_future()) {
        None => exported,
        Some(updated_at) => format!("{exported} and updated by a run {} ago", updated_at.age()),
    }
}

fn describe(browser: &Connected) -> String {
    format!("{} (profile {})", browser.announcement.browser, browser.announcement.profile)
}

fn describe_all(browsers: &[Connected]) -> String {
    let names: Vec<_> = browsers.iter().map(describe).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
