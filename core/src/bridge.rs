//! Hand-over and write-back: the messages between a program, the native host that the
//! browser keeps running, and the extension.
//!
//! A program sends the host a [`Question`]. The host relays it to the extension as a
//! [`RelayedQuestion`]. The extension's [`crate::host::Answer`] carries a [`HandOver`] or a
//! [`WrittenBack`].

use crate::cookie::{Cookie, MAX_COOKIES, MAX_NAME_VALUE_BYTES, serialize_exposed};
use crate::host::{MAX_LABEL_CHARS, MAX_USER_AGENT_CHARS};
use crate::origin_storage::{self, OriginStorage, StorageFault};
use crate::platform::{PlatformFault, Site, check_platform_id};
use crate::public_suffix::PublicSuffixes;
use crate::visible;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest name of a browser, a profile or a program, in characters.
pub const MAX_NAME_CHARS: usize = 64;
/// The most platforms that one browser may hand over.
pub const MAX_PLATFORMS: usize = 200;
/// The most cookies in one write-back: even with every character escaped, the message fits
/// into what a browser accepts.
pub const MAX_REPLACEMENTS: usize = 48;

/// Which browser this is, and what it may hand over. The extension sends this to the host with
/// `listen`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// The browser's name, such as `Chromium`.
    pub browser: String,
    /// Distinguishes several profiles of one browser.
    pub profile: String,
    /// The platforms that the person has allowed.
    pub platforms: Vec<Allowed>,
}

/// A platform whose cookies may be handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// The platform identifier.
    pub platform: String,
    /// The account's label, as in an export; may be empty.
    pub label: String,
    /// Whether write-back is allowed.
    pub write_back: bool,
    /// Whether origin storage may be handed over too.
    #[serde(default)]
    pub storage: bool,
}

/// What is wrong with a message. Never contains a cookie's value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BridgeFault {
    /// A name is empty, too long, or has control or invisible characters.
    #[error("{0} must have 1 to {MAX_NAME_CHARS} characters, and no control or invisible ones")]
    Name(&'static str),
    /// A label is too long, or has control or invisible characters.
    #[error("label must have at most {MAX_LABEL_CHARS} characters, and no control or invisible ones")]
    Label,
    /// The platform identifier is not valid.
    #[error(transparent)]
    Platform(#[from] PlatformFault),
    /// A message has too many items of one kind.
    #[error("at most {most} {what} are allowed")]
    TooMany {
        /// A noun in the plural.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// A cookie does not belong to the platform.
    #[error("this cookie does not belong to {0}")]
    OtherSite(String),
    /// Origin storage breaks a rule.
    #[error(transparent)]
    Storage(#[from] StorageFault),
    /// An origin does not belong to the platform.
    #[error("origins[{index}]: this origin does not belong to {site}")]
    OtherOrigin {
        /// The index of the origin.
        index: usize,
        /// The platform identifier.
        site: String,
    },
    /// The user agent is too long, or has control or invisible characters.
    #[error(
        "user_agent must have at most {MAX_USER_AGENT_CHARS} characters, and no control or invisible ones"
    )]
    UserAgent,
}

impl Announcement {
    /// Checks every field.
    ///
    /// # Errors
    /// The first [`BridgeFault`] found.
    pub fn check(&self) -> Result<(), BridgeFault> {
        check_name(&self.browser, "browser")?;
        check_name(&self.profile, "profile")?;
        at_most(self.platforms.len(), MAX_PLATFORMS, "platforms")?;
        self.platforms.iter().try_for_each(|allowed| {
            // Check only the identifier's form: a platform that an earlier version allowed must not
            // block the others. `Question::check` refuses to hand it over.
            check_platform_id(&allowed.platform)?;
            check_text(&allowed.label, MAX_LABEL_CHARS).then_some(()).ok_or(BridgeFault::Label)
        })
    }
}

/// A program's question to the extension.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Question {
    /// Asks for the platform's current cookies.
    Cookies {
        /// The platform identifier.
        platform: String,
        /// Whether the program also asks for origin storage.
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        storage: bool,
    },
    /// Asks to write back cookies that the platform rotated while they were in use.
    WriteBack {
        /// The platform identifier.
        platform: String,
        /// The [`HandOver::hand_over`] that the cookies came with.
        hand_over: String,
        /// The rotated cookies.
        replacements: Vec<Replacement>,
    },
}

/// A rotated cookie.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replacement {
    /// The new cookie.
    pub cookie: Cookie,
    /// The value that was handed over. If the browser has another value by now, that one
    /// is newer and stays.
    #[serde(serialize_with = "serialize_exposed")]
    pub was: SecretString,
}

impl Question {
    /// The platform identifier.
    #[must_use]
    pub fn platform(&self) -> &str {
        match self {
            Self::Cookies { platform, .. } | Self::WriteBack { platform, .. } => platform,
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first [`BridgeFault`] found.
    pub fn check(&self, suffixes: &PublicSuffixes<'_>) -> Result<(), BridgeFault> {
        let site = Site::of_id(self.platform(), suffixes)?;
        if let Self::WriteBack { hand_over, replacements, .. } = self {
            check_name(hand_over, "hand_over")?;
            at_most(replacements.len(), MAX_REPLACEMENTS, "replacements")?;
            check_owned(&site, replacements.iter().map(|replacement| &replacement.cookie))?;
            // The value is only measured.
            let longest = replacements.iter().map(|replacement| replacement.was.expose_secret().len()).max();
            at_most(longest.unwrap_or_default(), MAX_NAME_VALUE_BYTES, "bytes in a value")?;
        }
        Ok(())
    }
}

/// A [`Question`] as the host relays it to the extension.
#[derive(Debug, Serialize, Deserialize)]
pub struct RelayedQuestion {
    /// Chosen by the host; the answer repeats it.
    pub id: u32,
    /// The name of the asking program; nothing proves it.
    #[serde(default)]
    pub program: String,
    /// The question.
    #[serde(flatten)]
    pub question: Question,
}

/// The extension's answer to [`Question::Cookies`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HandOver {
    /// Identifies this hand-over in a [`Question::WriteBack`].
    pub hand_over: String,
    /// The account's label, as in an export; may be empty.
    pub label: String,
    /// When the session ends, Unix seconds.
    pub expires: Option<i64>,
    /// Whether write-back is allowed.
    pub write_back: bool,
    /// The cookies.
    pub cookies: Vec<Cookie>,
    /// The origin storage. Empty unless the program asked for it and the person has allowed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<OriginStorage>,
    /// The browser's user agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

impl HandOver {
    /// Checks every field, and that each cookie and each origin belongs to the platform.
    ///
    /// # Errors
    /// The first [`BridgeFault`] found.
    pub fn check(&self, platform: &str, suffixes: &PublicSuffixes<'_>) -> Result<(), BridgeFault> {
        check_name(&self.hand_over, "hand_over")?;
        check_text(&self.label, MAX_LABEL_CHARS).then_some(()).ok_or(BridgeFault::Label)?;
        at_most(self.cookies.len(), MAX_COOKIES, "cookies")?;
        let site = Site::of_id(platform, suffixes)?;
        check_owned(&site, &self.cookies)?;
        check_origins(&site, &self.origins)?;
        self.user_agent.as_deref().map_or(Ok(()), check_user_agent)
    }
}

/// The extension's answer to [`Question::WriteBack`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenBack {
    /// How many cookies were written.
    pub written: usize,
    /// How many the browser has changed or deleted since the hand-over.
    pub changed_meanwhile: usize,
    /// How many were never handed over, or the browser refused.
    pub refused: usize,
}

fn check_name(name: &str, field: &'static str) -> Result<(), BridgeFault> {
    let is_good = !name.is_empty() && check_text(name, MAX_NAME_CHARS);
    is_good.then_some(()).ok_or(BridgeFault::Name(field))
}

fn check_text(text: &str, max_chars: usize) -> bool {
    text.chars().count() <= max_chars && visible::check(text).is_ok()
}

fn at_most(count: usize, most: usize, what: &'static str) -> Result<(), BridgeFault> {
    (count <= most).then_some(()).ok_or(BridgeFault::TooMany { what, most })
}

/// Checks that all cookies are the site's own.
///
/// # Errors
/// [`BridgeFault::OtherSite`].
pub fn check_owned<'a>(
    site: &Site,
    cookies: impl IntoIterator<Item = &'a Cookie>,
) -> Result<(), BridgeFault> {
    let are_owned = cookies.into_iter().all(|cookie| site.owns(cookie.host()));
    are_owned.then_some(()).ok_or_else(|| BridgeFault::OtherSite(site.id().to_owned()))
}

/// Checks origin storage, and that all origins are the site's own.
///
/// # Errors
/// [`BridgeFault::Storage`] or [`BridgeFault::OtherOrigin`].
pub fn check_origins(site: &Site, origins: &[OriginStorage]) -> Result<(), BridgeFault> {
    origin_storage::check(origins)?;
    let foreign = origins.iter().position(|storage| !site.owns(storage.host()));
    foreign.map_or(Ok(()), |index| Err(BridgeFault::OtherOrigin { index, site: site.id().to_owned() }))
}

/// Checks a browser's user agent, which becomes a request header and a line of a file.
///
/// # Errors
/// [`BridgeFault::UserAgent`].
pub fn check_user_agent(user_agent: &str) -> Result<(), BridgeFault> {
    check_text(user_agent, MAX_USER_AGENT_CHARS).then_some(()).ok_or(BridgeFault::UserAgent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::MAX_ANSWER_BYTES;
    use serde_json::{Value, json};

    fn suffixes() -> &'static PublicSuffixes<'static> {
        PublicSuffixes::built_in()
    }

    fn cookie(domain: &str) -> Value {
        json!({"name": "n", "value": "planted", "domain": domain})
    }

    fn hand_over(domain: &str, count: usize) -> HandOver {
        let cookies = vec![cookie(domain); count];
        let json =
            json!({"hand_over": "h", "label": "", "expires": null, "write_back": false, "cookies": cookies});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn refuses_a_hand_over_with_another_sites_cookies() {
        assert_eq!(hand_over(".instagram.com", 1).check("instagram", suffixes()), Ok(()));
        for domain in [".example.org", "evilinstagram.com", "instagram.com.evil.org"] {
            let fault = hand_over(domain, 1).check("instagram", suffixes()).unwrap_err();
            assert_eq!(fault, BridgeFault::OtherSite("instagram".to_owned()), "{domain}");
        }
        let fault = hand_over(".instagram.com", MAX_COOKIES + 1).check("instagram", suffixes()).unwrap_err();
        assert_eq!(fault.to_string(), "at most 1000 cookies are allowed");
    }

    #[test]
    fn refuses_a_hand_over_for_a_public_suffix() {
        for platform in ["com", "co.uk", "github.io"] {
            let fault = hand_over(&format!(".example.{platform}"), 1).check(platform, suffixes());
            assert_eq!(fault, Err(PlatformFault::PublicSuffix(platform.to_owned()).into()));
            let question = Question::Cookies { platform: platform.to_owned(), storage: false };
            assert!(question.check(suffixes()).is_err(), "{platform}");
        }
        assert!(hand_over("localhost", 1).check("localhost", suffixes()).is_ok());
        assert!(hand_over("app.localhost", 1).check("localhost", suffixes()).is_err());
    }

    #[test]
    fn names_a_bad_cookies_fault_without_its_value() {
        let bad = json!({"name": "n", "value": "planted\n", "domain": ".instagram.com"});
        let json =
            json!({"hand_over": "h", "label": "", "expires": null, "write_back": false, "cookies": [bad]});
        let fault = serde_json::from_value::<HandOver>(json).unwrap_err().to_string();
        assert!(fault.contains("value holds a control character") && !fault.contains("planted"), "{fault}");
    }

    #[test]
    fn a_hand_over_without_storage_is_as_before() {
        let cookies_alone = hand_over(".instagram.com", 1);
        assert!(cookies_alone.origins.is_empty() && cookies_alone.user_agent.is_none());
        let json = serde_json::to_value(&cookies_alone).unwrap();
        assert!(json.get("origins").is_none() && json.get("user_agent").is_none(), "{json}");
        let allowed = json!({"platform": "x", "label": "", "write_back": true});
        assert!(!serde_json::from_value::<Allowed>(allowed).unwrap().storage);
    }

    #[test]
    fn refuses_a_hand_over_with_another_sites_storage_or_a_bad_user_agent() {
        let with = |origin: &str, user_agent: &str| {
            let entry = json!({"name": "n", "value": "planted"});
            let mut json = serde_json::to_value(hand_over(".instagram.com", 1)).unwrap();
            json["origins"] = json!([{"origin": origin, "localStorage": [entry]}]);
            json["user_agent"] = user_agent.into();
            let hand_over: HandOver = serde_json::from_value(json).map_err(|fault| fault.to_string())?;
            hand_over.check("instagram", suffixes()).map_err(|fault| fault.to_string())
        };
        assert_eq!(with("https://www.instagram.com", "UA"), Ok(()));
        for origin in ["https://example.org", "https://evilinstagram.com", "https://instagram.com.evil.org"] {
            let fault = with(origin, "UA").unwrap_err();
            assert_eq!(fault, "origins[0]: this origin does not belong to instagram", "{origin}");
        }
        let fault = with("planted", "UA").unwrap_err();
        assert!(fault.contains("origin must be") && !fault.contains("planted"), "{fault}");
        for user_agent in ["UA\r\nX: y".to_owned(), "u".repeat(MAX_USER_AGENT_CHARS + 1)] {
            let fault = with("https://instagram.com", &user_agent).unwrap_err();
            assert!(fault.starts_with("user_agent must have at most 1024 characters"), "{fault}");
        }
    }

    #[test]
    fn relays_a_question_with_an_id_and_a_program() {
        let question: Question = serde_json::from_value(json!({"type": "cookies", "platform": "x"})).unwrap();
        let relayed = RelayedQuestion { id: 7, program: "sh".to_owned(), question };
        let json = json!({"id": 7, "program": "sh", "type": "cookies", "platform": "x"});
        assert_eq!(serde_json::to_value(relayed).unwrap(), json);
        let relayed: RelayedQuestion = serde_json::from_value(json).unwrap();
        assert_eq!((relayed.id, relayed.question.platform()), (7, "x"));
        let with_storage = Question::Cookies { platform: "x".to_owned(), storage: true };
        let json = json!({"type": "cookies", "platform": "x", "storage": true});
        assert_eq!(serde_json::to_value(with_storage).unwrap(), json);
    }

    #[test]
    fn refuses_a_question_about_another_sites_cookies() {
        let write_back = |domain: &str, count: usize| Question::WriteBack {
            platform: "instagram".to_owned(),
            hand_over: "h".to_owned(),
            replacements: serde_json::from_value(json!(vec![
                json!({"cookie": cookie(domain), "was": "old"});
                count
            ]))
            .unwrap(),
        };
        assert_eq!(write_back(".instagram.com", MAX_REPLACEMENTS).check(suffixes()), Ok(()));
        assert!(write_back(".instagram.com", MAX_REPLACEMENTS + 1).check(suffixes()).is_err());
        assert!(write_back(".example.org", 1).check(suffixes()).is_err());
        assert!(!format!("{:?}", write_back(".instagram.com", 1)).contains("planted"));
        let question = Question::Cookies { platform: "../x".to_owned(), storage: true };
        assert_eq!(question.check(suffixes()), Err(PlatformFault::Malformed.into()));
    }

    #[test]
    fn the_largest_write_back_fits_into_a_browsers_message_limit() {
        let long = "\\".repeat(MAX_NAME_VALUE_BYTES - 1);
        let domain = format!(".{}instagram.com", "a".repeat(59) + "." + &"b.".repeat(60));
        let cookie = json!({"name": "n", "value": long, "domain": domain, "expires": 253_370_764_800_i64,
            "path": format!("/{}", "\"".repeat(1023)), "sameSite": "strict", "hostOnly": false});
        let replacement = |was: &str| json!({"cookie": cookie, "was": was});
        let question = |was: &str| Question::WriteBack {
            platform: "instagram".to_owned(),
            hand_over: "h".repeat(MAX_NAME_CHARS),
            replacements: serde_json::from_value(json!(vec![replacement(was); MAX_REPLACEMENTS])).unwrap(),
        };
        let largest = question(&format!("{long}\\"));
        assert_eq!(largest.check(suffixes()), Ok(()));
        let relayed =
            RelayedQuestion { id: u32::MAX, program: "p".repeat(MAX_NAME_CHARS), question: largest };
        assert!(serde_json::to_vec(&relayed).unwrap().len() <= MAX_ANSWER_BYTES);
        assert!(question(&format!("{long}\\\\")).check(suffixes()).is_err());
    }

    #[test]
    fn refuses_an_announcement_over_its_limits() {
        let allowed =
            Allowed { platform: "x".to_owned(), label: String::new(), write_back: false, storage: false };
        let good = Announcement {
            browser: "Chromium".to_owned(),
            profile: "work".to_owned(),
            platforms: vec![allowed.clone(); MAX_PLATFORMS],
        };
        assert_eq!(good.check(), Ok(()));
        for bad in [
            Announcement { browser: String::new(), ..good.clone() },
            Announcement { profile: "a\u{1b}[2J".to_owned(), ..good.clone() },
            Announcement { profile: "a\u{202e}b".to_owned(), ..good.clone() },
            Announcement { profile: "a".repeat(MAX_NAME_CHARS + 1), ..good.clone() },
            Announcement { platforms: vec![allowed.clone(); MAX_PLATFORMS + 1], ..good.clone() },
            Announcement {
                platforms: vec![Allowed { platform: "X".to_owned(), ..allowed.clone() }],
                ..good.clone()
            },
            Announcement { platforms: vec![Allowed { label: "\n".to_owned(), ..allowed }], ..good.clone() },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
