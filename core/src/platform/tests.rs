//! Which hosts and identifiers stand for which site, and whose cookies are its own.

use super::*;

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
fn a_public_suffix_is_no_platform() {
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
fn an_identifier_that_no_url_has_as_its_host_is_no_platform() {
    for id in ["", "Example.org", "a/b", "bücher.example", &"a".repeat(65)] {
        assert_eq!(of_id(id), Err(PlatformFault::Malformed), "{id}");
    }
    // Browsers take all that ends in a number for an address in another form.
    for id in
        [".com", "example.org.", "a..b", "..", "2130706433", "127.1", "0x7f.1", "0x7f000001", "example.7"]
    {
        assert_eq!(of_id(id), Err(PlatformFault::NoHost), "{id}");
    }
}

#[test]
fn a_host_that_is_called_like_a_platform_is_not_taken_for_it() {
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
    // An identifier stays what it is.
    assert_eq!(of_id("www.example.org").unwrap().id(), "www.example.org");
}

#[test]
fn www_goes_only_where_a_site_is_left() {
    for host in ["www.com", "www.co.uk", "www.github.io", "www.ck", "www.localhost"] {
        assert_eq!(of_host(host).unwrap().id(), host);
    }
}

#[test]
fn an_unknown_host_may_mean_each_domain_above_it_but_no_public_suffix() {
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
        assert!(!platform.domains.is_empty() && platform.login_url.starts_with("https://"));
        let has_proof = !platform.login_cookies.is_empty();
        assert_ne!(has_proof, platform.advice == Some(Advice::LocalStorage), "{}", platform.id);
        for domain in platform.domains {
            assert!(!PublicSuffixes::built_in().is_suffix(domain), "{domain}");
        }
        // Which of several sites a session is of, only its login and its account tell.
        let tells = has_proof && platform.account_cookie.is_some();
        assert!(platform.domains.len() == 1 || tells, "{}", platform.id);
    }
}

#[test]
fn other_hosts_lead_to_their_platform_and_have_no_part_in_its_cookies() {
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
        for host in platform.other_hosts {
            assert!(!site.owns(host) && !site.owns(&format!("www.{host}")), "{host}");
            assert!(!site.domains().contains(host), "{host}");
        }
    }
    assert_eq!(of_id("youtu.be"), Ok(Site::Other("youtu.be".to_owned())), "no name of the platform");
}

#[test]
fn each_host_of_the_catalogue_leads_to_one_platform_and_each_entry_has_its_sources() {
    for platform in CATALOGUE {
        for host in platform.domains.iter().chain(platform.other_hosts) {
            assert_eq!(host.to_lowercase(), **host);
            assert!(is_host(host) && host.contains('.'), "{host}");
            assert!(!PublicSuffixes::built_in().is_suffix(host), "{host}");
            let leads = |other: &&Platform| {
                other.domains.iter().chain(other.other_hosts).filter(|own| is_within(host, own)).count()
            };
            assert_eq!(CATALOGUE.iter().map(|other| leads(&other)).sum::<usize>(), 1, "{host}");
        }
        assert!(!platform.sources.is_empty(), "{}", platform.id);
        assert!(platform.sources.iter().all(|source| source.starts_with("https://")), "{}", platform.id);
    }
}

#[test]
fn a_lookalike_domain_owns_nothing() {
    let site = of_id("instagram").unwrap();
    assert!(site.owns("i.instagram.com") && site.owns("instagram.com"));
    assert!(!site.owns("evilinstagram.com") && !site.owns("instagram.com.evil.org"));
}

#[test]
fn a_single_label_and_an_address_own_their_host_alone() {
    for id in ["localhost", "mym", "192.0.2.7"] {
        let site = of_id(id).unwrap();
        assert!(site.owns(id) && site.owns(&id.to_uppercase()), "{id}");
        assert!(!site.owns(&format!("app.{id}")) && !site.owns("example.org"), "{id}");
    }
    let site = of_id("nas.local").unwrap();
    assert!(site.owns("app.nas.local") && !site.owns("local"));
}
