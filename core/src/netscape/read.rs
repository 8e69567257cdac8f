//! Reads cookie files as leniently as yt-dlp, curl and Python's `MozillaCookieJar` do.

use super::HTTP_ONLY_PREFIX;
use crate::cookie::{Cookie, CookieFault, MAX_EXPIRES, whole_seconds};
use crate::url_host::is_address;
use thiserror::Error;

/// The contents of a cookie file.
#[derive(Clone, Debug, Default)]
pub struct CookieFile {
    /// The cookies, in the order of their lines. Several may have the same
    /// [key](crate::cookie::CookieKey); programs that read such a file use the last one.
    pub cookies: Vec<Cookie>,
    /// The lines without a usable cookie.
    pub left_out: Vec<BadLine>,
}

impl CookieFile {
    /// Returns the file if it has at least one cookie.
    ///
    /// # Errors
    /// [`NoCookie`], which names the first bad line.
    pub fn with_cookies(mut self) -> Result<Self, NoCookie> {
        match (self.cookies.is_empty(), self.left_out.is_empty()) {
            (false, _) => Ok(self),
            (true, true) => Err(NoCookie::Empty),
            (true, false) => Err(NoCookie::BadLine(self.left_out.swap_remove(0))),
        }
    }
}

/// Why a file has no cookie. Never contains a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoCookie {
    /// The file has only comments and empty lines.
    #[error("contains no cookies")]
    Empty,
    /// No line could be read; this is the first bad one.
    #[error("{0}")]
    BadLine(BadLine),
}

/// A line without a usable cookie. Never contains a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct BadLine {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: LineFault,
}

/// What is wrong with one line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LineFault {
    /// The text is JSON.
    #[error("is JSON, not a Netscape cookie file")]
    Json,
    /// The line is not text.
    #[error("is not UTF-8")]
    NotUtf8,
    /// The line doesn't have seven fields.
    #[error("has {0} fields separated by tabs, not 7")]
    Fields(usize),
    /// The expiry is not a number.
    #[error("expires must be a number of seconds")]
    Expires,
    /// The cookie has no name.
    #[error("the cookie has no name")]
    Nameless,
    /// The cookie breaks a rule.
    #[error("{0}")]
    Cookie(#[from] CookieFault),
}

/// Reads a cookie file. Like curl it doesn't require the first line to be
/// [`HEADER`](super::HEADER), and like Python it accepts every line ending. A line that is
/// not UTF-8 doesn't affect the others.
// Decision: docs/decisions/capture.md#a-cookie-file-is-read-leniently-and-written-strictly
#[must_use]
pub fn read(file: &(impl AsRef<[u8]> + ?Sized)) -> CookieFile {
    read_bytes(file.as_ref())
}

fn read_bytes(bytes: &[u8]) -> CookieFile {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let lines = bytes
        .split(|byte| *byte == b'\n')
        .flat_map(|line| line.strip_suffix(b"\r").unwrap_or(line).split(|byte| *byte == b'\r'));
    let mut file = CookieFile::default();
    for (index, line) in lines.enumerate() {
        let read = match str::from_utf8(line) {
            Ok(line) => read_line(line),
            // A comment is ignored, whatever its bytes.
            Err(_) => read_line(&String::from_utf8_lossy(line)).map(|_| Err(LineFault::NotUtf8)),
        };
        match read {
            None => {}
            Some(Ok(cookie)) => file.cookies.push(cookie),
            Some(Err(fault)) => file.left_out.push(BadLine { line: index + 1, fault }),
        }
    }
    // A `[` alone doesn't mean JSON: it may begin an IPv6 address. So look only if no cookie was read.
    if file.cookies.is_empty() && matches!(bytes.trim_ascii_start(), [b'[' | b'{', ..]) {
        file.left_out = vec![BadLine { line: 1, fault: LineFault::Json }];
    }
    file
}

/// The cookie of a line; `None` for a comment or an empty line.
fn read_line(line: &str) -> Option<Result<Cookie, LineFault>> {
    let (http_only, fields) = match line.strip_prefix(HTTP_ONLY_PREFIX) {
        Some(fields) => (true, fields),
        None => (false, line),
    };
    let text = fields.trim();
    // Python also skips lines that begin with a dollar sign.
    let is_comment = text.is_empty() || text.starts_with(['#', '$']);
    (!is_comment).then(|| read_fields(fields, http_only))
}

fn read_fields(line: &str, http_only: bool) -> Result<Cookie, LineFault> {
    let mut fields: Vec<_> = line.split('\t').collect();
    let field_count = fields.len();
    // curl accepts a line without a path, and one without a value.
    if matches!(field_count, 5 | 6) && is_boolean(fields[2]) {
        fields.insert(2, "/");
    }
    if fields.len() == 6 {
        fields.push("");
    }
    let [domain, with_subdomains, path, secure, expires, name, value] = fields[..] else {
        return Err(LineFault::Fields(field_count));
    };
    if name.is_empty() {
        return Err(LineFault::Nameless);
    }
    // As in curl, the second field says whether subdomains get the cookie; the leading dot doesn't.
    let host = domain.strip_prefix('.').unwrap_or(domain);
    let is_host_only = !is_true(with_subdomains) || is_address(host);
    let cookie = Cookie {
        name: name.to_owned(),
        value: value.into(),
        domain: if is_host_only { host.to_owned() } else { format!(".{host}") },
        path: if path.starts_with('/') { path } else { "/" }.to_owned(),
        expires: read_expires(expires)?,
        http_only,
        secure: is_true(secure),
        same_site: None,
        host_only: Some(is_host_only),
    };
    cookie.check()?;
    Ok(cookie)
}

/// Whole seconds, rounded down. An expiry beyond [`MAX_EXPIRES`] becomes [`MAX_EXPIRES`]: in
/// practice neither is ever reached.
#[expect(clippy::cast_precision_loss, reason = "MAX_EXPIRES is far below 2^53")]
fn read_expires(field: &str) -> Result<Option<i64>, LineFault> {
    // curl and Python skip spaces before a number.
    let field = field.trim();
    let seconds: f64 = if field.is_empty() { 0.0 } else { field.parse().map_err(|_| LineFault::Expires)? };
    if !seconds.is_finite() {
        return Err(LineFault::Expires);
    }
    Ok(whole_seconds(seconds.min(MAX_EXPIRES as f64), "expires")?)
}

fn is_true(field: &str) -> bool {
    field.eq_ignore_ascii_case("TRUE")
}

fn is_boolean(field: &str) -> bool {
    is_true(field) || field.eq_ignore_ascii_case("FALSE")
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    /// Reads a file with this line after the header, and returns its only cookie.
    fn one(line: &str) -> Cookie {
        let mut file = read(&format!("# Netscape HTTP Cookie File\n{line}\n"));
        assert_eq!((file.cookies.len(), &file.left_out[..]), (1, &[][..]), "{line}");
        file.cookies.remove(0)
    }

    fn fault(line: &str) -> String {
        let file = read(&format!("# Netscape HTTP Cookie File\n{line}\n"));
        assert!(file.cookies.is_empty(), "{line}");
        file.with_cookies().unwrap_err().to_string()
    }

    #[test]
    fn a_line_that_is_not_utf8_does_not_affect_the_others() {
        let good = b".a.org\tTRUE\t/\tTRUE\t1900000000\tn\tv\n".as_slice();
        let bad = b".a.org\tTRUE\t/\tTRUE\t1900000000\tm\t\xe9\n".as_slice();
        let file = read(&[good, bad, b"# caf\xe9\n", b"\xff\n", good].concat());
        assert_eq!(file.cookies.len(), 2);
        let left_out: Vec<_> = file.left_out.iter().map(ToString::to_string).collect();
        assert_eq!(left_out, ["line 2: is not UTF-8", "line 4: is not UTF-8"]);
    }

    #[test]
    fn reads_any_header_or_none_and_a_byte_order_mark() {
        let line = ".a.org\tTRUE\t/\tTRUE\t1900000000\tn\tv\n";
        for header in [
            "# Netscape HTTP Cookie File\n",
            "# HTTP Cookie File\n",
            "# Netscape HTTP Cookie File: exported by someone\r\n",
            "\u{feff}# Netscape HTTP Cookie File\n",
            "\u{feff}",
            "",
        ] {
            for text in [format!("{header}{line}"), format!("{header}{line}").replace('\n', "\r")] {
                let file = read(&text);
                assert_eq!((file.cookies.len(), file.left_out.len()), (1, 0), "{text:?}");
            }
        }
    }

    #[test]
    fn reads_what_yt_dlp_curl_and_python_read() {
        assert_eq!(one(".a.org\tTRUE\t/\tTRUE\t1900000000.733\tn\tv").expires, Some(1_900_000_000));
        assert_eq!(one(".a.org\tTRUE\t/\tTRUE\t253402300799\tn\tv").expires, Some(MAX_EXPIRES));
        assert_eq!(one(".a.org\tTRUE\t/\tTRUE\t999999999999999\tn\tv").expires, Some(MAX_EXPIRES));
        for expires in ["", "0", "-1", "0.5"] {
            assert_eq!(one(&format!(".a.org\tTRUE\t/\tTRUE\t{expires}\tn\tv")).expires, None, "{expires}");
        }
        let flags = one("a.org\tfalse\t/\ttrue\t0\tn\tv");
        assert!(flags.secure && flags.is_host_only());
        let without_value = one("a.org\tFALSE\t/p\tFALSE\t0\tn");
        assert_eq!((without_value.path.as_str(), without_value.value.expose_secret()), ("/p", ""));
        for (line, value) in [("a.org\tFALSE\tTRUE\t0\tn\tv", "v"), ("a.org\tFALSE\tTRUE\t0\tn", "")] {
            let without_path = one(line);
            assert_eq!((without_path.path.as_str(), without_path.secure), ("/", true), "{line}");
            assert_eq!(without_path.value.expose_secret(), value, "{line}");
        }
        assert_eq!(one("a.org\tFALSE\tp\tFALSE\t0\tn\tv").path, "/");
        assert!(one("#HttpOnly_.a.org\tTRUE\t/\tTRUE\t0\tn\tv").http_only);
    }

    #[test]
    fn the_second_field_decides_about_subdomains() {
        for (fields, domain) in [
            ("a.org\tTRUE", ".a.org"),
            (".a.org\tTRUE", ".a.org"),
            (".a.org\tFALSE", "a.org"),
            ("127.0.0.1\tTRUE", "127.0.0.1"),
        ] {
            let cookie = one(&format!("{fields}\t/\tFALSE\t0\tn\tv"));
            assert_eq!((cookie.domain.as_str(), cookie.is_host_only()), (domain, !domain.starts_with('.')));
        }
    }

    #[test]
    fn reports_bad_lines_and_keeps_the_others() {
        let file = read(
            "# Netscape HTTP Cookie File\n  # a comment\n$ and another\n\n\
             .a.org\tTRUE\t/\tTRUE\t0\tn\tone\ttwo\n\
             .a.org\tTRUE\t/\tTRUE\t0\t\tjustvalue\n\
             .a.org\tTRUE\t/\tTRUE\t0\tkept\tv\n\
             .a.org\tTRUE\t/\tTRUE\tsoon\tn\tv\n",
        );
        assert_eq!(file.cookies.iter().map(|cookie| cookie.name.as_str()).collect::<Vec<_>>(), ["kept"]);
        let left_out: Vec<_> = file.left_out.iter().map(ToString::to_string).collect();
        assert_eq!(
            left_out,
            [
                "line 5: has 8 fields separated by tabs, not 7",
                "line 6: the cookie has no name",
                "line 8: expires must be a number of seconds",
            ]
        );
        assert!(file.with_cookies().is_ok());
    }

    #[test]
    fn a_file_without_cookies_is_refused_with_its_first_bad_line() {
        for (line, message) in [
            ("# only a comment", "contains no cookies"),
            ("a\tb", "line 2: has 2 fields separated by tabs, not 7"),
            (".a.org\tTRUE\t/\tTRUE\tNaN\tn\tv", "line 2: expires must be a number of seconds"),
            (".a.org\tTRUE\t/\tTRUE\t-7\tn\tv", "line 2: expires must not be before 1970"),
            ("a b.org\tFALSE\t/\tTRUE\t0\tn\tv", "line 2: domain is not a host name"),
            (
                ".a.org\tTRUE\t/\tFALSE\t0\t__Secure-n\tv",
                "line 2: a cookie named __Secure- or __Host- lacks the attributes that this prefix requires",
            ),
        ] {
            assert_eq!(fault(line), message);
        }
        assert_eq!(read("[::1]\tFALSE\t/\tFALSE\t0\tn\tv").cookies.len(), 1);
        let json = read(" [{\"name\": \"n\"}]").with_cookies().unwrap_err();
        assert_eq!(json.to_string(), "line 1: is JSON, not a Netscape cookie file");
        assert_eq!(read("").with_cookies().unwrap_err(), NoCookie::Empty);
    }
}
