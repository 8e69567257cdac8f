//! The harness itself: it can do what the test programs rely on.

#![expect(clippy::unwrap_used, reason = "a missing requirement ends the test")]

use anyhow::Result;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::{Chromium, Launch, Profile, extension_id};
use stagepass_tests::browsers::display::Display;
use stagepass_tests::browsers::granted::grant_origins;
use stagepass_tests::browsers::popup::{self, PromptAnswer};
use stagepass_tests::platform::proxy::Proxy;
use stagepass_tests::platform::{FRONT_URL, LOGIN_URL, Platform, VIDEO, VIDEO_URL};
use stagepass_tests::system::process::{Program, clean_environment};
use stagepass_tests::tools::yt_dlp::{Download, YtDlp};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;

const SOON: Duration = Duration::from_secs(30);
const ORIGINS: &[&str] = &["*://*.instagram.com/*"];
const GET_ALL: &str = "chrome.cookies.getAll({domain: 'instagram.com', partitionKey: {}})";

fn probe_extension() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/probe-extension")
}

/// Signs in as a person would, with the form.
async fn sign_in(browser: &Chromium, platform: &Platform) -> Result<Attachment> {
    let tab = browser.open_tab(LOGIN_URL).await?;
    tab.fill("input[name=username]", platform.account().username).await?;
    tab.fill("input[name=password]", platform.account().password.expose_secret()).await?;
    tab.click("#submit").await?;
    let signed_in = "document.querySelector('#status')?.textContent.startsWith('Signed in')";
    tab.wait_for("the platform to say that we are signed in", SOON, signed_in).await?;
    Ok(tab)
}

/// A browser with the probe extension, which may read the platform's cookies, and a signed-in tab.
async fn signed_in_browser(platform: &Platform, profile: &Profile) -> Result<(Chromium, Attachment)> {
    let extension = probe_extension();
    let launch = Launch { extension: Some(&extension), platform: Some(platform), ..Launch::new(profile) };
    grant_origins(&launch, ORIGINS).await?;
    let browser = launch.start().await?;
    let tab = sign_in(&browser, platform).await?;
    Ok((browser, tab))
}

async fn text(session: &Attachment, selector: &str) -> String {
    let text = session.evaluate(&format!("document.querySelector('{selector}').textContent")).await.unwrap();
    text.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_popup_opens_headless_and_takes_clicks_and_keys() {
    let platform = Platform::start().await.unwrap();
    let profile = Profile::new().unwrap();
    let (browser, _tab) = signed_in_browser(&platform, &profile).await.unwrap();

    popup::put_worker_to_sleep(&browser).await.unwrap();
    let session = popup::open(&browser).await.unwrap();
    session
        .wait_for("the tab", SOON, "document.querySelector('#cookies').textContent !== 'unknown'")
        .await
        .unwrap();
    assert_eq!(text(&session, "#tab").await, FRONT_URL);
    assert_eq!(text(&session, "#cookies").await, "10", "all but the expired one");
    session.fill("#note", "typed").await.unwrap();
    assert_eq!(session.evaluate("document.querySelector('#note').value").await.unwrap(), json!("typed"));
    session.press("Tab").await.unwrap();
    // Access is already granted, so the browser does not ask.
    session.press("Enter").await.unwrap();
    session
        .wait_for("the outcome", SOON, "document.querySelector('#outcome').textContent === 'granted'")
        .await
        .unwrap();
    let picture = profile.path().join("popup.png");
    session.screenshot(&picture).await.unwrap();
    assert!(std::fs::read(picture).unwrap().starts_with(b"\x89PNG"));
    session.click("#request").await.unwrap();
    session.close().await.unwrap();
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_holds_the_cookies_as_the_platform_issued_them() {
    let platform = Platform::start().await.unwrap();
    let profile = Profile::new().unwrap();
    let (browser, _tab) = signed_in_browser(&platform, &profile).await.unwrap();

    let worker = popup::service_worker(&browser).await.unwrap();
    let held = worker.evaluate(GET_ALL).await.unwrap();
    let held = held.as_array().unwrap();
    let now = worker.evaluate("Date.now() / 1000").await.unwrap().as_f64().unwrap();
    let issued = platform.issued_cookies();
    assert_eq!(issued.len(), 11);
    for issued in &issued {
        let cookie = &issued.cookie;
        let found = held.iter().find(|held| held["name"] == cookie.name.as_str());
        if cookie.expires.is_some_and(|expires| (expires as f64) < now) {
            assert!(found.is_none(), "{} has expired", cookie.name);
            continue;
        }
        let found = found.unwrap_or_else(|| panic!("{} is not held", cookie.name));
        assert!(found["value"] == cookie.value.expose_secret(), "{}", cookie.name);
        assert_eq!(found["domain"], cookie.domain.as_str(), "{}", cookie.name);
        assert_eq!(found["path"], cookie.path.as_str(), "{}", cookie.name);
        assert_eq!(found["hostOnly"], cookie.is_host_only(), "{}", cookie.name);
        assert_eq!(found["httpOnly"], cookie.http_only, "{}", cookie.name);
        assert_eq!(found["secure"], cookie.secure, "{}", cookie.name);
        assert_eq!(found["session"], cookie.expires.is_none(), "{}", cookie.name);
        let same_site = cookie.same_site.map_or(json!("unspecified"), |same_site| match json!(same_site) {
            Value::String(none) if none == "none" => json!("no_restriction"),
            other => other,
        });
        assert_eq!(found["sameSite"], same_site, "{}", cookie.name);
        assert_eq!(found.get("partitionKey").is_some(), issued.is_partitioned, "{}", cookie.name);
        if let Some(expires) = cookie.expires {
            let late = found["expirationDate"].as_f64().unwrap() - expires as f64;
            assert!((-1.0..=2.0).contains(&late), "{} expires {late} s late", cookie.name);
        }
    }
    assert_eq!(held.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_reaches_nothing_but_the_platform() {
    let platform = Platform::start().await.unwrap();
    let profile = Profile::new().unwrap();
    let browser = Launch { platform: Some(&platform), ..Launch::new(&profile) }.start().await.unwrap();
    let error = browser.open_tab("https://www.example.org/").await.unwrap_err();
    assert!(format!("{error:#}").contains("ERR_NAME_NOT_RESOLVED"), "{error:#}");
    // Another platform's certificate is refused, even with the same names.
    let other = Platform::start().await.unwrap();
    let error = browser.open_tab(&format!("https://{}/", other.address())).await.unwrap_err();
    assert!(format!("{error:#}").contains("ERR_CERT"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_goes_on_in_the_page_that_follows() {
    let platform = Platform::start().await.unwrap();
    let profile = Profile::new().unwrap();
    let browser = Launch { platform: Some(&platform), ..Launch::new(&profile) }.start().await.unwrap();
    let tab = browser.open_tab(LOGIN_URL).await.unwrap();
    // The first page never answers: the condition takes it away.
    let condition = "location.hash === '#next' && !window.isOld || (() => { \
                     window.isOld = true; location.href = location.pathname + '?again#next'; \
                     return new Promise(() => {}); })()";
    tab.wait_for("the next page", SOON, condition).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_console_lines_of_a_page_are_seen() {
    let profile = Profile::new().unwrap();
    let browser = Launch::new(&profile).start().await.unwrap();
    let tab = browser.open_tab("data:text/html,<button disabled>x</button>").await.unwrap();
    let error = tab.evaluate("Promise.reject(new TypeError('no good'))").await.unwrap_err();
    assert!(error.to_string().contains("TypeError: no good"), "{error}");
    tab.evaluate("console.warn('told', 7); setTimeout(() => { throw new Error('later') })").await.unwrap();
    tab.wait_for("the timer", SOON, "new Promise((done) => setTimeout(() => done(true), 50))").await.unwrap();
    let said = tab.console();
    assert!(said.iter().any(|entry| entry.level == "warning" && entry.text == "told 7"), "{said:?}");
    assert!(said.iter().any(|entry| entry.level == "exception" && entry.text.contains("later")), "{said:?}");
    let error = tab.wait_for("the impossible", Duration::from_millis(200), "false").await.unwrap_err();
    assert_eq!(error.to_string(), "timed out after 0.2 s waiting for the impossible");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_browser_leaves_no_process_behind() {
    let profile = Profile::new().unwrap();
    let mark = profile.path().display().to_string();
    let browser = Launch::new(&profile).start().await.unwrap();
    assert!(processes_with(&mark) > 1, "a browser is several processes");
    drop(browser);
    stagepass_tests::system::wait::until("its processes to end", SOON, async || {
        Ok((processes_with(&mark) == 0).then_some(()))
    })
    .await
    .unwrap();
}

fn processes_with(argument: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .filter(|cmdline| String::from_utf8_lossy(cmdline).contains(argument))
        .count()
}

/// A headed browser with the probe, signed in, without any granted access.
struct Headed {
    display: Display,
    platform: Platform,
    profile: Profile,
}

impl Headed {
    async fn new() -> Self {
        let (display, platform) = tokio::try_join!(Display::start(), Platform::start()).unwrap();
        Self { display, platform, profile: Profile::new().unwrap() }
    }

    async fn start(&self) -> (Chromium, Attachment) {
        let extension = probe_extension();
        let launch = Launch {
            extension: Some(&extension),
            platform: Some(&self.platform),
            display: Some(self.display.name()),
            ..Launch::new(&self.profile)
        };
        let browser = launch.start().await.unwrap();
        let tab = sign_in(&browser, &self.platform).await.unwrap();
        (browser, tab)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_keys_open_the_popup_and_allow_the_site() {
    let headed = Headed::new().await;
    let (browser, tab) = headed.start().await;
    let session = popup::open_by_shortcut(&browser, &headed.display).await.unwrap();
    session
        .wait_for("the popup's script", SOON, "document.querySelector('#cookies').textContent !== 'unknown'")
        .await
        .unwrap();
    assert_eq!(text(&session, "#tab").await, FRONT_URL, "activeTab shows the address");
    assert_eq!(text(&session, "#cookies").await, "0", "nothing is granted yet");
    session.click("#request").await.unwrap();
    popup::answer_prompt(&headed.display, &tab, &session, PromptAnswer::Allow).await.unwrap();

    let worker = popup::service_worker(&browser).await.unwrap();
    worker
        .wait_for(
            "permissions.onAdded in the worker",
            SOON,
            "chrome.storage.local.get('added').then(({added}) => added)",
        )
        .await
        .unwrap();
    let added = worker.evaluate("chrome.storage.local.get('added')").await.unwrap();
    assert_eq!(added, json!({"added": ORIGINS}));
    assert_eq!(worker.evaluate(GET_ALL).await.unwrap().as_array().unwrap().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn real_keys_refuse_the_site() {
    let headed = Headed::new().await;
    let (browser, tab) = headed.start().await;
    let session = popup::open_by_shortcut(&browser, &headed.display).await.unwrap();
    session.click("#request").await.unwrap();
    popup::answer_prompt(&headed.display, &tab, &session, PromptAnswer::Deny).await.unwrap();
    let worker = popup::service_worker(&browser).await.unwrap();
    assert_eq!(worker.evaluate("chrome.storage.local.get('added')").await.unwrap(), json!({}));
    assert_eq!(
        worker.evaluate("chrome.permissions.contains({origins: ['*://*.instagram.com/*']})").await.unwrap(),
        json!(false)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_shows_the_video_only_to_signed_in_people() {
    let platform = Arc::new(Platform::start().await.unwrap());
    let proxy = Proxy::start(&platform).await.unwrap();
    let client = client(&platform, &proxy).redirect(reqwest::redirect::Policy::none()).build().unwrap();
    assert_eq!(client.get(VIDEO_URL).send().await.unwrap().status(), 403);
    let wrong = client.post(LOGIN_URL).header("content-type", "application/x-www-form-urlencoded");
    let wrong = wrong.body("username=stage.artist&password=wrong").send().await.unwrap();
    assert_eq!(wrong.status(), 401);

    let password = platform.account().password.expose_secret();
    let form = format!("username=stage.artist&password={password}");
    let right = client.post(LOGIN_URL).header("content-type", "application/x-www-form-urlencoded").body(form);
    assert_eq!(right.send().await.unwrap().status(), 303);
    let issued = platform.issued_cookies();
    let session_id = issued.iter().find(|issued| issued.cookie.name == "sessionid").unwrap();
    let cookie = format!("a=b; sessionid={}", session_id.cookie.value.expose_secret());
    let get = |range: &str| client.get(VIDEO_URL).header("cookie", &cookie).header("range", range).send();
    let whole = get("bytes=0-").await.unwrap();
    assert_eq!(
        (whole.status().as_u16(), whole.headers()["content-type"].to_str().unwrap()),
        (206, "video/mp4")
    );
    assert_eq!(whole.bytes().await.unwrap(), VIDEO);
    assert_eq!(get("bytes=4-7").await.unwrap().bytes().await.unwrap(), "ftyp");
    let head = client.head(VIDEO_URL).header("cookie", &cookie).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.content_length()), (200, Some(0)));
    assert_eq!(head.headers()["content-length"].to_str().unwrap(), VIDEO.len().to_string());

    let logout = client.post("https://www.instagram.com/accounts/logout/").header("cookie", &cookie);
    assert_eq!(logout.send().await.unwrap().status(), 303);
    assert_eq!(get("bytes=0-").await.unwrap().status(), 403);
    let statuses: Vec<u16> = platform.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [403, 401, 303, 206, 206, 200, 303, 403]);
    assert_eq!(platform.requests()[0].host, "www.instagram.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_leads_nowhere_else() {
    let platform = Arc::new(Platform::start().await.unwrap());
    let proxy = Proxy::start(&platform).await.unwrap();
    let client = client(&platform, &proxy).build().unwrap();
    for url in ["https://www.example.org/", "https://notinstagram.com/", "https://www.instagram.com:8443/"] {
        assert!(client.get(url).send().await.is_err(), "{url}");
    }
    assert_eq!(
        proxy.refused(),
        ["CONNECT www.example.org:443", "CONNECT notinstagram.com:443", "CONNECT www.instagram.com:8443"]
    );
    assert_eq!(platform.requests(), []);
}

fn client(platform: &Platform, proxy: &Proxy) -> reqwest::ClientBuilder {
    let authority = std::fs::read(platform.authority_pem()).unwrap();
    reqwest::Client::builder()
        .proxy(reqwest::Proxy::all(proxy.url()).unwrap())
        .tls_certs_only([reqwest::Certificate::from_pem(&authority).unwrap()])
}

#[tokio::test(flavor = "multi_thread")]
async fn yt_dlp_downloads_the_video_with_the_session_and_is_refused_without() {
    let platform = Arc::new(Platform::start().await.unwrap());
    let proxy = Proxy::start(&platform).await.unwrap();
    let yt_dlp = YtDlp::prepare().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cookies = folder.path().join("cookies.txt");
    platform.sign_in_to_file(&cookies).unwrap();
    let authority = platform.authority_pem();
    let video = folder.path().join("backstage.mp4");
    let with = Download {
        url: VIDEO_URL,
        cookies: Some(&cookies),
        proxy: &proxy.url(),
        authority_pem: &authority,
        folder: folder.path(),
    };

    let without = yt_dlp.download(&Download { cookies: None, ..with }).await.unwrap();
    assert!(!without.status.success() && without.stderr.contains("HTTP Error 403"), "{}", without.stderr);
    assert!(!video.exists());

    let stranger = Platform::start().await.unwrap().authority_pem();
    let untrusted = yt_dlp.download(&Download { authority_pem: &stranger, ..with }).await.unwrap();
    assert!(untrusted.stderr.contains("CERTIFICATE_VERIFY_FAILED"), "{}", untrusted.stderr);

    let outcome = yt_dlp.download(&with).await.unwrap();
    assert!(outcome.status.success(), "{}{}", outcome.stdout, outcome.stderr);
    assert_eq!(std::fs::read(video).unwrap(), VIDEO);

    let script = "import sys; from yt_dlp.cookies import YoutubeDLCookieJar as J; j = J(sys.argv[1]); j.load(); \
                  print(*sorted(c.name for c in j))";
    let names = yt_dlp.python(script, &[&cookies]).await.unwrap().stdout;
    assert!(names.contains("csrftoken") && names.contains("sessionid"), "{names}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_watched_and_killed() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "echo begun; read line; echo got $line >&2; sleep 60 & wait", "an-argument"]);
    command.env_clear().envs(clean_environment(home.path())).env("MARK", "seen");
    let mut program = Program::spawn(&mut command).unwrap();
    program.wait_for_line("its start", SOON, |line| line == "begun").await.unwrap();
    let has = |bytes: Vec<u8>, text: &str| String::from_utf8(bytes).unwrap().contains(text);
    assert!(has(program.cmdline().unwrap(), "an-argument") && has(program.environ().unwrap(), "MARK=seen"));
    let mut stdin = program.take_stdin().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"word\n").await.unwrap();
    program.wait_for_line("the echo", SOON, |line| line == "got word").await.unwrap();
    program.kill();
    let status = program.wait(SOON).await.unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    let error = program.wait_for_line("a miracle", SOON, |line| line == "never").await.unwrap_err();
    assert!(error.to_string().contains("before a miracle"), "{error}");
}

#[test]
fn the_probe_has_the_id_of_the_development_build() {
    assert_eq!(extension_id(&probe_extension()).unwrap(), stagepass_core::host::CHROMIUM_EXTENSION_ID);
}
