//! Netscape cookie files that yt-dlp, curl and Python's `MozillaCookieJar` read back as the
//! same cookies.
//!
//! The format has no specification, so this module writes what these three readers agree on:
//! seven fields separated by tabs (domain, whether hosts below it are included, path, https
//! only, expiry, name, value). It reads as leniently as they do.

mod read;

pub use read::{BadLine, CookieFile, LineFault, NoCookie, read};

use crate::cookie::{Cookie, CookieKey};
use crate::visible::{MAX_SHOWN_CHARS, printable_start};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use thiserror::Error;

/// The first line of every file.
pub const HEADER: &str = "# Netscape HTTP Cookie File";
/// The prefix of an `HttpOnly` cookie's domain.
const HTTP_ONLY_PREFIX: &str = "#HttpOnly_";
/// curl skips longer lines.
const MAX_CURL_LINE_BYTES: usize = 4999;

/// How a file marks the cookies that are `HttpOnly`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The line starts with `#HttpOnly_`, as yt-dlp, curl and Python read it.
    HttpOnlyPrefix,
    /// Nothing marks them: wget reads lines with `#HttpOnly_` as comments.
    Plain,
}

/// Something that the file can't contain or a reader doesn't see.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Loss {
    /// `SameSite` has no field.
    #[error("the SameSite attribute of {0} cookies is not in the file")]
    SameSite(usize),
    /// The plain dialect does not say which cookies are `HttpOnly`.
    #[error("the HttpOnly attribute of {0} cookies is not in the file")]
    HttpOnly(usize),
    /// A later cookie has the same key, and the file contains only that one. The index is
    /// the earlier cookie's.
    #[error("a later cookie replaces cookie {0}")]
    Duplicate(usize),
    /// curl skips lines of 5,000 bytes or more. The index is the cookie's.
    #[error("curl skips cookie {0}, because its line is too long")]
    TooLongForCurl(usize),
    /// curl ignores case in names and paths, and a slash or quotation mark at the end of a
    /// path, so it replaces this cookie (by index) with a later one.
    #[error("curl replaces cookie {0} with a later one")]
    ReplacedInCurl(usize),
    /// yt-dlp sends headers in Latin-1 and fails with such a cookie, so it is not in the
    /// file. The text is the cookie's printable name.
    #[error("the cookie {0} has characters that yt-dlp can't send, so it is not in the file")]
    NotLatin1(String),
    /// Python looks up the cookies of `localhost`, as of every host without a dot, under
    /// `localhost.local`. The text is the cookie's printable name.
    #[error("yt-dlp and Python don't send the cookie {0}, because its host has no dot")]
    HostWithoutDot(String),
}

impl Loss {
    /// Whether yt-dlp misses a cookie, and not only an attribute that it doesn't use.
    #[must_use]
    pub fn is_of_yt_dlp(&self) -> bool {
        matches!(self, Self::NotLatin1(_) | Self::HostWithoutDot(_))
    }
}

/// A cookie file and what was lost in it.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The whole file.
    pub text: SecretString,
    /// How many cookies are in it.
    pub cookie_count: usize,
    /// Empty if nothing is lost.
    pub losses: Vec<Loss>,
}

/// Writes a cookie file. The cookies must be valid ([`Cookie::check`]).
#[must_use]
pub fn render(cookies: &[Cookie], dialect: Dialect) -> Rendered {
    let mut text = format!("{HEADER}\n");
    let mut losses = Vec::new();
    let duplicates = replaced(cookies.iter().map(Some), Cookie::key);
    let is_for_python = dialect == Dialect::HttpOnlyPrefix;
    let mut cookie_count = 0;
    let mut read_by_curl = vec![None; cookies.len()];
    for (index, cookie) in cookies.iter().enumerate().filter(|(index, _)| !duplicates[*index]) {
        if is_for_python && !is_latin1(cookie) {
            losses.push(Loss::NotLatin1(printable_start(&cookie.name, MAX_SHOWN_CHARS)));
            continue;
        }
        if is_for_python && !cookie.host().contains('.') {
            losses.push(Loss::HostWithoutDot(printable_start(&cookie.name, MAX_SHOWN_CHARS)));
        }
        cookie_count += 1;
        let start = text.len();
        render_line(&mut text, cookie, dialect);
        if text.len() - start > MAX_CURL_LINE_BYTES {
            losses.push(Loss::TooLongForCurl(index));
        } else {
            read_by_curl[index] = Some(cookie);
        }
    }
    losses.extend(marked(&replaced(read_by_curl, curl_key)).map(Loss::ReplacedInCurl));
    losses.extend(marked(&duplicates).map(Loss::Duplicate));
    let count = |has: fn(&Cookie) -> bool| cookies.iter().filter(|cookie| has(cookie)).count();
    let same_site = count(|cookie| cookie.same_site.is_some());
    if same_site > 0 {
        losses.push(Loss::SameSite(same_site));
    }
    let http_only = count(|cookie| cookie.http_only);
    if http_only > 0 && dialect == Dialect::Plain {
        losses.push(Loss::HttpOnly(http_only));
    }
    Rendered { text: text.into(), cookie_count, losses }
}

fn render_line(text: &mut String, cookie: &Cookie, dialect: Dialect) {
    let prefix = if cookie.http_only && dialect == Dialect::HttpOnlyPrefix { HTTP_ONLY_PREFIX } else { "" };
    let dot = if cookie.is_host_only() { "" } else { "." };
    // The value leaves its wrapper: the file is meant to contain it.
    let _ = writeln!(
        text,
        "{prefix}{dot}{}\t{}\t{}\t{}\t{}\t{}\t{}",
        cookie.host(),
        capitals(!cookie.is_host_only()),
        cookie.path,
        capitals(cookie.secure),
        cookie.expires.unwrap_or(0),
        cookie.name,
        cookie.value.expose_secret(),
    );
}

/// Whether a cookie can be sent in a Latin-1 header (ISO/IEC 8859-1).
// Decision: docs/decisions/capture.md#a-cookie-outside-latin-1-is-left-out-of-cookie-files
fn is_latin1(cookie: &Cookie) -> bool {
    // The value is only inspected.
    [&cookie.name, cookie.value.expose_secret()].iter().all(|text| text.chars().all(|c| c <= '\u{ff}'))
}

/// Marks the cookies that a later one replaces, for a reader that identifies cookies by `key`
/// and doesn't see those that are `None`.
fn replaced<'a>(
    cookies: impl IntoIterator<Item = Option<&'a Cookie>>,
    key: fn(&'a Cookie) -> CookieKey<'a>,
) -> Vec<bool> {
    let mut last = BTreeMap::new();
    let mut marks = Vec::new();
    for (index, cookie) in cookies.into_iter().enumerate() {
        marks.push(false);
        if let Some(former) = cookie.and_then(|cookie| last.insert(key(cookie), index)) {
            marks[former] = true;
        }
    }
    marks
}

/// The indices of the marked cookies.
fn marked(marks: &[bool]) -> impl Iterator<Item = usize> {
    marks.iter().enumerate().filter_map(|(index, is_marked)| is_marked.then_some(index))
}

/// curl ignores case, and at the end of a path a slash and a quotation mark after it.
fn curl_key(cookie: &Cookie) -> CookieKey<'_> {
    let path = cookie.path.strip_suffix('"').unwrap_or(&cookie.path);
    let path = path.strip_suffix('/').unwrap_or(path).to_ascii_lowercase();
    CookieKey { path: path.into(), name: cookie.name.to_ascii_lowercase().into(), ..cookie.key() }
}

fn capitals(flag: bool) -> &'static str {
    if flag { "TRUE" } else { "FALSE" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cookie(change: &serde_json::Value) -> Cookie {
        let mut base = json!({"name": "n", "value": "v", "domain": ".example.org"});
        for (key, value) in change.as_object().unwrap() {
            base[key] = value.clone();
        }
        Cookie::from_json(base).unwrap()
    }

    #[test]
    fn writes_each_field_as_readers_expect_it() {
        let cookies = [
            cookie(&json!({"httpOnly": true, "secure": true, "expires": 1_900_000_000})),
            cookie(&json!({"domain": "www.example.org", "path": "/a", "value": ""})),
            cookie(&json!({"domain": "example.org", "hostOnly": false, "name": "dotless"})),
        ];
        let rendered = render(&cookies, Dialect::HttpOnlyPrefix);
        assert_eq!(
            rendered.text.expose_secret(),
            "# Netscape HTTP Cookie File\n\
             #HttpOnly_.example.org\tTRUE\t/\tTRUE\t1900000000\tn\tv\n\
             www.example.org\tFALSE\t/a\tFALSE\t0\tn\t\n\
             .example.org\tTRUE\t/\tFALSE\t0\tdotless\tv\n"
        );
        assert_eq!(rendered.losses, []);
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let cookies = [
            cookie(&json!({"httpOnly": true, "hostOnly": false, "expires": 1_900_000_000})),
            cookie(&json!({"domain": "www.example.org", "hostOnly": true, "value": ""})),
        ];
        let text = render(&cookies, Dialect::HttpOnlyPrefix).text;
        for text in [text.expose_secret(), &text.expose_secret().replace('\n', "\r\n")] {
            let file = read(text);
            assert_eq!((file.cookies, file.left_out), (cookies.to_vec(), vec![]));
        }
    }

    #[test]
    fn reports_what_the_file_cannot_contain() {
        let cookies = [
            cookie(&json!({"path": "/Videos\"", "sameSite": "lax"})),
            cookie(&json!({"path": "/videos/", "name": "N", "httpOnly": true})),
            cookie(
                &json!({"name": "long", "value": "v".repeat(4000), "path": format!("/{}", "p".repeat(1000))}),
            ),
        ];
        let losses = render(&cookies, Dialect::Plain).losses;
        assert_eq!(
            losses,
            [Loss::TooLongForCurl(2), Loss::ReplacedInCurl(0), Loss::SameSite(1), Loss::HttpOnly(1)]
        );
    }

    #[test]
    fn writes_the_last_of_cookies_with_one_key_and_reports_the_others() {
        let cookies = [
            cookie(&json!({"value": "old", "domain": ".Example.ORG"})),
            cookie(&json!({"value": "new", "domain": ".example.org"})),
        ];
        let rendered = render(&cookies, Dialect::HttpOnlyPrefix);
        assert_eq!(rendered.losses, [Loss::Duplicate(0)]);
        let file = read(rendered.text.expose_secret());
        assert_eq!(file.cookies[0].value.expose_secret(), "new");
        assert_eq!(file.left_out, []);
    }

    #[test]
    fn leaves_out_and_reports_cookies_that_yt_dlp_cannot_send() {
        let cookies = [
            cookie(&json!({"name": "city", "value": "東京"})),
            cookie(&json!({"name": "latin", "value": "é"})),
            cookie(&json!({"name": "local", "domain": "localhost"})),
            cookie(&json!({"name": "address", "domain": "127.0.0.1"})),
            cookie(&json!({"name": "v6", "domain": "[::1]"})),
        ];
        let rendered = render(&cookies, Dialect::HttpOnlyPrefix);
        let without_dot = |name: &str| Loss::HostWithoutDot(name.to_owned());
        assert_eq!(
            rendered.losses,
            [Loss::NotLatin1("city".to_owned()), without_dot("local"), without_dot("v6")]
        );
        let written = read(rendered.text.expose_secret()).cookies;
        assert_eq!(written.len(), rendered.cookie_count);
        let names: Vec<_> = written.iter().map(|cookie| cookie.name.as_str()).collect();
        assert_eq!(names, ["latin", "local", "address", "v6"]);
        // wget sends both.
        assert_eq!(render(&cookies, Dialect::Plain).losses, []);
    }
}
