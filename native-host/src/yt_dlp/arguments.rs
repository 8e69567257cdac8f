//! What a person's arguments for yt-dlp say: which URLs are meant, whether they name cookies
//! of their own, and whether yt-dlp is to sign in.

use std::ffi::{OsStr, OsString};
use thiserror::Error;
use url::Url;

/// Begins all of yt-dlp's options that name cookies, abbreviated ones too.
const COOKIE_OPTIONS: &str = "--cookie";
/// Options whose value is a URL that nothing is downloaded from.
const OPTIONS_WITH_A_URL: &[&str] =
    &["--proxy", "--geo-verification-proxy", "--cn-verification-proxy", "--referer", "--sponsorblock-api"];
/// Options by which yt-dlp signs in.
const SIGN_IN_OPTIONS: &[&str] = &[
    "--username",
    "--netrc",
    "--netrc-cmd",
    "--netrc-location",
    "--ap-mso",
    "--ap-username",
    "--client-certificate",
];
/// Letters of options that take the rest of an argument as their value.
const LETTERS_WITH_A_VALUE: &str = "aefINopOPrRSt2";
/// An option of ours that is recognised before yt-dlp's alone.
const OURS: &str = "--write-back";

/// What is wrong with the arguments.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum ArgumentFault {
    #[error(
        "{0} names cookies of your own, while this command brings its own; leave it out, or run yt-dlp itself"
    )]
    OwnCookies(String),
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
    for option in options.iter().filter_map(|option| option.to_str()) {
        if option.starts_with(COOKIE_OPTIONS) {
            let name = option.split('=').next().unwrap_or(option);
            return Err(ArgumentFault::OwnCookies(name.to_owned()));
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

/// Whether the arguments have yt-dlp sign in by itself. (Its own configuration may, too.)
pub(crate) fn signs_in(arguments: &[OsString]) -> bool {
    let options = arguments.iter().take_while(|argument| *argument != "--");
    options.filter_map(|option| option.to_str()).any(|option| match option.strip_prefix("--") {
        // Any unambiguous beginning of a name will do.
        Some(_) => {
            let name = option.split('=').next().unwrap_or(option);
            SIGN_IN_OPTIONS.iter().any(|known| known.starts_with(name))
        }
        None => option.strip_prefix('-').is_some_and(|letters| {
            let mut flags = letters.chars().take_while(|letter| !LETTERS_WITH_A_VALUE.contains(*letter));
            flags.any(|letter| matches!(letter, 'u' | 'n'))
        }),
    })
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
    fn signing_in_is_seen_in_each_spelling() {
        let signs_in =
            |arguments: &[&str]| super::signs_in(&arguments.iter().map(OsString::from).collect::<Vec<_>>());
        for option in [
            "-u",
            "-uname",
            "-n",
            "-4n",
            "--username",
            "--username=name",
            "--usern",
            "--netrc",
            "--netrc-cmd=x",
        ] {
            assert!(signs_in(&["https://vimeo.com/1", option]), "{option}");
        }
        for option in ["-f", "-fun", "--no-playlist", "--user-agent", "-o", "-", "nu", "--newline"] {
            assert!(!signs_in(&["https://vimeo.com/1", option]), "{option}");
        }
        assert!(!signs_in(&["--", "-u"]));
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
