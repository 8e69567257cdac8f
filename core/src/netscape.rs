//! Netscape cookie files, written so that yt-dlp, curl and Python's
//! `MozillaCookieJar` read back the same cookies.
//!
//! The format has no specification; what is written here is what these three
//! readers agree on. Seven fields separated by tabs: domain, whether hosts
//! below it are meant, path, https only, expiry, name, value.

use crate::cookie::{Cookie, CookieFault};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use thiserror::Error;

/// The first line of every file.
pub const HEADER: &str = "# Netscape HTTP Cookie File";
/// Stands before the domain of an `HttpOnly` cookie.
const HTTP_ONLY_PREFIX: &str = "#HttpOnly_";
/// curl passes over lines that are longer.
const MAX_CURL_LINE_BYTES: usize = 4999;

/// How `HttpOnly` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// With `#HttpOnly_`, as yt-dlp, curl and Python read it.
    HttpOnlyPrefix,
    /// Without it, for wget, which takes such lines for comments.
    Plain,
}

/// Something of a cookie that a file can't carry or a reader won't see.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Loss {
    /// `SameSite` has no field.
    #[error("the SameSite attribute of {0} cookies is not in the file")]
    SameSite(usize),
    /// The plain dialect does not say which cookies are `HttpOnly`.
    #[error("the HttpOnly attribute of {0} cookies is not in the file")]
    HttpOnly(usize),
    /// A later cookie has the same domain, path and name, and the file holds
    /// that one alone. The index is the cookie's.
    #[error("a later cookie takes the place of cookie {0}")]
    Duplicate(usize),
    /// curl reads no line of 5,000 bytes or more. The index is the cookie's.
    #[error("cookie {0} makes a line that curl passes over")]
    TooLongForCurl(usize),
    /// curl takes names and paths that differ in case, and paths that differ in
    /// a slash or a quotation mark at the end, for the same, and so replaces this
    /// cookie (by index) by a later one.
    #[error("curl reads a later cookie in place of cookie {0}")]
    ReplacedInCurl(usize),
}

/// A cookie file and what it lacks.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The whole file.
    pub text: SecretString,
    /// What it lacks; empty where nothing is lost.
    pub losses: Vec<Loss>,
}

/// Writes a cookie file. The cookies must be valid ([`Cookie::check`]).
#[must_use]
pub fn render(cookies: &[Cookie], dialect: Dialect) -> Rendered {
    let mut text = format!("{HEADER}\n");
    let mut losses = Vec::new();
    let duplicates = replaced(cookies.iter().map(Some), |cookie| {
        (cookie.host().to_owned(), cookie.path.clone(), cookie.name.clone())
    });
    let mut read_by_curl = vec![None; cookies.len()];
    for (index, cookie) in cookies.iter().enumerate().filter(|(index, _)| !duplicates[*index]) {
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
    Rendered { text: text.into(), losses }
}

fn render_line(text: &mut String, cookie: &Cookie, dialect: Dialect) {
    let prefix = if cookie.http_only && dialect == Dialect::HttpOnlyPrefix { HTTP_ONLY_PREFIX } else { "" };
    let dot = if cookie.is_host_only() { "" } else { "." };
    // The file is what this module is for: the value leaves its wrapper here.
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

/// Marks the cookies that a later one takes the place of, for a reader to whom
/// `key` (host, path and name, and whether hosts below are meant) is a cookie's
/// identity, and to whom those that are `None` are not there.
fn replaced<'a>(
    cookies: impl IntoIterator<Item = Option<&'a Cookie>>,
    key: fn(&Cookie) -> (String, String, String),
) -> Vec<bool> {
    let mut last = BTreeMap::new();
    let mut marks = Vec::new();
    for (index, cookie) in cookies.into_iter().enumerate() {
        marks.push(false);
        let former = cookie.and_then(|cookie| last.insert((key(cookie), cookie.is_host_only()), index));
        if let Some(former) = former {
            marks[former] = true;
        }
    }
    marks
}

/// The indices of what is marked.
fn marked(marks: &[bool]) -> impl Iterator<Item = usize> {
    marks.iter().enumerate().filter_map(|(index, is_marked)| is_marked.then_some(index))
}

/// curl takes no notice of case, nor of a quotation mark and then a slash at the
/// end of a path.
fn curl_key(cookie: &Cookie) -> (String, String, String) {
    let path = cookie.path.to_ascii_lowercase();
    let path = path.strip_suffix('"').unwrap_or(&path);
    let path = path.strip_suffix('/').unwrap_or(path).to_owned();
    (cookie.host().to_ascii_lowercase(), path, cookie.name.to_ascii_lowercase())
}

fn capitals(flag: bool) -> &'static str {
    if flag { "TRUE" } else { "FALSE" }
}

/// Why a text is no cookie file. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct NetscapeError {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: LineFault,
}

/// What is wrong with one line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LineFault {
    /// The first line must be [`HEADER`] (or curl's and others' shorter form of it).
    #[error("must be \"{HEADER}\"")]
    Header,
    /// Not seven fields.
    #[error("has {0} fields separated by tabs, not 7")]
    Fields(usize),
    /// The second or the fourth field is neither TRUE nor FALSE.
    #[error("{0} must be TRUE or FALSE")]
    Boolean(&'static str),
    /// The second field must be TRUE exactly when the domain begins with a dot.
    #[error("the second field and the dot before the domain disagree")]
    Dot,
    /// The expiry is no whole number.
    #[error("expires must be a whole number of seconds")]
    Expires,
    /// The cookie breaks a rule.
    #[error("{0}")]
    Cookie(#[from] CookieFault),
}

/// Reads a cookie file; `\n` and `\r\n` both end a line. Comments and empty
/// lines are passed over.
///
/// # Errors
/// The first [`NetscapeError`] found.
pub fn parse(text: &str) -> Result<Vec<Cookie>, NetscapeError> {
    parse_lines(text)?.collect()
}

/// Reads a cookie file that another program has written, which may have taken cookies
/// from anywhere: those that are no cookies of ours are left out.
///
/// # Errors
/// The first [`NetscapeError`] found that is a fault of the file's form.
pub fn parse_foreign(text: &str) -> Result<Vec<Cookie>, NetscapeError> {
    let is_unfit = |line: &Result<_, NetscapeError>| {
        line.as_ref().is_err_and(|error| matches!(error.fault, LineFault::Cookie(_) | LineFault::Expires))
    };
    parse_lines(text)?.filter(|line| !is_unfit(line)).collect()
}

/// Each cookie of a cookie file, or what is wrong with its line.
fn parse_lines(text: &str) -> Result<impl Iterator<Item = Result<Cookie, NetscapeError>>, NetscapeError> {
    let lines = || text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).enumerate();
    let first = lines().next().map_or("", |(_, line)| line);
    if first != HEADER && first != "# HTTP Cookie File" {
        return Err(NetscapeError { line: 1, fault: LineFault::Header });
    }
    Ok(lines().filter_map(|(index, line)| {
        let (http_only, rest) = match line.strip_prefix(HTTP_ONLY_PREFIX) {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let is_comment = !http_only && line.starts_with('#');
        let cookie = (!is_comment && !line.trim().is_empty()).then(|| parse_line(rest, http_only))?;
        Some(cookie.map_err(|fault| NetscapeError { line: index + 1, fault }))
    }))
}

fn parse_line(line: &str, http_only: bool) -> Result<Cookie, LineFault> {
    let fields: Vec<_> = line.split('\t').collect();
    let &[domain, with_subdomains, path, secure, expires, name, value] = fields.as_slice() else {
        return Err(LineFault::Fields(fields.len()));
    };
    let with_subdomains = boolean(with_subdomains, "the second field")?;
    if with_subdomains != domain.starts_with('.') {
        return Err(LineFault::Dot);
    }
    let expires: i64 =
        if expires.is_empty() { 0 } else { expires.parse().map_err(|_| LineFault::Expires)? };
    let cookie = Cookie {
        name: name.to_owned(),
        value: value.into(),
        domain: domain.to_owned(),
        path: path.to_owned(),
        expires: (expires != 0).then_some(expires),
        http_only,
        secure: boolean(secure, "the fourth field")?,
        same_site: None,
        host_only: Some(!with_subdomains),
    };
    cookie.check()?;
    Ok(cookie)
}

fn boolean(field: &str, name: &'static str) -> Result<bool, LineFault> {
    match field {
        "TRUE" => Ok(true),
        "FALSE" => Ok(false),
        _ => Err(LineFault::Boolean(name)),
    }
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
    fn writes_each_field_as_the_readers_expect_it() {
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
        assert_eq!(parse(text.expose_secret()).unwrap(), cookies);
        assert_eq!(parse(&text.expose_secret().replace('\n', "\r\n")).unwrap(), cookies);
    }

    #[test]
    fn says_what_the_file_does_not_carry() {
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
    fn of_cookies_with_one_key_the_last_is_written_and_the_others_reported() {
        let cookies = ["old", "new"].map(|value| cookie(&json!({ "value": value })));
        let rendered = render(&cookies, Dialect::HttpOnlyPrefix);
        assert_eq!(rendered.losses, [Loss::Duplicate(0)]);
        assert_eq!(parse(rendered.text.expose_secret()).unwrap()[0].value.expose_secret(), "new");
    }

    #[test]
    fn names_the_line_and_the_fault() {
        for (lines, message) in [
            ("", "line 1: must be \"# Netscape HTTP Cookie File\""),
            ("\u{feff}# Netscape HTTP Cookie File\n", "line 1: must be \"# Netscape HTTP Cookie File\""),
            ("# Netscape HTTP Cookie File\n\n# x\na\tb\n", "line 4: has 2 fields separated by tabs, not 7"),
            (
                "# Netscape HTTP Cookie File\n.a.org\tFALSE\t/\tTRUE\t0\tn\tv",
                "line 2: the second field and the dot before the domain disagree",
            ),
            (
                "# Netscape HTTP Cookie File\n.a.org\tTRUE\t/\tyes\t0\tn\tv",
                "line 2: the fourth field must be TRUE or FALSE",
            ),
            (
                "# Netscape HTTP Cookie File\n.a.org\tTRUE\t/\tTRUE\t1.5\tn\tv",
                "line 2: expires must be a whole number of seconds",
            ),
            (
                "# Netscape HTTP Cookie File\n.a.org\tTRUE\t/\tTRUE\t-7\tn\tv",
                "line 2: expires must be Unix seconds before the year 9999 (not milliseconds)",
            ),
            (
                "# Netscape HTTP Cookie File\n.a.org\tTRUE\tx\tTRUE\t0\tn\tv",
                "line 2: path must begin with / and have at most 1024 bytes",
            ),
        ] {
            assert_eq!(parse(lines).unwrap_err().to_string(), message);
        }
    }
}
