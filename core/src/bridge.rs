//! Fresh cookies from a browser that runs: what a program, the native host that
//! the browser keeps running, and the extension say to each other.
//!
//! A program asks a [`Question`] of the host, which hands it on to the
//! extension as [`Asked`]; the extension's [`crate::host::Answer`] carries a
//! [`HandOver`] or a [`WrittenBack`].

use crate::cookie::{Cookie, MAX_COOKIES, MAX_NAME_VALUE_BYTES, serialize_exposed};
use crate::host::MAX_LABEL_CHARS;
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
/// The most cookies that are given back in one message: however they are
/// escaped, they fit into what a browser takes.
pub const MAX_REPLACEMENTS: usize = 48;

/// Which browser it is, and what it may hand over: the extension tells the host
/// with `listen`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Such as `Chromium`.
    pub browser: String,
    /// Tells several profiles of one browser apart.
    pub profile: String,
    /// What the person has allowed.
    pub platforms: Vec<Allowed>,
}

/// A platform whose cookies may be handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// The platform identifier.
    pub platform: String,
    /// Which account, as with an export; may be empty.
    pub label: String,
    /// Whether cookies may also come back into the browser.
    pub write_back: bool,
}

/// What is wrong with a message. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BridgeFault {
    /// A text that is too long, or holds what can't be seen.
    #[error("{0} must have at most {MAX_NAME_CHARS} characters, none of them a control or invisible one")]
    Name(&'static str),
    /// A label that no export may have.
    #[error("label must have at most {MAX_LABEL_CHARS} characters, none of them a control or invisible one")]
    Label,
    /// No platform, or one that can't be handed over.
    #[error(transparent)]
    Platform(#[from] PlatformFault),
    /// Too much of something.
    #[error("{what} must be at most {most}")]
    TooMany {
        /// Of what, in the plural.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// A cookie that is not the platform's.
    #[error("a cookie of another site than {0} was given")]
    OtherSite(String),
}

impl Announcement {
    /// Holds every part against its limit.
    ///
    /// # Errors
    /// The first [`BridgeFault`] found.
    pub fn check(&self) -> Result<(), BridgeFault> {
        check_name(&self.browser, "browser")?;
        check_name(&self.profile, "profile")?;
        at_most(self.platforms.len(), MAX_PLATFORMS, "platforms")?;
        self.platforms.iter().try_for_each(|allowed| {
            // Only the form: one platform that is refused now must not take the others
            // with it. `Question::check` keeps it from being handed over.
            check_platform_id(&allowed.platform)?;
            check_text(&allowed.label, MAX_LABEL_CHARS).then_some(()).ok_or(BridgeFault::Label)
        })
    }
}

/// What a program asks of the extension, through the host.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Question {
    /// The platform's cookies, as the browser has them now.
    Cookies {
        /// The platform identifier.
        platform: String,
    },
    /// To put back what the platform replaced while the cookies were in use.
    WriteBack {
        /// The platform identifier.
        platform: String,
        /// The [`HandOver::hand_over`] that the cookies came with.
        hand_over: String,
        /// What was replaced.
        replacements: Vec<Replacement>,
    },
}

/// A cookie that the platform has replaced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replacement {
    /// As it is now.
    pub cookie: Cookie,
    /// The value that was handed over: where the browser has another one by
    /// now, its own is newer and stays.
    #[serde(serialize_with = "serialize_exposed")]
    pub was: SecretString,
}

impl Question {
    /// The platform that it is about.
    #[must_use]
    pub fn platform(&self) -> &str {
        match self {
            Self::Cookies { platform } | Self::WriteBack { platform, .. } => platform,
        }
    }

    /// Holds every part against its limit.
    ///
    /// # Errors
    /// The first [`BridgeFault`] found.
    pub fn check(&self, suffixes: &PublicSuffixes<'_>) -> Result<(), BridgeFault> {
        let site = Site::of_id(self.platform(), suffixes)?;
        if let Self::WriteBack { hand_over, replacements, .. } = self {
            check_name(hand_over, "hand_over")?;
            at_most(replacements.len(), MAX_REPLACEMENTS, "replacements")?;
            check_owned(&site, replacements.iter().map(|replacement| &replacement.cookie))?;
            // Only measured: a browser holds no longer value.
            let longest = replacements.iter().map(|replacement| replacement.was.expose_secret().len()).max();
            at_most(longest.unwrap_or_default(), MAX_NAME_VALUE_BYTES, "bytes of a value")?;
        }
        Ok(())
    }
}

/// A [`Question`] as the host sends it to the extension.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asked {
    /// The host's own; the answer repeats it.
    pub id: u32,
    /// What the asking program is called, for information alone.
    #[serde(default)]
    pub program: String,
    /// The question.
    #[serde(flatten)]
    pub question: Question,
}

/// The extension's answer to [`Question::Cookies`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HandOver {
    /// Names this hand-over, for [`Question::WriteBack`].
    pub hand_over: String,
    /// Which account, as with an export; may be empty.
    pub label: String,
    /// When the session ends, Unix seconds.
    pub expires: Option<i64>,
    /// Whether cookies may come back into the browser.
    pub write_back: bool,
    /// The cookies.
    pub cookies: Vec<Cookie>,
}

impl HandOver {
    /// Holds every part against its limit, and each cookie against `platform`.
    ///
    /// # Errors
    /// The first [`BridgeFault`] found.
    pub fn check(&self, platform: &str, suffixes: &PublicSuffixes<'_>) -> Result<(), BridgeFault> {
        check_name(&self.hand_over, "hand_over")?;
        check_text(&self.label, MAX_LABEL_CHARS).then_some(()).ok_or(BridgeFault::Label)?;
        at_most(self.cookies.len(), MAX_COOKIES, "cookies")?;
        check_owned(&Site::of_id(platform, suffixes)?, &self.cookies)
    }
}

/// The extension's answer to [`Question::WriteBack`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenBack {
    /// How many cookies the browser has now.
    pub written: usize,
    /// How many are newer in the browser, or gone from it.
    pub changed_meanwhile: usize,
    /// How many had not been handed over, or the browser did not take.
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

/// Whether all cookies are the platform's own.
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
    fn a_hand_over_holds_the_platforms_own_cookies_alone() {
        assert_eq!(hand_over(".instagram.com", 1).check("instagram", suffixes()), Ok(()));
        for domain in [".example.org", "evilinstagram.com", "instagram.com.evil.org"] {
            let fault = hand_over(domain, 1).check("instagram", suffixes()).unwrap_err();
            assert_eq!(fault, BridgeFault::OtherSite("instagram".to_owned()), "{domain}");
        }
        let fault = hand_over(".instagram.com", MAX_COOKIES + 1).check("instagram", suffixes()).unwrap_err();
        assert_eq!(fault.to_string(), "cookies must be at most 1000");
    }

    #[test]
    fn nothing_is_handed_over_of_a_public_suffix() {
        for platform in ["com", "co.uk", "github.io"] {
            let fault = hand_over(&format!(".example.{platform}"), 1).check(platform, suffixes());
            assert_eq!(fault, Err(PlatformFault::PublicSuffix(platform.to_owned()).into()));
            let question = Question::Cookies { platform: platform.to_owned() };
            assert!(question.check(suffixes()).is_err(), "{platform}");
        }
        assert!(hand_over("localhost", 1).check("localhost", suffixes()).is_ok());
        assert!(hand_over("app.localhost", 1).check("localhost", suffixes()).is_err());
    }

    #[test]
    fn a_bad_cookie_in_a_message_is_named_without_its_value() {
        let bad = json!({"name": "n", "value": "planted\n", "domain": ".instagram.com"});
        let json =
            json!({"hand_over": "h", "label": "", "expires": null, "write_back": false, "cookies": [bad]});
        let fault = serde_json::from_value::<HandOver>(json).unwrap_err().to_string();
        assert!(fault.contains("value holds a control character") && !fault.contains("planted"), "{fault}");
    }

    #[test]
    fn a_question_goes_to_the_extension_with_an_id_and_a_program() {
        let question: Question = serde_json::from_value(json!({"type": "cookies", "platform": "x"})).unwrap();
        let asked = Asked { id: 7, program: "sh".to_owned(), question };
        let json = json!({"id": 7, "program": "sh", "type": "cookies", "platform": "x"});
        assert_eq!(serde_json::to_value(asked).unwrap(), json);
        let asked: Asked = serde_json::from_value(json).unwrap();
        assert_eq!((asked.id, asked.question.platform()), (7, "x"));
    }

    #[test]
    fn a_question_is_about_a_platform_and_its_own_cookies() {
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
        let question = Question::Cookies { platform: "../x".to_owned() };
        assert_eq!(question.check(suffixes()), Err(PlatformFault::Malformed.into()));
    }

    #[test]
    fn the_largest_write_back_fits_into_what_a_browser_takes() {
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
        let asked = Asked { id: u32::MAX, program: "p".repeat(MAX_NAME_CHARS), question: largest };
        assert!(serde_json::to_vec(&asked).unwrap().len() <= MAX_ANSWER_BYTES);
        assert!(question(&format!("{long}\\\\")).check(suffixes()).is_err());
    }

    #[test]
    fn an_announcement_has_limits() {
        let allowed = Allowed { platform: "x".to_owned(), label: String::new(), write_back: false };
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
