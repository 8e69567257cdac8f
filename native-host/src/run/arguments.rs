//! A person's arguments for another program: finds the URLs, and puts the private file's path in
//! place of `{cookies}`. Everything else stays as it is, byte for byte.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use url::Url;

/// Stands for the private file's path.
const PLACE: &str = "{cookies}";

/// The http and https URLs among the arguments.
pub(crate) fn http_urls(arguments: &[OsString]) -> Vec<String> {
    arguments.iter().filter_map(|argument| http_url(argument)).collect()
}

fn http_url(argument: &OsStr) -> Option<String> {
    let url = Url::parse(argument.to_str()?).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| url.into())
}

/// The argument with `path` in each place that `{cookies}` marks. An argument that is not Unicode
/// has no such place.
pub(crate) fn fill_in(argument: &OsStr, path: &Path) -> OsString {
    let Some(text) = argument.to_str() else { return argument.to_owned() };
    let mut parts = text.split(PLACE);
    let mut filled = OsString::from(parts.next().unwrap_or_default());
    for part in parts {
        filled.push(path);
        filled.push(part);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_http_and_https_urls() {
        let arguments = [
            "-f",
            "best",
            "https://x.com/a",
            "-o",
            "%(id)s",
            "ytsearch:cats",
            "HTTP://Vimeo.com/1",
            "ftp://a/b",
        ];
        assert_eq!(http_urls(&arguments.map(OsString::from)), ["https://x.com/a", "http://vimeo.com/1"]);
        assert_eq!(http_urls(&["youtu.be/ID".into()]), [""; 0]);
    }

    #[test]
    fn puts_the_path_in_every_place() {
        let path = Path::new("/run/a b");
        for (argument, filled) in [
            ("{cookies}", "/run/a b"),
            ("--cookies={cookies}", "--cookies=/run/a b"),
            ("{cookies}:{cookies}", "/run/a b:/run/a b"),
            ("{cookie}", "{cookie}"),
            ("", ""),
        ] {
            assert_eq!(fill_in(OsStr::new(argument), path), OsStr::new(filled));
        }
    }

    #[cfg(unix)]
    #[test]
    fn leaves_an_argument_that_is_not_unicode() {
        use std::os::unix::ffi::OsStrExt;
        let odd = OsStr::from_bytes(b"\xff{cookies}");
        assert_eq!(fill_in(odd, Path::new("/run")), odd);
    }
}
