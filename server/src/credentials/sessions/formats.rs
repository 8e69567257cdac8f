//! The formats in which services get a session.

use super::{cookies_at, open, origins_at};
use crate::app::App;
use crate::body::{self, HttpsUrl, WrittenCookieFile};
use crate::error::Error;
use crate::store::{SealedParts, Session as StoredSession};
use crate::words::words;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use stagepass_core::cookie::{Cookie, UncheckedCookie, serialize_exposed};
use stagepass_core::netscape::{self, Dialect, Rendered};
use stagepass_core::playwright::{self, StorageState};
use stagepass_core::request_headers::{RequestHeader, Target, request_headers};
use stagepass_core::{OriginStorage, PublicSuffixes, Session, Site};
use utoipa::ToSchema;

words! {
    /// The format in which a service wants a session.
    enum SessionFormat {
        Json = "json",
        Netscape = "netscape",
        Playwright = "playwright",
        Header = "header",
    }
}

/// A format with what it needs.
pub(super) enum Format {
    Json,
    Netscape,
    Playwright,
    /// The headers for a request to this URL by the platform's pages.
    Header(Box<(HttpsUrl, Site)>),
}

impl Format {
    /// Fails if `url` is missing, or there for another format.
    // Decision: docs/decisions/capture.md#headers-are-made-for-one-https-url
    pub(super) fn of(
        format: Option<SessionFormat>,
        url: Option<HttpsUrl>,
        platform: &str,
    ) -> Result<Self, Error> {
        let bad_request = |fault: &str| Error::BadRequest(fault.to_owned());
        match (format.unwrap_or(SessionFormat::Json), url) {
            (SessionFormat::Header, Some(url)) => {
                let site = Site::of_id(platform, PublicSuffixes::built_in());
                let site = site.map_err(|fault| Error::BadRequest(fault.to_string()))?;
                Ok(Self::Header(Box::new((url, site))))
            }
            (SessionFormat::Header, None) => Err(bad_request("url required for the format header")),
            (_, Some(_)) => Err(bad_request("url is only for the format header")),
            (SessionFormat::Json, None) => Ok(Self::Json),
            (SessionFormat::Netscape, None) => Ok(Self::Netscape),
            (SessionFormat::Playwright, None) => Ok(Self::Playwright),
        }
    }
}

/// What a service gets, in the requested format.
// Decision: docs/decisions/capture.md#each-format-names-its-losses
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Formatted {
    Json {
        #[schema(value_type = Vec<body::Cookie>)]
        cookies: JsonCookies,
        /// What the browser kept for each origin; absent if there is nothing.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(required = false, nullable = false, value_type = Vec<body::Origin>)]
        origins: Option<Box<RawValue>>,
    },
    Netscape {
        #[serde(serialize_with = "serialize_exposed")]
        #[schema(value_type = WrittenCookieFile)]
        cookies_netscape: SecretString,
        /// What the file can't contain, in words; absent if nothing is lost.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        #[schema(required = false)]
        losses: Vec<String>,
    },
    Playwright {
        #[schema(value_type = body::StorageState)]
        storage_state: Box<RawValue>,
        /// The sessionStorage of each origin, which Playwright does not restore; absent if there is
        /// none.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(required = false, nullable = false, value_type = Vec<body::SessionStorage>)]
        session_storage: Option<Box<RawValue>>,
        /// What a restored browser does not have as it was, in words.
        losses: Vec<String>,
    },
    Header {
        /// The `Cookie` and `User-Agent` that the browser would send to the URL, and the headers
        /// that the platform's own pages add; each only if there is a value.
        #[schema(value_type = Vec<body::RequestHeader>)]
        headers: Vec<RequestHeader>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum JsonCookies {
    /// The stored text unchanged: nothing is parsed only to be written again.
    Stored(Box<RawValue>),
    Parsed(Vec<Cookie>),
}

/// The decrypted parts of a session: JSON texts.
pub(super) struct Opened {
    pub(super) cookies: SecretString,
    pub(super) origins: Option<SecretString>,
}

impl Opened {
    /// The sealed parts, decrypted; `None` if they were erased.
    pub(super) fn of(app: &App, session: &StoredSession, sealed: SealedParts) -> Result<Option<Self>, Error> {
        let Some(cookies) = sealed.cookies else { return Ok(None) };
        let cookies = open(app, &cookies_at(session.id, session.user_id), &cookies)?;
        let open_origins = |blob: String| open(app, &origins_at(session.id, session.user_id), &blob);
        let origins = sealed.origins.map(open_origins).transpose()?;
        Ok(Some(Self { cookies, origins }))
    }

    /// The session in a format at `now` (Unix seconds).
    pub(super) fn format(
        &self,
        format: &Format,
        user_agent: Option<&str>,
        now: i64,
        drop_expired: bool,
    ) -> Result<Formatted, Error> {
        let wanted_cookies = || {
            let mut cookies = self.cookies()?;
            cookies.retain(|cookie| !(drop_expired && cookie.is_expired(now)));
            Ok::<_, Error>(cookies)
        };
        let parse = || Ok::<_, Error>(Parsed { cookies: wanted_cookies()?, origins: self.origins()? });
        match format {
            Format::Json if drop_expired => {
                let cookies = JsonCookies::Parsed(wanted_cookies()?);
                Ok(Formatted::Json { cookies, origins: self.stored_origins()? })
            }
            Format::Json => {
                let cookies = JsonCookies::Stored(self.stored_cookies()?);
                Ok(Formatted::Json { cookies, origins: self.stored_origins()? })
            }
            Format::Netscape => Ok(as_cookie_file(parse()?.session())),
            Format::Playwright => as_storage_state(parse()?.session(), now),
            Format::Header(target) => {
                let (HttpsUrl(url), site) = &**target;
                let target = Target { host: url.host_str().unwrap_or_default(), path: url.path() };
                let headers = request_headers(parse()?.session(), user_agent, site, target, now);
                Ok(Formatted::Header { headers })
            }
        }
    }

    fn stored_cookies(&self) -> Result<Box<RawValue>, Error> {
        // Exposed for the answer, which is meant to have the cookies.
        RawValue::from_string(self.cookies.expose_secret().to_owned()).map_err(|_| damaged())
    }

    fn stored_origins(&self) -> Result<Option<Box<RawValue>>, Error> {
        // Exposed for the answer, which is meant to have them.
        let text = self.origins.as_ref().map(|text| text.expose_secret().to_owned());
        text.map(RawValue::from_string).transpose().map_err(|_| damaged())
    }

    pub(super) fn parse(&self) -> Result<Parsed, Error> {
        Ok(Parsed { cookies: self.cookies()?, origins: self.origins()? })
    }

    fn cookies(&self) -> Result<Vec<Cookie>, Error> {
        serde_json::from_str::<Vec<UncheckedCookie>>(self.cookies.expose_secret())
            .map_err(|_| damaged())?
            .into_iter()
            .map(|cookie| Cookie::try_from(cookie).map_err(|_| damaged()))
            .collect()
    }

    fn origins(&self) -> Result<Vec<OriginStorage>, Error> {
        let text = self.origins.as_ref().map(|text| serde_json::from_str(text.expose_secret()));
        Ok(text.transpose().map_err(|_| damaged())?.unwrap_or_default())
    }
}

/// The decrypted parts of a session, read.
pub(super) struct Parsed {
    pub(super) cookies: Vec<Cookie>,
    origins: Vec<OriginStorage>,
}

impl Parsed {
    pub(super) fn session(&self) -> Session<'_> {
        Session { cookies: &self.cookies, origins: &self.origins }
    }
}

fn as_cookie_file(session: Session<'_>) -> Formatted {
    let Rendered { text, losses, .. } = netscape::render(session.cookies, Dialect::HttpOnlyPrefix);
    let of_cookies = losses.iter().map(ToString::to_string);
    let with_entries = session.origins.iter().filter(|storage| !storage.is_empty());
    let of_origins =
        with_entries.map(|storage| format!("the origin storage of {} is not in the file", storage.origin));
    Formatted::Netscape { cookies_netscape: text, losses: of_cookies.chain(of_origins).collect() }
}

fn as_storage_state(session: Session<'_>, now: i64) -> Result<Formatted, Error> {
    let as_json = |_| Error::Internal("a storage state as JSON");
    let aside = playwright::session_storage(session);
    let aside = (!aside.is_empty()).then(|| to_raw_value(&aside)).transpose();
    Ok(Formatted::Playwright {
        storage_state: to_raw_value(&StorageState::new(session, now)).map_err(as_json)?,
        session_storage: aside.map_err(as_json)?,
        losses: playwright::losses(session, now).iter().map(ToString::to_string).collect(),
    })
}

fn damaged() -> Error {
    Error::Internal("a stored session is not in its form")
}
