//! Tests of the mapping from hosts and identifiers to sites, and of which cookies a site owns.

use super::*;
use crate::origin_storage;
use serde_json::json;

fn of_host(host: &str) -> Option<Site> {
    Site::of_host(host, PublicSuffixes::built_in())
}

fn of_id(id: &str) -> Result<Site, PlatformFault> {
    Site::of_id(id, PublicSuffixes::built_in())
}

#[test]
fn recognises_platforms_by_host() {
    for (host, id) in [
        ("www.instagram.com", "instagram"),
        ("INSTAGRAM.com", "instagram"),
        ("mobile.twitter.com", "x"),
        ("www.example.org", "example.org"),
        ("notinstagram.com", "notinstagram.com"),
        ("instagram.com.example.org", "instagram.com.example.org"),
        ("me.github.io", "me.github.io"),
        ("www.me.github.io", "me.github.io"),
        ("xn--mller-kva.de", "xn--mller-kva.de"),
        ("192.0.2.7", "192.0.2.7"),
        ("nas", "nas"),
    ] {
        assert_eq!(of_host(host).unwrap().id(), id, "{host}");
    }
    assert_eq!(of_host("[::1]"), None);
}

#[test]
fn refuses_a_public_suffix() {
    for id in
        ["com", "co.uk", "github.io", "ck", "any.ck", "blogspot.com", "xn--fiqs8s", "compute.amazonaws.com"]
    {
        assert_eq!(of_id(id), Err(PlatformFault::PublicSuffix(id.to_owned())));
        assert_eq!(of_host(id), None, "{id}");
    }
    assert_eq!(
        of_id("co.uk").unwrap_err().to_string(),
        "platform can't be co.uk, a public suffix: anybody can have a site below it. \
         Name one site, such as example.co.uk"
    );
    for id in
        ["example.com", "me.github.io", "www.ck", "a.any.ck", "mym", "localhost", "nas.local", "127.0.0.1"]
    {
        assert_eq!(of_id(id), Ok(Site::Other(id.to_owned())));
    }
}

#[test]
fn refuses_an_identifier_that_cannot_be_a_urls_host() {
    for id in ["", "Example.org", "a/b", "bücher.example", &"a".repeat(65)] {
        assert_eq!(of_id(id), Err(PlatformFault::Malformed), "{id}");
    }
    // Browsers parse every host that ends in a number as an address.
    for id in
        [".com", "example.org.", "a..b", "..", "2130706433", "127.1", "0x7f.1", "0x7f000001", "example.7"]
    {
        assert_eq!(of_id(id), Err(PlatformFault::NoHost), "{id}");
    }
}

#[test]
fn a_host_with_a_platforms_name_is_not_mistaken_for_it() {
    for host in ["x", "instagram", "X."] {
        assert_eq!(of_host(host), None, "{host}");
    }
    assert_eq!(of_host("www.x").unwrap().id(), "www.x");
    assert_eq!(of_id("x").unwrap().name(), "X");
}

#[test]
fn a_fully_qualified_name_is_the_same_site() {
    assert_eq!(of_host("www.instagram.com.").unwrap().id(), "instagram");
    assert_eq!(of_host("www.example.org.").unwrap().id(), "example.org");
    // Identifiers are not changed.
    assert_eq!(of_id("www.example.org").unwrap().id(), "www.example.org");
}

#[test]
fn removes_www_only_if_a_site_remains() {
    for host in ["www.com", "www.co.uk", "www.github.io", "www.ck", "www.localhost"] {
        assert_eq!(of_host(host).unwrap().id(), host);
    }
}

#[test]
fn offers_an_unknown_hosts_parent_domains_except_public_suffixes() {
    for (host, expected) in [
        ("a.app.example.org", &["app.example.org", "example.org"][..]),
        ("app.example.co.uk", &["example.co.uk"]),
        ("m.www.example.org", &["example.org"]),
        ("app.me.github.io", &["me.github.io"]),
        ("me.github.io", &[]),
        ("app.bucket.s3.amazonaws.com", &["bucket.s3.amazonaws.com"]),
        ("a.www.ck", &["www.ck"]),
        ("a.shop.example.museum", &["shop.example.museum", "example.museum"]),
        ("www.example.org", &[]),
        ("localhost", &[]),
        ("192.0.2.7", &[]),
        ("www.instagram.com", &[]),
    ] {
        let site = of_host(host).unwrap();
        let alternatives = site.alternatives(PublicSuffixes::built_in());
        assert_eq!(alternatives.iter().map(Site::id).collect::<Vec<_>>(), expected, "{host}");
    }
}

#[test]
fn the_catalogue_is_sorted_and_well_formed() {
    assert!(CATALOGUE.windows(2).all(|pair| pair[0].id < pair[1].id));
    for platform in CATALOGUE {
        assert!(is_platform_id(platform.id));
        assert!(!platform.domains.is_empty(), "{}", platform.id);
        assert!(platform.login_url.get().is_some_and(|url| url.starts_with("https://")), "{}", platform.id);
        let by_cookies = !platform.login_cookies.all().is_empty();
        let by_storage = platform.storage.all().iter().any(|entry| entry.proof.is_some());
        assert!(by_cookies || by_storage, "nothing proves a login at {}", platform.id);
        for domain in platform.domains {
            assert!(!PublicSuffixes::built_in().is_suffix(domain), "{domain}");
        }
        // With several sites, login and account cookies show which one a session belongs to.
        let shows_site = by_cookies && platform.account_cookie.get().is_some();
        assert!(platform.domains.len() == 1 || shows_site, "{}", platform.id);
    }
}

#[test]
fn other_hosts_lead_to_their_platform_but_own_no_cookies() {
    for (host, id) in [
        ("youtu.be", "youtube"),
        ("WWW.YouTube-NoCookie.com.", "youtube"),
        ("www.youtubekids.com", "youtube"),
        ("redd.it", "reddit"),
        ("v.redd.it", "reddit"),
        ("fb.watch", "facebook"),
        ("fb.me", "facebook"),
        ("instagr.am", "instagram"),
        ("ig.me", "instagram"),
        ("t.co", "x"),
        ("pin.it", "pinterest"),
        ("www.pinterest.de", "pinterest"),
        ("pinterest.co.uk", "pinterest"),
        ("lnkd.in", "linkedin"),
        ("www.tiktokv.com", "tiktok"),
        ("vm.tiktok.com", "tiktok"),
        ("clips.twitch.tv", "twitch"),
        ("on.soundcloud.com", "soundcloud"),
        ("vimeopro.com", "vimeo"),
        ("fans.ly", "fansly"),
        ("main.bsky.dev", "bluesky"),
        ("www.threads.net", "threads"),
    ] {
        assert_eq!(of_host(host).unwrap().id(), id, "{host}");
    }
    for host in ["notyoutu.be", "youtu.be.example.org", "bsky.dev", "twimg.com"] {
        assert_eq!(of_host(host).unwrap(), Site::Other(host.to_owned()));
    }
    for platform in CATALOGUE {
        let site = Site::Known(platform);
        for host in platform.other_hosts.all() {
            assert!(!site.owns(host) && !site.owns(&format!("www.{host}")), "{host}");
            assert!(!site.domains().contains(host), "{host}");
        }
    }
    assert_eq!(of_id("youtu.be"), Ok(Site::Other("youtu.be".to_owned())), "not the platform's id");
}

#[test]
fn each_host_leads_to_one_platform() {
    for platform in CATALOGUE {
        for host in platform.domains.iter().chain(platform.other_hosts.all()) {
            assert_eq!(host.to_lowercase(), **host);
            assert!(is_host(host) && host.contains('.'), "{host}");
            assert!(!PublicSuffixes::built_in().is_suffix(host), "{host}");
            let leads = |other: &&Platform| {
                other.domains.iter().chain(other.other_hosts.all()).filter(|own| is_within(host, own)).count()
            };
            assert_eq!(CATALOGUE.iter().map(|other| leads(&other)).sum::<usize>(), 1, "{host}");
        }
    }
}

#[test]
fn at_least_25_platforms_are_known_and_each_fact_has_its_sources() {
    fn check<T: Copy>(id: &str, fact: Fact<T>) {
        assert_eq!(fact.get().is_some(), !fact.sources().is_empty(), "{id}");
        for source in fact.sources() {
            let rest = source.strip_prefix("https://");
            assert!(rest.is_some_and(|rest| rest.contains('/') && !rest.contains(' ')), "{id}: {source}");
        }
    }
    assert!(CATALOGUE.len() >= 25);
    for platform in CATALOGUE {
        let id = platform.id;
        check(id, platform.other_hosts);
        check(id, platform.login_url);
        check(id, platform.login_cookies);
        check(id, platform.account_cookie);
        check(id, platform.rotating_cookies);
        check(id, platform.device_bound_cookies);
        check(id, platform.storage);
        check(id, platform.headers);
        check(id, platform.bound_to_user_agent);
        check(id, platform.yt_dlp);
        check(id, platform.gallery_dl);
        assert!(platform.yt_dlp.get().is_some() && platform.gallery_dl.get().is_some(), "{id}");
    }
}

/// Whether a source is the very page, or the very host, that it should document.
fn is_own_source(address: &str, source: &str) -> bool {
    fn page(address: &str) -> &str {
        let page = address.strip_prefix("https://").unwrap_or(address);
        let page = page.strip_prefix("www.").unwrap_or(page);
        page.split(['?', '#']).next().unwrap_or(page).trim_end_matches('/')
    }
    page(address) == page(source)
}

#[test]
fn no_address_of_the_catalogue_is_its_own_source() {
    for (address, source) in [
        ("https://example.org/login", "https://example.org/login"),
        ("https://www.example.org/login/", "https://example.org/login"),
        ("https://example.org/login?service=a", "https://example.org/login#form"),
        ("example.org", "https://www.example.org/"),
    ] {
        assert!(is_own_source(address, source), "{source}");
    }
    assert!(!is_own_source("https://example.org/login", "https://example.org/help/login"));
    for platform in CATALOGUE {
        let hosts = platform.other_hosts.all().iter().map(|host| (*host, platform.other_hosts.sources()));
        let login = platform.login_url.get().map(|url| (url, platform.login_url.sources()));
        for (address, sources) in hosts.chain(login) {
            let own = sources.iter().find(|source| is_own_source(address, source));
            assert_eq!(own, None, "{} names {address} as its own source", platform.id);
        }
    }
}

#[test]
fn storage_and_headers_of_the_catalogue_are_well_formed() {
    for platform in CATALOGUE {
        let (site, entries) = (Site::Known(platform), platform.storage.all());
        for entry in entries {
            let storage = json!({"origin": entry.origin, "localStorage": []});
            assert!(origin_storage::read(vec![storage]).is_ok(), "{}", entry.origin);
            assert!(site.owns(entry.host()), "{}", entry.origin);
            assert_eq!(entries.iter().filter(|other| other.name == entry.name).count(), 1, "{}", entry.name);
            for part in [entry.proof, entry.account].into_iter().flatten() {
                assert!(!matches!(part, Part::Json(pointer) if !pointer.starts_with('/')), "{}", entry.name);
            }
        }
        for header in platform.headers.all() {
            let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            assert!(is_name(header.name) && !header.hosts.is_empty(), "{}", header.name);
            for host in header.hosts {
                assert!(is_host(host) && host.to_lowercase() == **host, "{host}");
            }
            if let HeaderSource::Entry(name, _) = header.source {
                assert!(entries.iter().any(|entry| entry.name == name), "{name}");
            }
        }
    }
}

#[test]
fn a_site_does_not_own_lookalike_domains() {
    let site = of_id("instagram").unwrap();
    assert!(site.owns("i.instagram.com") && site.owns("instagram.com"));
    assert!(!site.owns("evilinstagram.com") && !site.owns("instagram.com.evil.org"));
}

#[test]
fn a_single_label_or_an_address_owns_only_its_own_host() {
    for id in ["localhost", "mym", "192.0.2.7"] {
        let site = of_id(id).unwrap();
        assert!(site.owns(id) && site.owns(&id.to_uppercase()), "{id}");
        assert!(!site.owns(&format!("app.{id}")) && !site.owns("example.org"), "{id}");
    }
    let site = of_id("nas.local").unwrap();
    assert!(site.owns("app.nas.local") && !site.owns("local"));
}
