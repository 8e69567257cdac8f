//! What a person's arguments for yt-dlp say: which URLs are meant, and whether they bring
//! cookies or a login of their own.

use std::ffi::{OsStr, OsString};
use thiserror::Error;
use url::Url;

/// Begins all of yt-dlp's options that name cookies, abbreviated ones too.
const COOKIE_OPTIONS: &str = "--cookie";
/// Options whose value is a URL that nothing is downloaded from.
const OPTIONS_WITH_A_URL: &[&str] =
    &["--proxy", "--geo-verification-proxy", "--cn-verification-proxy", "--referer", "--sponsorblock-api"];
/// Sets a header, which may be that of cookies.
const HEADER_OPTION: &str = "--add-headers";
/// Options by which yt-dlp signs in, and the one that may stand for any.
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
/// Letters of options that take the rest of an argument as their value.
const LETTERS_WITH_A_VALUE: &str = "afINopOPrRSt2";
/// An option of ours that is recognised before yt-dlp's alone.
const OURS: &str = "--write-back";

/// What is wrong with the arguments.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum ArgumentFault {
    #[error(
        "{0} names cookies of your own, while this command brings its own; leave it out, or run yt-dlp itself"
    )]
    OwnCookies(String),
    #[error(
        "{0} has yt-dlp sign in, while this command brings a login, and could not tell the two apart; leave it \
         out, or run yt-dlp itself"
    )]
    OwnLogin(String),
    #[error("{OURS} is an option of this command, and goes before those of yt-dlp")]
    Misplaced,
    #[error(
        "none of the arguments is an http or https URL, so there is no platform to take cookies of; \
         write https:// before the address where that is missing"
    )]
    NoUrl,
}

/// The URLs among the arguments: those that parse as http or https ones.
///
/// # Errors
/// Where there is none, or the arguments can't be meant so.
pub(crate) fn urls(arguments: &[OsString]) -> Result<Vec<String>, ArgumentFault> {
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let (options, rest) = arguments.split_at(end);
    let words: Vec<_> = options.iter().map(|option| option.to_string_lossy()).collect();
    for (place, option) in words.iter().enumerate() {
        let name = || option.split('=').next().unwrap_or(option).to_owned();
        if option.starts_with(COOKIE_OPTIONS) || sets_cookies(option, words.get(place + 1).map(AsRef::as_ref))
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

/// Whether an option has yt-dlp sign in, or may, as an alias does.
fn signs_in(option: &str) -> bool {
    if option.starts_with("--") {
        let name = option.split('=').next().unwrap_or(option);
        // Any unambiguous beginning of a name will do.
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
    fn urls_are_the_arguments_that_parse_as_http_or_https_ones() {
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
    fn what_other_options_have_urls_for_are_no_pages_to_download() {
        let arguments =
            ["--proxy", "http://127.0.0.1:8080", "--referer", "https://x.com/", "https://vimeo.com/1"];
        assert_eq!(of(&arguments).unwrap(), ["https://vimeo.com/1"]);
        assert_eq!(of(&["--proxy", "http://127.0.0.1:1"]), Err(ArgumentFault::NoUrl));
        assert_eq!(of(&["--sponsorblock-api", "https://sponsor.example"]), Err(ArgumentFault::NoUrl));
    }

    #[test]
    fn a_login_of_ones_own_is_refused_in_each_spelling() {
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
    fn a_header_with_cookies_is_refused_and_others_are_not() {
        for header in
            [&["--add-headers", "Cookie:a=b"][..], &["--add-header= cookie: a=b"], &["--add-h", "COOKIE:x"]]
        {
            let fault = of(&[header, &["https://vimeo.com/1"]].concat()).unwrap_err();
            assert!(matches!(fault, ArgumentFault::OwnCookies(name) if header[0].starts_with(&name)));
        }
        assert!(of(&["--add-headers", "Referer:https://x.com/", "https://vimeo.com/1"]).is_ok());
    }

    #[test]
    fn cookies_of_ones_own_are_refused_by_the_options_name_alone() {
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
