//! The platforms that Stagepass knows. Only data; the parent module uses it.
//!
//! Each is one block, and each fact has its sources. A fact that nobody has documented is
//! `NOT_KNOWN`; an empty list says that there is none, and a comment where there is
//! one that can't be written here.

use super::{
    AccountList, Advice, Fact, HeaderSource, LoginCookie, LoginEntry, LoginHeader, Part, Platform, ProofValue,
};
use crate::origin_storage::Area;

/// The file of one of yt-dlp's extractors.
macro_rules! yt_dlp {
    ($name:literal) => {
        concat!("https://github.com/yt-dlp/yt-dlp/blob/master/yt_dlp/extractor/", $name, ".py")
    };
}

/// The file of one of gallery-dl's extractors.
macro_rules! gallery_dl {
    ($name:literal) => {
        concat!("https://github.com/mikf/gallery-dl/blob/master/gallery_dl/extractor/", $name, ".py")
    };
}

const SUPPORTED_BY_YT_DLP: &str = "https://github.com/yt-dlp/yt-dlp/blob/master/supportedsites.md";
const SUPPORTED_BY_GALLERY_DL: &str = "https://github.com/mikf/gallery-dl/blob/master/docs/supportedsites.md";

/// A login cookie whose presence is enough.
const NAMED: LoginCookie = LoginCookie { name: "", value: ProofValue::Any, substitutes: &[] };

const fn named<const N: usize>(names: [&'static str; N]) -> [LoginCookie; N] {
    let mut cookies = [NAMED; N];
    let mut index = 0;
    while index < N {
        cookies[index].name = names[index];
        index += 1;
    }
    cookies
}

/// Every platform that Stagepass knows, in alphabetical order of their ids.
pub static CATALOGUE: &[Platform] = &[
    Platform {
        id: "bandcamp",
        name: "Bandcamp",
        domains: &["bandcamp.com"],
        other_hosts: Fact::NOT_KNOWN,
        login_url: Fact::known(
            "https://bandcamp.com/login",
            &["https://github.com/eightyeighteyes/kamp/blob/main/kamp_ui/src/main/index.ts"],
        ),
        login_cookies: Fact::known(
            &[
                LoginCookie { name: "identity", ..NAMED },
                LoginCookie { name: "js_logged_in", value: ProofValue::Exactly("1"), ..NAMED },
            ],
            &[
                "https://github.com/meeb/bandcampsync/issues/59",
                "https://github.com/the-eater/camp-collective/issues/4",
            ],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::NOT_KNOWN,
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("bandcamp")]),
        gallery_dl: Fact::known(false, &[SUPPORTED_BY_GALLERY_DL]),
        advice: None,
    },
    Platform {
        id: "bilibili",
        name: "Bilibili",
        domains: &["bilibili.com"],
        other_hosts: Fact::known(
            &["b23.tv"],
            &["https://github.com/SocialSisterYi/bilibili-API-collect/blob/master/docs/misc/b23tv.md"],
        ),
        login_url: Fact::known(
            "https://passport.bilibili.com/login",
            &[
                "https://github.com/nICEnnnnnnnLee/BilibiliDown/blob/master/src/nicelee/bilibili/util/HttpHeaders.java",
            ],
        ),
        login_cookies: Fact::known(
            &named(["SESSDATA", "DedeUserID"]),
            &[
                yt_dlp!("bilibili"),
                gallery_dl!("bilibili"),
                "https://github.com/SocialSisterYi/bilibili-API-collect/blob/master/docs/login/login_action/QR.md",
            ],
        ),
        account_cookie: Fact::known(
            "DedeUserID",
            &[
                yt_dlp!("bilibili"),
                "https://github.com/SocialSisterYi/bilibili-API-collect/blob/master/docs/login/login_action/QR.md",
            ],
        ),
        rotating_cookies: Fact::known(
            &["SESSDATA", "bili_jct", "sid"],
            &[
                "https://github.com/SocialSisterYi/bilibili-API-collect/blob/master/docs/login/cookie_refresh.md",
                "https://github.com/yutto-dev/yutto/discussions/180",
            ],
        ),
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::known(
            &[LoginEntry {
                origin: "https://www.bilibili.com",
                area: Area::LocalStorage,
                name: "ac_time_value",
                proof: None,
                account: None,
                all_accounts: None,
            }],
            &[
                "https://github.com/SocialSisterYi/bilibili-API-collect/blob/master/docs/login/cookie_refresh.md",
                "https://github.com/nICEnnnnnnnLee/BilibiliDown/issues/175",
            ],
        ),
        headers: Fact::NOT_KNOWN,
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("bilibili")]),
        gallery_dl: Fact::known(true, &[gallery_dl!("bilibili")]),
        advice: Some(Advice::PrivateWindow),
    },
    Platform {
        id: "bluesky",
        name: "Bluesky",
        domains: &["bsky.app"],
        other_hosts: Fact::known(&["main.bsky.dev"], &[yt_dlp!("bluesky")]),
        login_url: Fact::known(
            "https://bsky.app/",
            &["https://github.com/ferdium/ferdium-recipes/blob/main/recipes/bluesky/package.json"],
        ),
        login_cookies: Fact::known(
            &[],
            &["https://github.com/bluesky-social/social-app/blob/main/src/state/persisted/index.web.ts"],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::known(
            &[LoginEntry {
                origin: "https://bsky.app",
                area: Area::LocalStorage,
                name: "BSKY_STORAGE",
                proof: Some(Part::Json("/session/currentAccount/accessJwt")),
                account: Some(Part::Json("/session/currentAccount/did")),
                all_accounts: Some(AccountList { path: &["session", "accounts"], id: "did" }),
            }],
            &[
                "https://github.com/bluesky-social/social-app/blob/main/src/state/persisted/index.web.ts",
                "https://github.com/bluesky-social/social-app/blob/main/src/state/persisted/schema.ts",
                "https://github.com/bluesky-social/social-app/blob/main/src/state/persisted/session-merge.ts",
            ],
        ),
        // Not written here: each account has a host of its own, which gets the token.
        headers: Fact::known(
            &[],
            &["https://github.com/bluesky-social/atproto/blob/main/packages/api/src/atp-agent.ts"],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("bluesky")]),
        gallery_dl: Fact::known(true, &[gallery_dl!("bluesky")]),
        advice: None,
    },
    Platform {
        id: "boosty",
        name: "Boosty",
        domains: &["boosty.to"],
        other_hosts: Fact::NOT_KNOWN,
        login_url: Fact::known(
            "https://boosty.to/",
            &["https://github.com/Glitchy-Sheep/boosty-downloader/blob/main/README.md"],
        ),
        login_cookies: Fact::known(&named(["auth"]), &[yt_dlp!("boosty"), gallery_dl!("boosty")]),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::known(
            &["auth"],
            &[gallery_dl!("boosty"), "https://github.com/barsikus007/boosty/issues/10"],
        ),
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        // Not written here: it is a member of the JSON in a percent-encoded cookie.
        headers: Fact::known(
            &[],
            &[yt_dlp!("boosty"), "https://github.com/lowfc/boosty_downloader/issues/13"],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("boosty")]),
        gallery_dl: Fact::known(true, &[gallery_dl!("boosty")]),
        advice: None,
    },
    Platform {
        id: "dailymotion",
        name: "Dailymotion",
        domains: &["dailymotion.com"],
        other_hosts: Fact::known(&["dai.ly"], &[yt_dlp!("dailymotion")]),
        login_url: Fact::known(
            "https://www.dailymotion.com/signin",
            &["https://github.com/futo-org/grayjay-plugin-dailymotion/blob/master/DailymotionConfig.json"],
        ),
        login_cookies: Fact::known(&named(["access_token"]), &[yt_dlp!("dailymotion")]),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::known(
            &[LoginHeader {
                name: "authorization",
                prefix: "Bearer ",
                source: HeaderSource::Cookie("access_token"),
                hosts: &["graphql.api.dailymotion.com"],
            }],
            &[yt_dlp!("dailymotion")],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("dailymotion")]),
        gallery_dl: Fact::known(false, &[SUPPORTED_BY_GALLERY_DL]),
        advice: None,
    },
    Platform {
        id: "deviantart",
        name: "DeviantArt",
        domains: &["deviantart.com"],
        other_hosts: Fact::known(&["sta.sh"], &[gallery_dl!("deviantart")]),
        login_url: Fact::known(
            "https://www.deviantart.com/users/login",
            &[
                gallery_dl!("deviantart"),
                "https://github.com/mvdicarlo/postybirb/blob/main/apps/client-server/src/app/websites/implementations/deviant-art/deviant-art.website.ts",
            ],
        ),
        login_cookies: Fact::known(
            &named(["auth", "auth_secure"]),
            &[gallery_dl!("deviantart"), "https://github.com/RipMeApp/ripme/issues/1117"],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::NOT_KNOWN,
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(false, &[SUPPORTED_BY_YT_DLP]),
        gallery_dl: Fact::known(true, &[gallery_dl!("deviantart")]),
        advice: None,
    },
    Platform {
        id: "facebook",
        name: "Facebook",
        domains: &["facebook.com"],
        other_hosts: Fact::known(
            &[
                "fb.com",
                "fb.me",
                "fb.watch",
                "facebookwkhpilnemxj7asaniu7vnjjbiltxjqhye3mhbshg7kx5tfyd.onion",
            ],
            &[
                yt_dlp!("facebook"),
                "https://github.com/yt-dlp/yt-dlp/issues/2187",
                "https://www.business2community.com/facebook/facebooks-fb-me-link-shortener-0323513",
            ],
        ),
        login_url: Fact::known(
            "https://www.facebook.com/login",
            &[
                gallery_dl!("facebook"),
                "https://github.com/ferdium/ferdium-recipes/blob/main/recipes/facebook/package.json",
            ],
        ),
        login_cookies: Fact::known(
            &named(["c_user", "xs"]),
            &[
                "https://github.com/mautrix/meta/blob/main/pkg/messagix/cookies/cookies.go",
                "https://www.facebook.com/privacy/policies/cookies/",
            ],
        ),
        account_cookie: Fact::known(
            "c_user",
            &["https://github.com/mautrix/meta/blob/main/pkg/messagix/cookies/cookies.go"],
        ),
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::known(
            &[],
            &["https://github.com/mautrix/meta/blob/main/pkg/messagix/httpclient/http.go"],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("facebook")]),
        gallery_dl: Fact::known(true, &[gallery_dl!("facebook")]),
        advice: None,
    },
    Platform {
        id: "fanbox",
        name: "pixivFANBOX",
        domains: &["fanbox.cc"],
        other_hosts: Fact::NOT_KNOWN,
        login_url: Fact::known(
            "https://www.fanbox.cc/",
            &["https://github.com/matsumo0922/PixiView-KMP/blob/master/FANBOXSESSID.md"],
        ),
        login_cookies: Fact::known(
            &named(["FANBOXSESSID"]),
            &[gallery_dl!("fanbox"), "https://github.com/hareku/fanbox-dl/issues/19"],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::known(
            &["cf_clearance"],
            &[
                "https://github.com/KJHJason/Cultured-Downloader/issues/259",
                "https://github.com/mikf/gallery-dl/issues/5791",
            ],
        ),
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::NOT_KNOWN,
        bound_to_user_agent: Fact::known(true, &["https://github.com/mikf/gallery-dl/issues/6380"]),
        yt_dlp: Fact::known(false, &[SUPPORTED_BY_YT_DLP]),
        gallery_dl: Fact::known(true, &[gallery_dl!("fanbox")]),
        advice: Some(Advice::SameUserAgent),
    },
    Platform {
        id: "fansly",
        name: "Fansly",
        domains: &["fansly.com"],
        other_hosts: Fact::known(
            &["fans.ly"],
            &["https://github.com/NotiFansly/BetterFansly/blob/master/manifest.json"],
        ),
        login_url: Fact::known(
            "https://fansly.com/",
            &["https://github.com/agnosto/fansly-scraper/blob/main/config.md"],
        ),
        // Not written here: f-s-c is set at a login, and whether it is needed is not known.
        login_cookies: Fact::known(
            &[],
            &["https://github.com/Jakan-Kink/fansly-scraper/blob/main/api/fansly.py"],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::known(
            &[LoginEntry {
                origin: "https://fansly.com",
                area: Area::LocalStorage,
                name: "session_active_session",
                proof: Some(Part::Json("/token")),
                account: Some(Part::Json("/accountId")),
                all_accounts: None,
            }],
            &[
                "https://github.com/prof79/fansly-downloader-ng/blob/main/config/browser.py",
                "https://github.com/NotiFansly/BetterFansly/blob/master/src/plugins/accountManager.js",
                "https://github.com/agnosto/fansly-scraper/wiki/Account-Settings",
            ],
        ),
        headers: Fact::known(
            &[LoginHeader {
                name: "authorization",
                prefix: "",
                source: HeaderSource::Entry("session_active_session", Part::Json("/token")),
                hosts: &["apiv3.fansly.com"],
            }],
            &[
                gallery_dl!("fansly"),
                "https://github.com/prof79/fansly-downloader-ng/blob/main/api/fansly.py",
            ],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(false, &[SUPPORTED_BY_YT_DLP]),
        gallery_dl: Fact::known(true, &[gallery_dl!("fansly")]),
        advice: None,
    },
    Platform {
        id: "furaffinity",
        name: "Fur Affinity",
        domains: &["furaffinity.net"],
        other_hosts: Fact::NOT_KNOWN,
        login_url: Fact::known(
            "https://www.furaffinity.net/login",
            &[
                "https://github.com/mvdicarlo/postybirb/blob/main/apps/client-server/src/app/websites/implementations/fur-affinity/fur-affinity.website.ts",
            ],
        ),
        login_cookies: Fact::known(
            &named(["a", "b"]),
            &[gallery_dl!("furaffinity"), "https://github.com/mikf/gallery-dl/issues/3931"],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::NOT_KNOWN,
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(false, &[SUPPORTED_BY_YT_DLP]),
        gallery_dl: Fact::known(true, &[gallery_dl!("furaffinity")]),
        advice: None,
    },
    Platform {
        id: "imgur",
        name: "Imgur",
        domains: &["imgur.com"],
        other_hosts: Fact::known(&["imgur.io"], &[gallery_dl!("imgur")]),
        login_url: Fact::known(
            "https://imgur.com/signin",
            &["https://github.com/pixartist/ImgurSharp/blob/master/Imgur.cs"],
        ),
        login_cookies: Fact::known(
            &named(["accesstoken"]),
            &[gallery_dl!("imgur"), "https://github.com/mikf/gallery-dl/issues/9763"],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::NOT_KNOWN,
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("imgur")]),
        gallery_dl: Fact::known(true, &[gallery_dl!("imgur")]),
        advice: None,
    },
    Platform {
        id: "instagram",
        name: "Instagram",
        domains: &["instagram.com"],
        other_hosts: Fact::known(
            &["ig.me", "instagr.am"],
            &[
                "https://github.com/php-embed/Embed/pull/370",
                "https://developers.facebook.com/documentation/business-messaging/instagram-messaging/features/ig-me-links.md",
            ],
        ),
        login_url: Fact::known(
            "https://www.instagram.com/accounts/login/",
            &["https://github.com/mautrix/meta/blob/main/pkg/igconnector/login.go"],
        ),
        login_cookies: Fact::known(
            &named(["sessionid", "ds_user_id"]),
            &[
                "https://github.com/mautrix/meta/blob/main/pkg/messagix/cookies/cookies.go",
                yt_dlp!("instagram"),
                gallery_dl!("instagram"),
            ],
        ),
        account_cookie: Fact::known(
            "ds_user_id",
            &["https://github.com/mautrix/meta/blob/main/pkg/messagix/cookies/cookies.go"],
        ),
        // Not written here: csrftoken changes with many answers, which would renew the session all the time.
        rotating_cookies: Fact::known(&[], &[gallery_dl!("instagram")]),
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::known(
            &[LoginHeader {
                name: "x-csrftoken",
                prefix: "",
                source: HeaderSource::Cookie("csrftoken"),
                hosts: &["www.instagram.com"],
            }],
            &[
                yt_dlp!("instagram"),
                gallery_dl!("instagram"),
                "https://github.com/instaloader/instaloader/blob/master/instaloader/instaloadercontext.py",
            ],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("instagram")]),
        gallery_dl: Fact::known(true, &[gallery_dl!("instagram")]),
        advice: None,
    },
    Platform {
        id: "itaku",
        name: "Itaku",
        domains: &["itaku.ee"],
        other_hosts: Fact::NOT_KNOWN,
        login_url: Fact::known(
            "https://itaku.ee/",
            &[
                "https://github.com/mvdicarlo/postybirb/blob/main/apps/client-server/src/app/websites/implementations/itaku/itaku.website.ts",
            ],
        ),
        login_cookies: Fact::NOT_KNOWN,
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::known(
            &[LoginEntry {
                origin: "https://itaku.ee",
                area: Area::LocalStorage,
                name: "token",
                proof: Some(Part::Whole),
                account: None,
                all_accounts: None,
            }],
            &[
                "https://github.com/mvdicarlo/postybirb/blob/main/apps/client-server/src/app/websites/implementations/itaku/itaku.website.ts",
            ],
        ),
        headers: Fact::known(
            &[LoginHeader {
                name: "authorization",
                prefix: "Token ",
                source: HeaderSource::Entry("token", Part::Whole),
                hosts: &["itaku.ee"],
            }],
            &[
                "https://github.com/mvdicarlo/postybirb/blob/main/apps/client-server/src/app/websites/implementations/itaku/itaku.website.ts",
            ],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(false, &[SUPPORTED_BY_YT_DLP]),
        gallery_dl: Fact::known(true, &[gallery_dl!("itaku")]),
        advice: None,
    },
    Platform {
        id: "iwara",
        name: "Iwara",
        domains: &["iwara.tv"],
        other_hosts: Fact::known(&["iwara.ai"], &[gallery_dl!("iwara")]),
        login_url: Fact::known(
            "https://www.iwara.tv/login",
            &[
                "https://github.com/KurtBestor/Hitomi-Downloader/blob/master/src/extractor/iwara_downloader.py",
            ],
        ),
        login_cookies: Fact::NOT_KNOWN,
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::known(
            &[LoginEntry {
                origin: "https://www.iwara.tv",
                area: Area::LocalStorage,
                name: "token",
                proof: Some(Part::Whole),
                account: None,
                all_accounts: None,
            }],
            &["https://github.com/dawn-lc/IwaraDownloadTool/blob/master/src/function.ts", yt_dlp!("iwara")],
        ),
        // Not written here: most requests need a token that is fetched with this one.
        headers: Fact::known(
            &[],
            &["https://github.com/dawn-lc/IwaraDownloadTool/blob/master/src/function.ts", yt_dlp!("iwara")],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("iwara")]),
        gallery_dl: Fact::known(true, &[gallery_dl!("iwara")]),
        advice: None,
    },
    Platform {
        id: "kick",
        name: "Kick",
        domains: &["kick.com"],
        other_hosts: Fact::NOT_KNOWN,
        login_url: Fact::known(
            "https://kick.com/login",
            &["https://github.com/eerimoq/moblin/blob/main/Moblin/StreamingPlatforms/Kick/KickAuth.swift"],
        ),
        login_cookies: Fact::known(
            &named(["session_token"]),
            &[yt_dlp!("kick"), "https://github.com/yt-dlp/yt-dlp/issues/13550"],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        // Not written here: it is a percent-encoded cookie.
        headers: Fact::known(&[], &[yt_dlp!("kick")]),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("kick")]),
        gallery_dl: Fact::known(false, &[SUPPORTED_BY_GALLERY_DL]),
        advice: None,
    },
    Platform {
        id: "linkedin",
        name: "LinkedIn",
        domains: &["linkedin.com"],
        other_hosts: Fact::known(&["lnkd.in"], &["https://www.linkedin.com/help/linkedin/answer/a521889/"]),
        login_url: Fact::known(
            "https://www.linkedin.com/login",
            &["https://github.com/mautrix/linkedin/blob/main/pkg/connector/login.go"],
        ),
        login_cookies: Fact::known(
            &named(["li_at"]),
            &["https://www.linkedin.com/legal/l/cookie-table", yt_dlp!("linkedin")],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::known(
            &["JSESSIONID"],
            &["https://github.com/EseToni/open-linkedin-api/issues/4"],
        ),
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::known(
            &[LoginHeader {
                name: "csrf-token",
                prefix: "",
                source: HeaderSource::Cookie("JSESSIONID"),
                hosts: &["www.linkedin.com"],
            }],
            &[
                yt_dlp!("linkedin"),
                "https://github.com/mautrix/linkedin/blob/main/pkg/linkedingo/request.go",
                "https://github.com/tomquirk/linkedin-api/blob/main/linkedin_api/client.py",
            ],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("linkedin")]),
        gallery_dl: Fact::known(false, &[SUPPORTED_BY_GALLERY_DL]),
        advice: None,
    },
    Platform {
        id: "nebula",
        name: "Nebula",
        domains: &["nebula.tv"],
        other_hosts: Fact::known(&["nebula.app", "watchnebula.com"], &[yt_dlp!("nebula")]),
        login_url: Fact::known(
            "https://nebula.tv/login",
            &["https://github.com/futo-org/grayjay-plugin-nebula/blob/master/NebulaConfig.json"],
        ),
        login_cookies: Fact::known(&named(["nebula_auth.apiToken"]), &[yt_dlp!("nebula")]),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::known(
            &[LoginHeader {
                name: "authorization",
                prefix: "Token ",
                source: HeaderSource::Cookie("nebula_auth.apiToken"),
                hosts: &["users.api.nebula.app"],
            }],
            &[yt_dlp!("nebula")],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("nebula")]),
        gallery_dl: Fact::known(false, &[SUPPORTED_BY_GALLERY_DL]),
        advice: None,
    },
    Platform {
        id: "niconico",
        name: "Niconico",
        domains: &["nicovideo.jp"],
        other_hosts: Fact::known(&["nico.ms"], &[yt_dlp!("niconico")]),
        login_url: Fact::known("https://account.nicovideo.jp/login", &[yt_dlp!("niconico")]),
        login_cookies: Fact::known(
            &named(["user_session"]),
            &[
                yt_dlp!("niconico"),
                gallery_dl!("seiga"),
                "https://github.com/niconicolibs/niconico.py/issues/1",
            ],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::NOT_KNOWN,
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("niconico")]),
        gallery_dl: Fact::known(true, &[gallery_dl!("seiga")]),
        advice: None,
    },
    Platform {
        id: "onlyfans",
        name: "OnlyFans",
        domains: &["onlyfans.com"],
        other_hosts: Fact::NOT_KNOWN,
        login_url: Fact::known(
            "https://onlyfans.com/",
            &["https://github.com/sim0n00ps/OF-DL/blob/master/OF%20DL/Helpers/AuthHelper.cs"],
        ),
        login_cookies: Fact::known(
            &named(["sess", "auth_id"]),
            &[
                "https://github.com/M-rcus/OnlyFans-Cookie-Helper/blob/master/popup/cookies.js",
                "https://of-scraper.gitbook.io/of-scraper/getting-started/auth",
            ],
        ),
        account_cookie: Fact::known(
            "auth_id",
            &[
                "https://github.com/M-rcus/OnlyFans-Cookie-Helper/blob/master/popup/cookies.js",
                "https://of-scraper.gitbook.io/of-scraper/getting-started/auth",
            ],
        ),
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::known(
            &[LoginEntry {
                origin: "https://onlyfans.com",
                area: Area::LocalStorage,
                name: "bcTokenSha",
                proof: None,
                account: None,
                all_accounts: None,
            }],
            &[
                "https://github.com/M-rcus/OnlyFans-Cookie-Helper/blob/master/content_scripts/bcToken.js",
                "https://github.com/sim0n00ps/OF-DL/blob/master/OF%20DL/Helpers/AuthHelper.cs",
            ],
        ),
        headers: Fact::known(
            &[
                LoginHeader {
                    name: "x-bc",
                    prefix: "",
                    source: HeaderSource::Entry("bcTokenSha", Part::Whole),
                    hosts: &["onlyfans.com"],
                },
                LoginHeader {
                    name: "user-id",
                    prefix: "",
                    source: HeaderSource::Cookie("auth_id"),
                    hosts: &["onlyfans.com"],
                },
            ],
            &[
                "https://github.com/datawhores/OF-Scraper/blob/main/ofscraper/utils/auth/request.py",
                "https://github.com/sim0n00ps/OF-DL/blob/master/OF%20DL/Helpers/APIHelper.cs",
            ],
        ),
        bound_to_user_agent: Fact::known(
            true,
            &[
                "https://github.com/sim0n00ps/OF-DL/issues/302",
                "https://github.com/k0rnh0li0/onlyfans-dl/issues/144",
            ],
        ),
        yt_dlp: Fact::known(false, &[SUPPORTED_BY_YT_DLP]),
        gallery_dl: Fact::known(false, &[SUPPORTED_BY_GALLERY_DL]),
        advice: Some(Advice::SameUserAgent),
    },
    Platform {
        id: "patreon",
        name: "Patreon",
        domains: &["patreon.com"],
        other_hosts: Fact::NOT_KNOWN,
        login_url: Fact::known(
            "https://www.patreon.com/login",
            &[
                "https://github.com/futo-org/grayjay-plugin-patreon/blob/master/PatreonConfig.json",
                "https://github.com/mvdicarlo/postybirb/blob/main/apps/client-server/src/app/websites/implementations/patreon/patreon.website.ts",
            ],
        ),
        login_cookies: Fact::known(&named(["session_id"]), &[yt_dlp!("patreon"), gallery_dl!("patreon")]),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::NOT_KNOWN,
        bound_to_user_agent: Fact::known(false, &[yt_dlp!("patreon"), gallery_dl!("patreon")]),
        yt_dlp: Fact::known(true, &[yt_dlp!("patreon")]),
        gallery_dl: Fact::known(true, &[gallery_dl!("patreon")]),
        advice: None,
    },
    Platform {
        id: "picarto",
        name: "Picarto",
        domains: &["picarto.tv"],
        other_hosts: Fact::NOT_KNOWN,
        login_url: Fact::known(
            "https://picarto.tv/",
            &[
                "https://github.com/mvdicarlo/postybirb/blob/main/apps/client-server/src/app/websites/implementations/picarto/picarto.website.ts",
            ],
        ),
        login_cookies: Fact::NOT_KNOWN,
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::known(
            &[LoginEntry {
                origin: "https://picarto.tv",
                area: Area::LocalStorage,
                name: "auth",
                proof: Some(Part::Json("/access_token")),
                account: Some(Part::Json("/user/id")),
                all_accounts: None,
            }],
            &[
                "https://github.com/mvdicarlo/postybirb/blob/main/apps/client-server/src/app/websites/implementations/picarto/picarto.website.ts",
            ],
        ),
        headers: Fact::known(
            &[LoginHeader {
                name: "authorization",
                prefix: "Bearer ",
                source: HeaderSource::Entry("auth", Part::Json("/access_token")),
                hosts: &["ptvintern.picarto.tv"],
            }],
            &[
                "https://github.com/mvdicarlo/postybirb/blob/main/apps/client-server/src/app/websites/implementations/picarto/picarto.website.ts",
            ],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("picarto")]),
        gallery_dl: Fact::known(true, &[gallery_dl!("picarto")]),
        advice: None,
    },
    Platform {
        id: "pinterest",
        name: "Pinterest",
        domains: &["pinterest.com"],
        other_hosts: Fact::known(
            &[
                "pin.it",
                "pinterest.at",
                "pinterest.be",
                "pinterest.ca",
                "pinterest.ch",
                "pinterest.cl",
                "pinterest.co",
                "pinterest.co.at",
                "pinterest.co.in",
                "pinterest.co.kr",
                "pinterest.co.nz",
                "pinterest.co.uk",
                "pinterest.com.au",
                "pinterest.com.bo",
                "pinterest.com.ec",
                "pinterest.com.mx",
                "pinterest.com.pe",
                "pinterest.com.py",
                "pinterest.com.uy",
                "pinterest.com.vn",
                "pinterest.de",
                "pinterest.dk",
                "pinterest.ec",
                "pinterest.es",
                "pinterest.fr",
                "pinterest.hu",
                "pinterest.id",
                "pinterest.ie",
                "pinterest.in",
                "pinterest.info",
                "pinterest.it",
                "pinterest.jp",
                "pinterest.kr",
                "pinterest.mx",
                "pinterest.nl",
                "pinterest.nz",
                "pinterest.pe",
                "pinterest.ph",
                "pinterest.pt",
                "pinterest.ru",
                "pinterest.th",
                "pinterest.tw",
                "pinterest.uk",
                "pinterest.vn",
            ],
            &[yt_dlp!("pinterest")],
        ),
        login_url: Fact::known(
            "https://www.pinterest.com/login/",
            &["https://github.com/bstoilov/py3-pinterest/blob/master/py3pin/Pinterest.py"],
        ),
        login_cookies: Fact::known(
            &[LoginCookie { name: "_auth", value: ProofValue::Exactly("1"), ..NAMED }],
            &[
                "https://github.com/sean1832/pinterest-dl/blob/main/pinterest_dl/cli.py",
                "https://help.pinterest.com/en/business/article/pinterest-tag-parameters-and-cookies",
            ],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::known(
            &["_pinterest_sess"],
            &["https://help.pinterest.com/en/business/article/pinterest-tag-parameters-and-cookies"],
        ),
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::known(
            &[LoginHeader {
                name: "x-csrftoken",
                prefix: "",
                source: HeaderSource::Cookie("csrftoken"),
                hosts: &["www.pinterest.com"],
            }],
            &[
                "https://github.com/bstoilov/py3-pinterest/blob/master/py3pin/Pinterest.py",
                "https://github.com/openweb-org/openweb/blob/main/src/sites/pinterest/DOC.md",
            ],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("pinterest")]),
        gallery_dl: Fact::known(true, &[gallery_dl!("pinterest")]),
        advice: None,
    },
    Platform {
        id: "pixiv",
        name: "pixiv",
        domains: &["pixiv.net"],
        other_hosts: Fact::known(&["pixiv.me"], &[gallery_dl!("pixiv")]),
        login_url: Fact::known(
            "https://accounts.pixiv.net/login",
            &["https://github.com/streamlink/streamlink/blob/master/src/streamlink/plugins/pixiv.py"],
        ),
        login_cookies: Fact::known(
            &[LoginCookie { name: "PHPSESSID", value: ProofValue::NumberThen(b'_'), ..NAMED }],
            &[gallery_dl!("pixiv"), "https://github.com/Nandaka/PixivUtil2/issues/831"],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::NOT_KNOWN,
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(false, &[SUPPORTED_BY_YT_DLP]),
        gallery_dl: Fact::known(true, &[gallery_dl!("pixiv")]),
        advice: None,
    },
    Platform {
        id: "reddit",
        name: "Reddit",
        domains: &["reddit.com"],
        other_hosts: Fact::known(
            &["redd.it", "redditmedia.com", "reddituploads.com"],
            &[yt_dlp!("reddit"), gallery_dl!("reddit")],
        ),
        login_url: Fact::known(
            "https://www.reddit.com/login",
            &[
                "https://github.com/elebumm/RedditVideoMakerBot/blob/master/video_creation/screenshot_downloader.py",
            ],
        ),
        login_cookies: Fact::known(&named(["reddit_session"]), &[yt_dlp!("reddit")]),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::known(
            &["token_v2"],
            &["https://github.com/ArthurHeitmann/photon-reddit/issues/22"],
        ),
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::known(
            &[LoginHeader {
                name: "authorization",
                prefix: "Bearer ",
                source: HeaderSource::Cookie("token_v2"),
                hosts: &["oauth.reddit.com", "gql.reddit.com"],
            }],
            &[
                "https://github.com/openweb-org/openweb/blob/main/src/sites/reddit/openapi.yaml",
                "https://github.com/h4l/headgear/blob/main/src/popup.tsx",
            ],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("reddit")]),
        gallery_dl: Fact::known(true, &[gallery_dl!("reddit")]),
        advice: None,
    },
    Platform {
        id: "soundcloud",
        name: "SoundCloud",
        domains: &["soundcloud.com"],
        other_hosts: Fact::NOT_KNOWN,
        login_url: Fact::known(
            "https://soundcloud.com/signin",
            &[
                "https://github.com/Kopuz-org/kopuz/blob/master/crates/server/src/soundcloud.rs",
                "https://github.com/lbrndnr/nuage-macos/blob/main/Nuage/Views/LoginView.swift",
            ],
        ),
        login_cookies: Fact::known(&named(["oauth_token"]), &[yt_dlp!("soundcloud")]),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::known(
            &[LoginHeader {
                name: "authorization",
                prefix: "OAuth ",
                source: HeaderSource::Cookie("oauth_token"),
                hosts: &["api-v2.soundcloud.com"],
            }],
            &[yt_dlp!("soundcloud")],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("soundcloud")]),
        gallery_dl: Fact::known(false, &[SUPPORTED_BY_GALLERY_DL]),
        advice: None,
    },
    Platform {
        id: "substack",
        name: "Substack",
        domains: &["substack.com"],
        other_hosts: Fact::NOT_KNOWN,
        login_url: Fact::known(
            "https://substack.com/sign-in",
            &["https://github.com/timf34/Substack2Markdown/blob/main/substack_scraper.py"],
        ),
        login_cookies: Fact::known(
            &named(["substack.sid"]),
            &[
                "https://github.com/NHagar/substack_api/blob/main/docs/authentication.md",
                "https://github.com/alexferrari88/sbstck-dl/pull/2",
            ],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::known(&[], &["https://github.com/alexferrari88/sbstck-dl/pull/2"]),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("substack")]),
        gallery_dl: Fact::known(false, &[SUPPORTED_BY_GALLERY_DL]),
        advice: None,
    },
    Platform {
        id: "threads",
        name: "Threads",
        domains: &["threads.com", "threads.net"],
        other_hosts: Fact::NOT_KNOWN,
        login_url: Fact::known(
            "https://www.threads.com/login",
            &["https://github.com/philjhowson/sociallistening/blob/main/src/data/threads_get_login.py"],
        ),
        login_cookies: Fact::known(
            &named(["sessionid"]),
            &["https://github.com/aditya76-git/threadscrape-threads-net-web-api"],
        ),
        account_cookie: Fact::known("ds_user_id", &["https://www.facebook.com/privacy/policies/cookies/"]),
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::known(
            &[LoginHeader {
                name: "x-csrftoken",
                prefix: "",
                source: HeaderSource::Cookie("csrftoken"),
                hosts: &["www.threads.net"],
            }],
            &["https://github.com/aditya76-git/threadscrape-threads-net-web-api"],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(false, &[SUPPORTED_BY_YT_DLP]),
        gallery_dl: Fact::known(false, &[SUPPORTED_BY_GALLERY_DL]),
        advice: None,
    },
    Platform {
        id: "tiktok",
        name: "TikTok",
        domains: &["tiktok.com"],
        other_hosts: Fact::known(&["tiktokv.com"], &[yt_dlp!("tiktok")]),
        login_url: Fact::known("https://www.tiktok.com/login", &[yt_dlp!("tiktok"), gallery_dl!("tiktok")]),
        login_cookies: Fact::known(
            &named(["sessionid"]),
            &[
                "https://github.com/isaackogan/TikTokLive/blob/master/TikTokLive/client/web/web_base.py",
                yt_dlp!("tiktok"),
            ],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::NOT_KNOWN,
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("tiktok")]),
        gallery_dl: Fact::known(true, &[gallery_dl!("tiktok")]),
        advice: None,
    },
    Platform {
        id: "twitch",
        name: "Twitch",
        domains: &["twitch.tv"],
        other_hosts: Fact::NOT_KNOWN,
        login_url: Fact::known("https://www.twitch.tv/login", &[yt_dlp!("twitch")]),
        login_cookies: Fact::known(
            &named(["auth-token"]),
            &[
                yt_dlp!("twitch"),
                "https://github.com/streamlink/streamlink/blob/master/docs/cli/plugins/twitch.rst",
            ],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::known(
            &[
                LoginHeader {
                    name: "authorization",
                    prefix: "OAuth ",
                    source: HeaderSource::Cookie("auth-token"),
                    hosts: &["gql.twitch.tv"],
                },
                LoginHeader {
                    name: "x-device-id",
                    prefix: "",
                    source: HeaderSource::Cookie("unique_id"),
                    hosts: &["gql.twitch.tv"],
                },
            ],
            &[
                yt_dlp!("twitch"),
                "https://github.com/Nerixyz/ttv-tools/blob/master/src/background/utilities/request.utilities.ts",
            ],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("twitch")]),
        gallery_dl: Fact::known(false, &[SUPPORTED_BY_GALLERY_DL]),
        advice: None,
    },
    Platform {
        id: "vimeo",
        name: "Vimeo",
        domains: &["vimeo.com"],
        other_hosts: Fact::known(&["vimeopro.com"], &[yt_dlp!("vimeo")]),
        login_url: Fact::known("https://vimeo.com/log_in", &[yt_dlp!("vimeo")]),
        login_cookies: Fact::known(
            &named(["vimeo"]),
            &[yt_dlp!("vimeo"), "https://github.com/yt-dlp/yt-dlp/pull/10906"],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::NOT_KNOWN,
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::known(&[], &[yt_dlp!("vimeo")]),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("vimeo")]),
        gallery_dl: Fact::known(false, &[SUPPORTED_BY_GALLERY_DL]),
        advice: None,
    },
    Platform {
        id: "weverse",
        name: "Weverse",
        domains: &["weverse.io"],
        other_hosts: Fact::NOT_KNOWN,
        login_url: Fact::known(
            "https://weverse.io/",
            &[yt_dlp!("weverse"), "https://github.com/MujyKun/Weverse/blob/main/README.md"],
        ),
        login_cookies: Fact::known(&named(["we2_access_token", "we2_refresh_token"]), &[yt_dlp!("weverse")]),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::known(&["we2_access_token", "we2_refresh_token"], &[yt_dlp!("weverse")]),
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::known(
            &[LoginHeader {
                name: "authorization",
                prefix: "Bearer ",
                source: HeaderSource::Cookie("we2_access_token"),
                hosts: &["accountapi.weverse.io"],
            }],
            &[yt_dlp!("weverse")],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("weverse")]),
        gallery_dl: Fact::known(false, &[SUPPORTED_BY_GALLERY_DL]),
        advice: None,
    },
    Platform {
        id: "x",
        name: "X",
        domains: &["x.com", "twitter.com"],
        other_hosts: Fact::known(
            &["t.co", "amp.twimg.com", "twitter3e4tixl4xyajtrzo62zg5vztmjuricljdp2c5kshju4avyoid.onion"],
            &[yt_dlp!("twitter")],
        ),
        login_url: Fact::known(
            "https://x.com/i/flow/login",
            &["https://github.com/mautrix/twitter/blob/main/pkg/connector/login.go"],
        ),
        login_cookies: Fact::known(
            &named(["auth_token", "ct0"]),
            &[
                yt_dlp!("twitter"),
                gallery_dl!("twitter"),
                "https://github.com/mautrix/twitter/blob/main/pkg/connector/login.go",
            ],
        ),
        account_cookie: Fact::known(
            "twid",
            &["https://github.com/mautrix/twitter/blob/main/pkg/twittermeow/client.go"],
        ),
        rotating_cookies: Fact::known(
            &["ct0"],
            &[gallery_dl!("twitter"), "https://github.com/HCLonely/auto-task/issues/45"],
        ),
        device_bound_cookies: Fact::NOT_KNOWN,
        storage: Fact::NOT_KNOWN,
        headers: Fact::known(
            &[LoginHeader {
                name: "x-csrf-token",
                prefix: "",
                source: HeaderSource::Cookie("ct0"),
                hosts: &["x.com", "api.x.com"],
            }],
            &[
                yt_dlp!("twitter"),
                gallery_dl!("twitter"),
                "https://github.com/mautrix/twitter/blob/main/pkg/twittermeow/headers.go",
            ],
        ),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("twitter")]),
        gallery_dl: Fact::known(true, &[gallery_dl!("twitter")]),
        advice: None,
    },
    Platform {
        id: "youtube",
        name: "YouTube",
        domains: &["youtube.com"],
        other_hosts: Fact::known(
            &["youtu.be", "youtube-nocookie.com", "youtubekids.com", "youtube.googleapis.com"],
            &[yt_dlp!("youtube/_video")],
        ),
        login_url: Fact::known(
            "https://accounts.google.com/ServiceLogin?service=youtube",
            &["https://github.com/futo-org/grayjay-plugin-youtube/blob/master/YoutubeConfig.json"],
        ),
        login_cookies: Fact::known(
            &[
                LoginCookie { name: "LOGIN_INFO", ..NAMED },
                LoginCookie {
                    name: "SAPISID",
                    substitutes: &["__Secure-1PAPISID", "__Secure-3PAPISID"],
                    ..NAMED
                },
            ],
            &[yt_dlp!("youtube/_base"), "https://github.com/yt-dlp/yt-dlp/pull/395"],
        ),
        account_cookie: Fact::NOT_KNOWN,
        rotating_cookies: Fact::known(
            &["__Secure-1PSIDTS", "__Secure-3PSIDTS"],
            &[
                "https://github.com/yt-dlp/yt-dlp/wiki/Extractors#exporting-youtube-cookies",
                "https://github.com/chromium/chromium/blob/main/chrome/browser/signin/bound_session_credentials/bound_session_cookie_refresh_service_impl_browsertest.cc",
            ],
        ),
        device_bound_cookies: Fact::known(
            &["__Secure-1PSIDTS", "__Secure-3PSIDTS"],
            &[
                "https://github.com/chromium/chromium/blob/main/chrome/browser/signin/bound_session_credentials/bound_session_oauth_multilogin_delegate_impl_unittest.cc",
                "https://github.com/chromium/chromium/blob/main/chrome/browser/signin/bound_session_credentials/bound_session_cookie_refresh_service_impl_browsertest.cc",
            ],
        ),
        storage: Fact::NOT_KNOWN,
        // Not written here: computed from cookies, the time and the page.
        headers: Fact::known(&[], &[yt_dlp!("youtube/_base")]),
        bound_to_user_agent: Fact::NOT_KNOWN,
        yt_dlp: Fact::known(true, &[yt_dlp!("youtube/_video")]),
        gallery_dl: Fact::known(false, &[SUPPORTED_BY_GALLERY_DL]),
        advice: Some(Advice::PrivateWindow),
    },
];
