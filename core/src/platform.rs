//! The catalogue of platforms: whose cookies belong to a session, which of
//! them prove a login, where to log in, and what a platform needs besides.

use serde::Serialize;

/// One platform of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct Platform {
    /// The identifier on the wire, lower case.
    pub id: &'static str,
    /// The name that people know it by.
    pub name: &'static str,
    /// The domains whose cookies, and whose subdomains' cookies, belong to a session.
    pub domains: &'static [&'static str],
    /// The cookies that prove a login, all of them. Empty where no cookie
    /// does: such a platform keeps its login in the page's localStorage.
    pub login_cookies: &'static [LoginCookie],
    /// Further cookies without which a session ends, and that the platform
    /// replaces while somebody is logged in.
    pub rotating_cookies: &'static [&'static str],
    /// The cookie whose value is the account's own, whichever session it has.
    pub account_cookie: Option<&'static str>,
    /// The page to log in at.
    pub login_url: &'static str,
    /// Whether yt-dlp has an extractor for it.
    pub yt_dlp: bool,
    /// What it needs beside cookies, as a key of the extension's messages.
    pub advice: Option<Advice>,
}

/// A cookie that is there only while somebody is logged in.
#[derive(Debug, PartialEq, Eq)]
pub struct LoginCookie {
    /// The cookie's name.
    pub name: &'static str,
    /// The value that it must have, where its presence alone proves nothing.
    pub value: Option<&'static str>,
}

/// What a platform needs beside its cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// Requests must carry the capturing browser's user agent (and `x-bc` from
    /// the page's localStorage), else the platform ends the session.
    SameUserAgent,
    /// Cookies rotate while a tab stays open: capture in a private window and
    /// close it afterwards.
    PrivateWindow,
    /// The login is kept in localStorage, which a capture does not read.
    LocalStorage,
}

const fn named<const N: usize>(names: [&'static str; N]) -> [LoginCookie; N] {
    let mut cookies = [const { LoginCookie { name: "", value: None } }; N];
    let mut index = 0;
    while index < N {
        cookies[index].name = names[index];
        index += 1;
    }
    cookies
}

/// Every platform that Stagepass knows, in alphabetical order of their ids.
pub static CATALOGUE: &[Platform] = &[
    Platform {
        id: "bluesky",
        name: "Bluesky",
        domains: &["bsky.app"],
        login_cookies: &[],
        rotating_cookies: &[],
        account_cookie: None,
        login_url: "https://bsky.app/",
        yt_dlp: true,
        advice: Some(Advice::LocalStorage),
    },
    Platform {
        id: "facebook",
        name: "Facebook",
        domains: &["facebook.com"],
        login_cookies: &named(["c_user", "xs"]),
        rotating_cookies: &[],
        account_cookie: Some("c_user"),
        login_url: "https://www.facebook.com/login",
        yt_dlp: true,
        advice: None,
    },
    Platform {
        id: "fansly",
        name: "Fansly",
        domains: &["fansly.com"],
        login_cookies: &[],
        rotating_cookies: &[],
        account_cookie: None,
        login_url: "https://fansly.com/",
        yt_dlp: false,
        advice: Some(Advice::LocalStorage),
    },
    Platform {
        id: "instagram",
        name: "Instagram",
        domains: &["instagram.com"],
        login_cookies: &named(["sessionid", "ds_user_id"]),
        rotating_cookies: &[],
        account_cookie: Some("ds_user_id"),
        login_url: "https://www.instagram.com/accounts/login/",
        yt_dlp: true,
        advice: None,
    },
    Platform {
        id: "linkedin",
        name: "LinkedIn",
        domains: &["linkedin.com"],
        login_cookies: &named(["li_at"]),
        rotating_cookies: &["JSESSIONID"],
        account_cookie: None,
        login_url: "https://www.linkedin.com/login",
        yt_dlp: true,
        advice: None,
    },
    Platform {
        id: "onlyfans",
        name: "OnlyFans",
        domains: &["onlyfans.com"],
        login_cookies: &named(["sess", "auth_id"]),
        rotating_cookies: &[],
        account_cookie: Some("auth_id"),
        login_url: "https://onlyfans.com/",
        yt_dlp: false,
        advice: Some(Advice::SameUserAgent),
    },
    Platform {
        id: "patreon",
        name: "Patreon",
        domains: &["patreon.com"],
        login_cookies: &named(["session_id"]),
        rotating_cookies: &[],
        account_cookie: None,
        login_url: "https://www.patreon.com/login",
        yt_dlp: true,
        advice: None,
    },
    Platform {
        id: "pinterest",
        name: "Pinterest",
        domains: &["pinterest.com"],
        login_cookies: &[LoginCookie { name: "_auth", value: Some("1") }],
        rotating_cookies: &["_pinterest_sess"],
        account_cookie: None,
        login_url: "https://www.pinterest.com/login/",
        yt_dlp: true,
        advice: None,
    },
    Platform {
        id: "reddit",
        name: "Reddit",
        domains: &["reddit.com"],
        login_cookies: &named(["reddit_session"]),
        rotating_cookies: &["token_v2"],
        account_cookie: None,
        login_url: "https://www.reddit.com/login/",
        yt_dlp: true,
        advice: None,
    },
    Platform {
        id: "soundcloud",
        name: "SoundCloud",
        domains: &["soundcloud.com"],
        login_cookies: &named(["oauth_token"]),
        rotating_cookies: &[],
        account_cookie: None,
        login_url: "https://soundcloud.com/signin",
        yt_dlp: true,
        advice: None,
    },
    Platform {
        id: "threads",
        name: "Threads",
        domains: &["threads.com", "threads.net"],
        login_cookies: &named(["sessionid"]),
        rotating_cookies: &[],
        account_cookie: Some("ds_user_id"),
        login_url: "https://www.threads.com/login",
        yt_dlp: false,
        advice: None,
    },
    Platform {
        id: "tiktok",
        name: "TikTok",
        domains: &["tiktok.com"],
        login_cookies: &named(["sessionid"]),
        rotating_cookies: &["sid_tt", "sid_guard"],
        account_cookie: None,
        login_url: "https://www.tiktok.com/login",
        yt_dlp: true,
        advice: None,
    },
    Platform {
        id: "twitch",
        name: "Twitch",
        domains: &["twitch.tv"],
        login_cookies: &named(["auth-token"]),
        rotating_cookies: &[],
        account_cookie: None,
        login_url: "https://www.twitch.tv/login",
        yt_dlp: true,
        advice: None,
    },
    Platform {
        id: "vimeo",
        name: "Vimeo",
        domains: &["vimeo.com"],
        login_cookies: &named(["vimeo"]),
        rotating_cookies: &[],
        account_cookie: None,
        login_url: "https://vimeo.com/log_in",
        yt_dlp: true,
        advice: None,
    },
    Platform {
        id: "x",
        name: "X",
        domains: &["x.com", "twitter.com"],
        login_cookies: &named(["auth_token", "ct0"]),
        rotating_cookies: &[],
        account_cookie: Some("twid"),
        login_url: "https://x.com/i/flow/login",
        yt_dlp: true,
        advice: None,
    },
    Platform {
        id: "youtube",
        name: "YouTube",
        domains: &["youtube.com"],
        login_cookies: &named(["LOGIN_INFO", "SAPISID"]),
        rotating_cookies: &["__Secure-1PSID", "__Secure-1PSIDTS", "__Secure-3PSID", "__Secure-3PSIDTS"],
        account_cookie: None,
        login_url: "https://accounts.google.com/ServiceLogin?service=youtube",
        yt_dlp: true,
        advice: Some(Advice::PrivateWindow),
    },
];

/// What a capture is taken from: a platform of the catalogue, or a site that
/// the catalogue does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// A platform of the catalogue.
    Known(&'static Platform),
    /// A host, lower case and without `www.`, that stands for itself.
    Other(String),
}

/// The longest platform identifier.
const MAX_PLATFORM_ID_BYTES: usize = 64;

/// Whether `id` is a platform identifier: `[a-z0-9._-]{1,64}`.
#[must_use]
pub fn is_platform_id(id: &str) -> bool {
    (1..=MAX_PLATFORM_ID_BYTES).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}

impl Site {
    /// The site that `host` (a URL's host name) belongs to; `None` where it
    /// can't stand for a platform, such as an IPv6 address.
    #[must_use]
    pub fn of_host(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        // The dot of a fully qualified name is no part of it.
        let host = host.strip_suffix('.').unwrap_or(&host);
        let known =
            CATALOGUE.iter().find(|platform| platform.domains.iter().any(|domain| is_within(host, domain)));
        match known {
            Some(platform) => Some(Self::Known(platform)),
            None => Self::of_unknown_host(host.strip_prefix("www.").unwrap_or(host)),
        }
    }

    /// The site with this platform identifier; `None` where it is malformed.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        match CATALOGUE.iter().find(|platform| platform.id == id) {
            Some(platform) => Some(Self::Known(platform)),
            None => Self::of_unknown_host(id),
        }
    }

    /// A host that is called like a platform of the catalogue would be taken
    /// for it, and so can't stand for itself.
    fn of_unknown_host(host: &str) -> Option<Self> {
        let is_taken = CATALOGUE.iter().any(|platform| platform.id == host);
        (is_platform_id(host) && !host.ends_with('.') && !is_taken).then(|| Self::Other(host.to_owned()))
    }

    /// The domains above an unknown host, the nearest first: a login cookie may
    /// be set for one of them. Which of them the site's owner holds is for a
    /// person to say; what can only be a registry's, such as `co.uk`, is left out.
    #[must_use]
    pub fn alternatives(&self) -> Vec<Self> {
        let Self::Other(host) = self else { return Vec::new() };
        if is_address(host) {
            return Vec::new();
        }
        let parents = host.match_indices('.').map(|(dot, _)| &host[dot + 1..]);
        parents
            .filter(|parent| parent.contains('.') && !is_registry(parent))
            .filter(|parent| !parent.starts_with("www."))
            .filter_map(Self::of_unknown_host)
            .collect()
    }

    /// The platform identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Known(platform) => platform.id,
            Self::Other(site) => site,
        }
    }

    /// The name that people know it by.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Known(platform) => platform.name,
            Self::Other(site) => site,
        }
    }

    /// The domains whose cookies belong to a session.
    #[must_use]
    pub fn domains(&self) -> Vec<&str> {
        match self {
            Self::Known(platform) => platform.domains.to_vec(),
            Self::Other(site) => vec![site],
        }
    }

    /// The cookies that prove a login.
    #[must_use]
    pub fn login_cookies(&self) -> &'static [LoginCookie] {
        match self {
            Self::Known(platform) => platform.login_cookies,
            Self::Other(_) => &[],
        }
    }

    /// Further cookies that a session needs and that change while it lasts.
    #[must_use]
    pub fn rotating_cookies(&self) -> &'static [&'static str] {
        match self {
            Self::Known(platform) => platform.rotating_cookies,
            Self::Other(_) => &[],
        }
    }

    /// The cookie whose value is the account's own.
    #[must_use]
    pub fn account_cookie(&self) -> Option<&'static str> {
        match self {
            Self::Known(platform) => platform.account_cookie,
            Self::Other(_) => None,
        }
    }

    /// The page to log in at; a site of its own has its front page.
    #[must_use]
    pub fn login_url(&self) -> String {
        match self {
            Self::Known(platform) => platform.login_url.to_owned(),
            Self::Other(site) => format!("https://{site}/"),
        }
    }

    /// Whether a cookie of `host` (no leading dot) belongs to a session here.
    #[must_use]
    pub fn owns(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.domains().iter().any(|domain| is_within(&host, domain))
    }
}

/// Whether a host is an IPv4 address: the URL Standard takes each host for one
/// whose last label is a number.
fn is_address(host: &str) -> bool {
    host.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a domain of two labels looks like one below which a registry gives
/// out names: a short label below a country's.
fn is_registry(domain: &str) -> bool {
    domain.split_once('.').is_some_and(|(label, country)| country.len() == 2 && label.len() <= 3)
}

/// Whether `host` is `domain` or lies below it.
fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_platforms_by_host() {
        for (host, id) in [
            ("www.instagram.com", "instagram"),
            ("INSTAGRAM.com", "instagram"),
            ("mobile.twitter.com", "x"),
            ("www.example.org", "example.org"),
            ("notinstagram.com", "notinstagram.com"),
            ("instagram.com.example.org", "instagram.com.example.org"),
        ] {
            assert_eq!(Site::of_host(host).unwrap().id(), id, "{host}");
        }
        assert_eq!(Site::of_host("[::1]"), None);
    }

    #[test]
    fn a_host_that_is_called_like_a_platform_is_not_taken_for_it() {
        for host in ["x", "www.x", "instagram", "X."] {
            assert_eq!(Site::of_host(host), None, "{host}");
        }
        assert_eq!(Site::of_id("x").unwrap().name(), "X");
    }

    #[test]
    fn a_fully_qualified_name_is_the_same_site() {
        assert_eq!(Site::of_host("www.instagram.com.").unwrap().id(), "instagram");
        assert_eq!(Site::of_host("www.example.org.").unwrap().id(), "example.org");
        assert_eq!(Site::of_id("example.org."), None);
        // An identifier stays what it is.
        assert_eq!(Site::of_id("www.example.org").unwrap().id(), "www.example.org");
    }

    #[test]
    fn an_unknown_host_may_mean_each_domain_above_it_but_no_registry() {
        for (host, expected) in [
            ("a.app.example.org", &["app.example.org", "example.org"][..]),
            ("app.example.co.uk", &["example.co.uk"]),
            ("m.www.example.org", &["example.org"]),
            ("www.example.org", &[]),
            ("localhost", &[]),
            ("192.0.2.7", &[]),
            ("www.instagram.com", &[]),
        ] {
            let site = Site::of_host(host).unwrap();
            let alternatives = site.alternatives();
            assert_eq!(alternatives.iter().map(Site::id).collect::<Vec<_>>(), expected, "{host}");
        }
    }

    #[test]
    fn the_catalogue_is_sorted_and_well_formed() {
        assert!(CATALOGUE.windows(2).all(|pair| pair[0].id < pair[1].id));
        for platform in CATALOGUE {
            assert!(is_platform_id(platform.id));
            assert!(!platform.domains.is_empty() && platform.login_url.starts_with("https://"));
            let has_proof = !platform.login_cookies.is_empty();
            assert_ne!(has_proof, platform.advice == Some(Advice::LocalStorage), "{}", platform.id);
        }
    }

    #[test]
    fn a_lookalike_domain_owns_nothing() {
        let site = Site::of_id("instagram").unwrap();
        assert!(site.owns("i.instagram.com") && site.owns("instagram.com"));
        assert!(!site.owns("evilinstagram.com") && !site.owns("instagram.com.evil.org"));
    }
}
