//! Reads a person's arguments for yt-dlp: finds the URLs, and refuses options that bring other cookies
//! or another login.

use std::ffi::{OsStr, OsString};
use thiserror::Error;
use url::Url;

/// The common beginning of yt-dlp's options that bring cookies, also when abbreviated.
const COOKIE_OPTIONS: &str = "--cookie";
/// Options whose value is a URL but not a download.
const OPTIONS_WITH_A_URL: &[&str] =
    &["--proxy", "--geo-verification-proxy", "--cn-verification-proxy", "--referer", "--sponsorblock-api"];
/// Sets a header, which may be the one of cookies.
const HEADER_OPTION: &str = "--add-headers";
/// Options that make yt-dlp sign in, and `--alias`, which can define such an option.
const SIGN_IN_OPTIONS: &[&str] = &[
    "--username",
    "--netrc",
    "--netrc-cmd",
    "--netrc-location",
    "--ap-mso",
    "--ap-username",
    "--client-certificate",
    "--alias",
];
/// Short options that take the rest of the argument as their value.
const LETTERS_WITH_A_VALUE: &str = "afINopOPrRSt2";
/// An option of this command that only works before yt-dlp's options.
const OURS: &str = "--write-back";

/// What is wrong with the arguments.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum ArgumentFault {
    #[error(
        "{0} brings other cookies, but this command already brings cookies; leave it out, or run yt-dlp directly"
    )]
    OwnCookies(String),
    #[error(
        "{0} makes yt-dlp sign in, but this command already brings a login and could confuse the two; leave it \
         out, or run yt-dlp directly"
    )]
    OwnLogin(String),
    #[error("{OURS} is an option of this command; put it before yt-dlp's options")]
    Misplaced,
    #[error(
        "there is no http or https URL among the arguments, so no platform to find cookies for; \
         write https:// before an address without it"
    )]
    NoUrl,
}

/// The http and https URLs among the arguments.
///
/// # Errors
/// If there is no URL, or an argument is refused.
pub(crate) fn urls(arguments: &[OsString]) -> Result<Vec<String>, ArgumentFault> {
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let (options, rest) = arguments.split_at(end);
    let words: Vec<_> = options.iter().map(|option| option.to_string_lossy()).collect();
    for (index, option) in words.iter().enumerate() {
        let name = || option.split('=').next().unwrap_or(option).to_owned();
        if option.starts_with(COOKIE_OPTIONS) || sets_cookies(option, words.get(index + 1).map(AsRef::as_ref))
        {
            return Err(ArgumentFault::OwnCookies(name()));
        }
        if signs_in(option) {
            return Err(ArgumentFault::OwnLogin(name()));
        }
        if option == OURS {
            return Err(ArgumentFault::Misplaced);
        }
    }
    let before = [None].into_iter().chain(options.iter().map(|option| option.to_str()));
    let is_for_an_option =
        |before: Option<&str>| before.is_some_and(|name| OPTIONS_WITH_A_URL.contains(&name));
    let optional = options.iter().zip(before).filter(|(_, before)| !is_for_an_option(*before));
    let candidates = optional.map(|(option, _)| option).chain(rest);
    let urls: Vec<_> = candidates.filter_map(|argument| http_url(argument)).collect();
    if urls.is_empty() { Err(ArgumentFault::NoUrl) } else { Ok(urls) }
}

/// Whether an option makes yt-dlp sign in, or could, like an alias.
fn signs_in(option: &str) -> bool {
    if option.starts_with("--") {
        let name = option.split('=').next().unwrap_or(option);
        // yt-dlp accepts any unambiguous abbreviation.
        return name.len() > 2 && SIGN_IN_OPTIONS.iter().any(|known| known.starts_with(name));
    }
    option.strip_prefix('-').is_some_and(|letters| {
        let mut flags = letters.chars().take_while(|letter| !LETTERS_WITH_A_VALUE.contains(*letter));
        flags.any(|letter| matches!(letter, 'u' | 'n'))
    })
}

/// Whether an option sets a header with cookies; its value may be the next argument.
fn sets_cookies(option: &str, next: Option<&str>) -> bool {
    let (name, value) = option.split_once('=').map_or((option, next), |(name, value)| (name, Some(value)));
    let is_cookie = |value: &str| value.trim_start().to_ascii_lowercase().starts_with("cookie");
    name.len() > 2 && HEADER_OPTION.starts_with(name) && value.is_some_and(is_cookie)
}

fn http_url(argument: &OsStr) -> Option<String> {
    let url = Url::parse(argument.to_str()?).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &[&str]) -> Result<Vec<String>, ArgumentFault> {
        urls(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
    }

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
        assert_eq!(of(&arguments).unwrap(), ["https://x.com/a", "http://vimeo.com/1"]);
        assert_eq!(of(&["--", "https://x.com/a", "--cookies"]).unwrap(), ["https://x.com/a"]);
        assert_eq!(of(&["-a", "list.txt"]), Err(ArgumentFault::NoUrl));
        assert_eq!(of(&[]), Err(ArgumentFault::NoUrl));
        let fault = of(&["youtu.be/ID"]).unwrap_err().to_string();
        assert!(fault.contains("write https:// before"), "{fault}");
    }

    #[test]
    fn ignores_urls_that_are_values_of_other_options() {
        let arguments =
            ["--proxy", "http://127.0.0.1:8080", "--referer", "https://x.com/", "https://vimeo.com/1"];
        assert_eq!(of(&arguments).unwrap(), ["https://vimeo.com/1"]);
        assert_eq!(of(&["--proxy", "http://127.0.0.1:1"]), Err(ArgumentFault::NoUrl));
        assert_eq!(of(&["--sponsorblock-api", "https://sponsor.example"]), Err(ArgumentFault::NoUrl));
    }

    #[test]
    fn refuses_sign_in_options_in_every_spelling() {
        for option in [
            "-u",
            "-uname",
            "-n",
            "-4n",
            "-en",
            "--username",
            "--username=name",
            "--usern",
            "--netrc",
            "--netrc-cmd=x",
            "--ap-mso",
            "--alias",
            "--alias=me -n",
        ] {
            let fault = of(&["https://vimeo.com/1", option, "x"]).unwrap_err();
            assert!(matches!(&fault, ArgumentFault::OwnLogin(name) if option.starts_with(name)), "{option}");
        }
        for option in ["-f", "-fun", "--no-playlist", "--user-agent", "-o", "-", "nu", "--newline"] {
            assert!(of(&["https://vimeo.com/1", option, "x"]).is_ok(), "{option}");
        }
        assert!(of(&["https://vimeo.com/1", "--", "-u"]).is_ok());
    }

    #[test]
    fn refuses_only_headers_with_cookies() {
        for header in
            [&["--add-headers", "Cookie:a=b"][..], &["--add-header= cookie: a=b"], &["--add-h", "COOKIE:x"]]
        {
            let fault = of(&[header, &["https://vimeo.com/1"]].concat()).unwrap_err();
            assert!(matches!(fault, ArgumentFault::OwnCookies(name) if header[0].starts_with(&name)));
        }
        assert!(of(&["--add-headers", "Referer:https://x.com/", "https://vimeo.com/1"]).is_ok());
    }

    #[test]
    fn refuses_cookie_options_and_names_only_the_option() {
        for (option, name) in [
            ("--cookies", "--cookies"),
            ("--cookies=/home/me/jar.txt", "--cookies"),
            ("--cookies-from-browser", "--cookies-from-browser"),
            ("--cookies-from-browser=firefox", "--cookies-from-browser"),
            ("--cookies-f", "--cookies-f"),
        ] {
            let fault = of(&[option, "jar.txt", "https://x.com/a"]).unwrap_err();
            assert_eq!(fault, ArgumentFault::OwnCookies(name.to_owned()));
        }
        assert_eq!(of(&["https://x.com/a", "--write-back"]), Err(ArgumentFault::Misplaced));
    }
}
