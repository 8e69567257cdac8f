//! Selects an export by a platform, a site or a URL.

use super::CommandError;
use super::suggest::did_you_mean;
use crate::exports::Export;
use stagepass_core::platform::{CATALOGUE, is_platform_id};
use stagepass_core::{Platform, PublicSuffixes, Site};
use url::Url;

/// What was looked for and not found, to say so.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(super) wanted: String,
    pub(super) suggestion: String,
    pub(super) known: String,
}

impl Missing {
    fn new(exports: &[Export], target: &str, label: Option<&str>) -> Self {
        let platform = possible_platforms(target).unwrap_or_default().into_iter().next().unwrap_or_default();
        let wanted = match label {
            Some(label) => format!("{platform} with the label {label:?}"),
            None => platform.clone(),
        };
        Self { wanted, suggestion: suggestion(exports, &platform, label), known: all_of(exports) }
    }
}

/// The platform that was probably meant, or its label.
fn suggestion(exports: &[Export], platform: &str, label: Option<&str>) -> String {
    let mut of_platform = exports.iter().filter(|export| export.platform == platform).peekable();
    if of_platform.peek().is_some() {
        let labels = of_platform.filter_map(|export| export.label.as_deref());
        return label.map_or_else(String::new, |label| did_you_mean(label, labels));
    }
    if Platform::of_id(platform).is_some() {
        return String::new();
    }
    let exported = exports.iter().map(|export| export.platform.as_str());
    did_you_mean(platform, exported.chain(CATALOGUE.iter().map(|platform| platform.id)))
}

fn all_of(exports: &[Export]) -> String {
    let mut known: Vec<_> = exports
        .iter()
        .map(|export| match export.label.as_deref() {
            None | Some("") => export.platform.clone(),
            Some(label) => format!("{} ({label})", export.platform),
        })
        .collect();
    known.dedup();
    if known.is_empty() { "nothing".to_owned() } else { known.join(", ") }
}

/// The newest export of the platform, or the one with the label. One whose cookie file is gone does not
/// count.
pub(super) fn select(exports: &[Export], target: &str, label: Option<&str>) -> Result<Export, CommandError> {
    let newest = |platform: &String| {
        let usable = of(exports, platform, label).filter(|export| export.path.is_some());
        // A time in the future, from a wrong clock, would always win.
        usable.max_by_key(|export| (!export.exported_at.is_in_future(), export.exported_at))
    };
    let found = platforms(target)?.iter().find_map(newest).cloned();
    found.ok_or_else(|| CommandError::NothingExported(Missing::new(exports, target, label)))
}

/// All exports of exactly this platform or site, or those with the label; at least one. The export of a
/// parent domain is somebody else's login.
pub(super) fn exactly(
    exports: &[Export],
    target: &str,
    label: Option<&str>,
) -> Result<Vec<Export>, CommandError> {
    let mut platforms = platforms(target)?;
    if exports.iter().any(|export| export.platform == target) {
        platforms.insert(0, target.to_owned());
    }
    let found: Vec<_> =
        platforms.first().into_iter().flat_map(|platform| of(exports, platform, label)).cloned().collect();
    if found.is_empty() {
        return Err(CommandError::NothingToRemove(Missing::new(exports, target, label)));
    }
    Ok(found)
}

fn of<'e>(exports: &'e [Export], platform: &str, label: Option<&str>) -> impl Iterator<Item = &'e Export> {
    let of_platform = exports.iter().filter(move |export| export.platform == platform);
    of_platform.filter(move |export| label.is_none_or(|label| export.label.as_deref() == Some(label)))
}

/// The platforms that `target` can mean, the likeliest first. An unknown site may have been
/// captured for a parent domain. Last comes the target itself: a host that now leads to a
/// platform may have been exported under its own name by an earlier version.
pub(super) fn platforms(target: &str) -> Result<Vec<String>, CommandError> {
    possible_platforms(target).ok_or_else(|| {
        let known = CATALOGUE.iter().map(|platform| platform.id);
        CommandError::NoPlatform(target.to_owned(), did_you_mean(target, known))
    })
}

fn possible_platforms(target: &str) -> Option<Vec<String>> {
    let suffixes = PublicSuffixes::built_in();
    let site = match Url::parse(target) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Site::of_host(url.host_str()?, suffixes),
        _ if target.contains(['/', ':']) => None,
        _ => Platform::of_id(target).map(Site::Known).or_else(|| Site::of_host(target, suffixes)),
    };
    let sites = site.into_iter().flat_map(|site| [vec![site.clone()], site.alternatives(suffixes)].concat());
    let mut platforms: Vec<_> = sites.map(|site| site.id().to_owned()).collect();
    if is_platform_id(target) && !platforms.iter().any(|platform| platform == target) {
        platforms.push(target.to_owned());
    }
    (!platforms.is_empty()).then_some(platforms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utc_time::UtcTime;

    fn export(platform: &str, label: &str, exported_at: i64) -> Export {
        let exported_at = UtcTime::from_unix_seconds(exported_at).unwrap();
        Export { exported_at, ..Export::sample(platform, label) }
    }

    fn selected(exports: &[Export], target: &str, label: Option<&str>) -> String {
        select(exports, target, label).unwrap().path.unwrap()
    }

    #[test]
    fn finds_an_export_by_platform_site_or_url() {
        let exports = [export("instagram", "", 1), export("example.org", "", 1), export("127.0.0.1", "", 1)];
        for (target, path) in [
            ("instagram", "/instagram-"),
            ("instagram.com", "/instagram-"),
            ("https://www.instagram.com/p/1/?a=b", "/instagram-"),
            ("HTTPS://WWW.Instagram.com./p", "/instagram-"),
            ("https://www.example.org/", "/example.org-"),
            ("https://videos.eu.example.org:8443/x", "/example.org-"),
            ("http://127.0.0.1:8080/", "/127.0.0.1-"),
            ("https://instagr.am/p/1", "/instagram-"),
            ("instagr.am", "/instagram-"),
        ] {
            assert_eq!(selected(&exports, target, None), path, "{target}");
        }
    }

    #[test]
    fn without_a_label_takes_the_newest_export() {
        let exports = [export("x", "old", 1), export("x", "new", 3), export("x", "", 2)];
        assert_eq!(selected(&exports, "x", None), "/x-new");
        assert_eq!(selected(&exports, "x", Some("old")), "/x-old");
        assert_eq!(selected(&exports, "x", Some("")), "/x-");
    }

    #[test]
    fn an_export_from_the_future_counts_as_the_oldest() {
        let exports = [export("x", "", 1), export("x", "wrong", 9_000_000_000)];
        assert_eq!(selected(&exports, "x", None), "/x-");
        assert_eq!(selected(&exports[1..], "x", None), "/x-wrong");
    }

    #[test]
    fn passes_over_what_is_left_of_an_export() {
        let rest = Export { path: None, ..export("x", "", 3) };
        assert_eq!(selected(&[export("x", "work", 1), rest.clone()], "x", None), "/x-work");
        assert!(select(&[rest], "x", None).is_err());
    }

    #[test]
    fn says_what_to_do_without_an_export() {
        let exports = [export("x", "", 1), export("x", "work", 1)];
        let fault = select(&exports, "https://www.instagram.com/", Some("me")).unwrap_err().to_string();
        assert_eq!(
            fault,
            "no cookies of instagram with the label \"me\" have been exported\n\
             Open the site in the browser, log in, click Stagepass and then \"Export for yt-dlp\".\n\
             Exported so far: x, x (work)"
        );
        // Neither a lookalike nor a public suffix leads to another site's cookies.
        for target in ["https://notx.com/", "https://evilexample.org", "org"] {
            assert!(select(&[export("example.org", "", 1)], target, None).is_err(), "{target}");
        }
    }

    #[test]
    fn finds_an_old_export_of_a_public_suffix_only_by_its_name() {
        let exports = [export("github.io", "", 1), export("com", "", 1), export("me.github.io", "", 1)];
        for platform in ["github.io", "com", "me.github.io"] {
            assert_eq!(select(&exports, platform, None).unwrap().platform, platform);
        }
        assert_eq!(platforms("https://www.me.github.io/blog").unwrap(), ["me.github.io"]);
        assert_eq!(platforms("https://a.me.github.io/").unwrap(), ["a.me.github.io", "me.github.io"]);
        assert!(select(&exports, "https://you.github.io/", None).is_err());
        assert!(select(&exports, "https://github.io/", None).is_err());
    }

    #[test]
    fn finds_an_old_export_of_a_host_that_now_leads_to_a_platform_by_its_name() {
        let exports = [export("pinterest.de", "", 1), export("pinterest", "", 1)];
        assert_eq!(select(&exports[..1], "pinterest.de", None).unwrap().platform, "pinterest.de");
        assert_eq!(select(&exports, "pinterest.de", None).unwrap().platform, "pinterest");
        assert!(select(&exports[..1], "https://www.pinterest.de/pin/1", None).is_err());
        assert_eq!(platforms("instagram").unwrap(), ["instagram"]);
    }

    #[test]
    fn refuses_a_target_that_is_not_a_site() {
        for target in ["", "ftp://x.com/", "https://[::1]/", "a/b", "No Site"] {
            let fault = select(&[], target, None).unwrap_err();
            assert!(matches!(fault, CommandError::NoPlatform(..)), "{target}: {fault}");
        }
    }
}
