//! The pages for people at `/app`, in a real browser.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::json;
use stagepass_tests::axe::Axe;
use stagepass_tests::cdp::{ConsoleEntry, Session};
use stagepass_tests::chromium::{Chromium, Launch, Profile};
use stagepass_tests::installation::{Installation, Person, Store};
use stagepass_tests::process::cache_dir;
use stagepass_tests::server::{Client, Server};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// A server, somebody who may sign in, and a browser.
struct Stage {
    server: Server,
    person: Person,
    tab: Session,
    axe: Axe,
    _browser: Chromium,
    _profile: Profile,
    installation: Installation,
}

impl Stage {
    async fn start() -> Result<Self> {
        let installation = Installation::new(Store::Sqlite).await?;
        let person = installation.add_person().await?;
        let server = installation.serve().await?;
        let profile = Profile::new()?;
        let browser = Launch::new(&profile).start().await?;
        let tab = browser.open_tab("about:blank").await?;
        Ok(Self {
            axe: Axe::prepare().await?,
            server,
            person,
            tab,
            _browser: browser,
            _profile: profile,
            installation,
        })
    }

    async fn open(&self, path: &str) -> Result<()> {
        self.tab.navigate(&format!("{}{path}", self.server.url())).await
    }

    async fn sign_in(&self) -> Result<()> {
        self.tab.fill("#email", self.person.email()).await?;
        self.tab.fill("#password", self.person.password()).await?;
        self.press_button("Sign in").await
    }

    /// Clicks a button or link by its words, and waits for the page that it leads to.
    async fn press_button(&self, words: &str) -> Result<()> {
        let mark = format!(
            "(() => {{ const found = [...document.querySelectorAll('button, a')].filter((element) => \
             element.textContent.trim() === {0}); if (found.length === 1) found[0].id = 'wanted'; \
             window.isOld = true; return found.length; }})()",
            json!(words)
        );
        let found = self.tab.evaluate(&mark).await?;
        ensure!(found == 1, "{found} elements say {words:?} at {}", self.path().await?);
        self.tab.click("#wanted").await?;
        self.tab.wait_for("the next page", SOON, "!window.isOld && document.readyState === 'complete'").await
    }

    /// The control with a label.
    async fn field(&self, label: &str) -> Result<String> {
        let find = format!(
            "[...document.querySelectorAll('label')].find((label) => \
             label.firstChild.textContent.trim() === {})?.htmlFor",
            json!(label)
        );
        let id = self.tab.evaluate(&find).await?;
        Ok(format!("#{}", id.as_str().with_context(|| format!("no field is called {label}"))?))
    }

    /// Moves the focus on until it is on what has these words, or is labelled with them.
    async fn tab_to(&self, words: &str) -> Result<()> {
        const FOCUSED: &str =
            "(document.activeElement.labels?.[0]?.firstChild ?? document.activeElement).textContent.trim()";
        for _ in 0..60 {
            self.tab.press("Tab").await?;
            if self.tab.evaluate(FOCUSED).await? == words {
                return Ok(());
            }
        }
        anyhow::bail!("the Tab key does not lead to {words}")
    }

    /// Presses Enter, and waits for the page that it leads to.
    async fn enter(&self) -> Result<()> {
        self.tab.evaluate("window.isOld = true; 0").await?;
        self.tab.press("Enter").await?;
        self.tab.wait_for("the next page", SOON, "!window.isOld && document.readyState === 'complete'").await
    }

    async fn path(&self) -> Result<String> {
        let path = self.tab.evaluate("location.pathname + location.search").await?;
        Ok(path.as_str().context("a path is a text")?.to_owned())
    }

    async fn text(&self) -> Result<String> {
        let text = self.tab.evaluate("document.querySelector('main').innerText").await?;
        Ok(text.as_str().context("a page has text")?.to_owned())
    }

    /// Keeps a picture of the page, wide and narrow, light and dark, and holds each
    /// against axe-core. Nothing may have been blocked or failed in it.
    async fn look(&self, name: &str) -> Result<()> {
        let folder = cache_dir()?.join("pages");
        std::fs::create_dir_all(&folder)?;
        for (width, scheme) in [(1000, "light"), (1000, "dark"), (360, "light")] {
            let size = json!({"width": width, "height": 860, "deviceScaleFactor": 1, "mobile": false});
            self.tab.send("Emulation.setDeviceMetricsOverride", size).await?;
            let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
            self.tab.send("Emulation.setEmulatedMedia", media).await?;
            self.tab.screenshot(&folder.join(format!("{name}-{width}-{scheme}.png"))).await?;
            let found = self.axe.find(&self.tab).await?;
            ensure!(found.is_empty(), "{name} at {width} in {scheme}: {}", found.join("\n"));
            let overflow = "document.documentElement.scrollWidth - innerWidth";
            let overflow = self.tab.evaluate(overflow).await?;
            ensure!(overflow.as_i64() <= Some(0), "{name} is {overflow} wider than {width}");
        }
        // That a refusal has a status of its own is no fault.
        let is_fault = |entry: &ConsoleEntry| {
            let is_status = entry.text.starts_with("Failed to load resource: the server responded with");
            entry.level != "verbose" && !is_status
        };
        let said: Vec<_> = self.tab.console().into_iter().filter(is_fault).collect();
        ensure!(said.is_empty(), "{name}: {said:?}");
        Ok(())
    }
}

/// Whatever the page holds, seen or not.
async fn source(tab: &Session) -> Result<String> {
    let source = tab.evaluate("document.documentElement.outerHTML").await?;
    Ok(source.as_str().context("a page has a source")?.to_owned())
}

const SECRET: &str = "planted-page-secret-7Qx";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_makes_edits_reveals_and_hands_over_a_credential() -> Result<()> {
    let stage = Stage::start().await?;
    let tab = &stage.tab;
    stage.open("/app/projects").await?;
    stage.look("sign-in").await?;
    stage.sign_in().await?;
    assert_eq!(stage.path().await?, "/app/projects", "where the person wanted to go");
    tab.fill("#projectName", "Tour 2026").await?;
    stage.press_button("Make it").await?;
    stage.look("projects").await?;

    stage.press_button("Credentials").await?;
    stage.look("credentials-none").await?;
    stage.press_button("New credential").await?;
    stage.look("credential-types").await?;
    stage.press_button("PostgreSQL").await?;
    stage.look("credential-new").await?;
    tab.fill("#credentialName", "Ticket shop").await?;
    for (label, text) in
        [("Host", "db.example.org"), ("Port", "many"), ("Database", "shop"), ("User name", "app")]
    {
        tab.fill(&stage.field(label).await?, text).await?;
    }
    tab.fill(&stage.field("Password").await?, SECRET).await?;
    stage.press_button("Save").await?;
    assert!(stage.text().await?.contains("Port must be a number."), "{}", stage.text().await?);
    assert!(!source(tab).await?.contains(SECRET), "a secret is not sent back");
    let kept = tab.evaluate("document.querySelector('#credentialName').value").await?;
    assert_eq!(kept, "Ticket shop", "what is no secret need not be typed again");
    stage.look("credential-refused").await?;
    tab.fill(&stage.field("Port").await?, "5432").await?;
    tab.fill(&stage.field("Password").await?, SECRET).await?;
    stage.press_button("Save").await?;

    stage.look("credential").await?;
    let text = stage.text().await?;
    assert!(text.contains("db.example.org") && text.contains("5432") && text.contains("hidden"), "{text}");
    assert!(!source(tab).await?.contains(SECRET));
    stage.press_button("Reveal the values").await?;
    stage.look("credential-revealed").await?;
    assert!(stage.text().await?.contains(SECRET));
    assert!(stage.installation.succeed(&["audit", "list"]).await?.contains("reveal-app-credential"));
    stage.press_button("Hide them").await?;
    assert!(!source(tab).await?.contains(SECRET));

    tab.click("input[name=projectIds]").await?;
    stage.press_button("Save projects").await?;
    assert!(stage.text().await?.contains("Handed to these projects"));
    stage.open(&stage.path().await?.replace("?notice=assigned", "")).await?;
    stage.look("credential-handed-over").await?;
    stage.press_button("Projects").await?;
    stage.press_button("Tour 2026").await?;
    stage.look("project").await?;
    stage.press_button("Ticket shop").await?;

    stage.press_button("Edit").await?;
    stage.look("credential-edit").await?;
    assert!(!source(tab).await?.contains(SECRET));
    tab.fill(&stage.field("Host").await?, "db2.example.org").await?;
    stage.press_button("Save").await?;
    stage.press_button("Reveal the values").await?;
    let text = stage.text().await?;
    assert!(text.contains("db2.example.org") && text.contains(SECRET), "a secret left out is kept: {text}");

    stage.press_button("Credentials").await?;
    stage.look("credentials").await?;
    stage.press_button("Ticket shop").await?;
    stage.press_button("Delete").await?;
    stage.look("credential-delete").await?;
    stage.press_button("Delete it").await?;
    assert!(stage.text().await?.contains("0 credentials"), "{}", stage.text().await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_came_in_between_is_not_overwritten_unseen() -> Result<()> {
    let stage = Stage::start().await?;
    stage.open("/app").await?;
    stage.sign_in().await?;
    let user = stage.person.sign_in(&stage.server).await?;
    let id = make_credential(&user, "Shared <script>alert(1)</script>").await?;
    stage.open(&format!("/app/credentials/{id}/edit")).await?;
    let changed = json!({"description": "Changed meanwhile"});
    let path = format!("/api/v1/app-credentials/{id}");
    user.send(user.request(Method::PUT, &path).json(&changed)).await?;
    stage.tab.fill("#description", "Mine").await?;
    stage.press_button("Save").await?;
    assert!(stage.text().await?.contains("The credential was changed meanwhile."));
    assert_eq!(user.get(&path).await?.body["description"], "Changed meanwhile");
    stage.look("credential-stale").await?;
    stage.press_button("Save").await?;
    assert_eq!(user.get(&path).await?.body["description"], "Mine", "the second time on purpose");
    assert!(stage.text().await?.contains("<script>alert(1)</script>"), "a name is a text");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_saved_as_it_was_changes_no_value() -> Result<()> {
    let stage = Stage::start().await?;
    let user = stage.person.sign_in(&stage.server).await?;
    let values = [
        ("string", r#"" two  words ""#),
        ("string", r#""true""#),
        ("string", r#""\"quoted\" <b>&amp;</b>""#),
        ("string", r#""\nfirst\n\nlast\n""#),
        ("number", "1.10"),
        ("number", "-1E300"),
        ("boolean", "false"),
        ("url", r#""https://example.org/a?b=c&d""#),
        ("json", r#""text""#),
        ("json", r#"{"b": 1.0, "a": [null,   true], "b2": "\n"}"#),
        ("json", "12345678901234567890"),
    ];
    let field = |index: usize, kind: &str| json!({"fieldName": format!("f{index}"), "fieldLabel": format!("Field {index}"), "fieldType": kind});
    let fields: Vec<_> = values.iter().enumerate().map(|(index, (kind, _))| field(index, kind)).collect();
    let of = user.post("/api/v1/credential-types", &json!({"typeName": "All", "fields": fields})).await?.body;
    let ids = of["fields"].as_array().with_context(|| of.to_string())?.iter().map(|field| &field["id"]);
    let keys = ids.zip(values).map(|(id, (_, value))| format!(r#"{{"fieldId":{id},"keyValue":{value}}}"#));
    let keys = keys.collect::<Vec<_>>().join(",");
    let body = format!(r#"{{"credentialName":"All","credentialTypeId":{},"keys":[{keys}]}}"#, of["id"]);
    let request = user.request(Method::POST, "/api/v1/app-credentials").body(body);
    let made = user.send(request.header("content-type", "application/json")).await?.body;
    let path = format!("credentials/{}", made["id"].as_str().with_context(|| made.to_string())?);
    // The text of the answer, since a reader of JSON may alter a number.
    let values = async || -> Result<Vec<String>> {
        let shown = user.request(Method::GET, &format!("/api/v1/app-{path}")).send().await?.text().await?;
        Ok(shown
            .split(r#""keyValue":"#)
            .skip(1)
            .map(|rest| rest.split(r#","hasValue""#).next().unwrap_or_default().to_owned())
            .collect())
    };
    let before = values().await?;
    assert_eq!(before.len(), 11);
    stage.open("/app").await?;
    stage.sign_in().await?;
    stage.open(&format!("/app/{path}/edit")).await?;
    stage.look("credential-of-all-kinds").await?;
    stage.press_button("Save").await?;
    assert!(stage.text().await?.contains("Saved."), "{}", stage.text().await?);
    assert_eq!(values().await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_requests_are_shown_with_their_state_and_can_be_ended() -> Result<()> {
    let stage = Stage::start().await?;
    let user = stage.person.sign_in(&stage.server).await?;
    let mut connections = Vec::new();
    for (username, expires_at) in
        [("stage.artist", "2099-12-31T23:59:59Z"), ("tour.crew", "2026-01-01T00:00:00Z")]
    {
        let connection = user.create_profile("instagram", username).await?;
        let session = json!({"creator_profile_id": connection, "platform": "instagram", "expires_at": expires_at,
            "cookies": [{"name": "sessionid", "value": SECRET, "domain": ".instagram.com"}]});
        user.post("/api/credentials/store-platform-session", &session).await?;
        connections.push(connection);
    }
    let wish =
        json!({"creator_profile_id": connections[1], "platform": "instagram", "reason": "It has expired"});
    stage.server.service()?.post("/api/credentials/request-capture", &wish).await?;

    stage.open("/app").await?;
    stage.sign_in().await?;
    stage.press_button("Connections").await?;
    stage.look("connections").await?;
    assert!(stage.text().await?.contains("stage.artist"));
    stage.press_button("Capture requests").await?;
    stage.look("capture-requests").await?;
    let text = stage.text().await?;
    assert!(text.contains("It has expired") && text.contains("pending"), "{text}");
    stage.press_button("Decline").await?;
    assert!(stage.text().await?.contains("Nobody asks for a capture."));

    stage.press_button("Sessions").await?;
    stage.look("sessions").await?;
    let states = "[...document.querySelectorAll('tbody tr')].map((row) => row.innerText.split('\\t').slice(0, 3).join(' '))";
    assert_eq!(
        stage.tab.evaluate(states).await?,
        json!(["tour.crew instagram expired 1", "stage.artist instagram active 1"])
    );
    stage.tab.click("[aria-label='Revoke the session of stage.artist at instagram']").await?;
    stage
        .tab
        .wait_for(
            "the revocation",
            SOON,
            "document.querySelector('.notice')?.textContent.startsWith('Revoked:')",
        )
        .await?;
    let states = stage.tab.evaluate(states).await?;
    assert_eq!(states[1], "stage.artist instagram revoked 1", "{states}");
    assert!(!source(&stage.tab).await?.contains(SECRET));

    stage.press_button("Types").await?;
    stage.look("types").await?;
    stage.press_button("API key").await?;
    stage.look("type").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_signed_in_but_by_the_right_password_and_until_signing_out() -> Result<()> {
    let stage = Stage::start().await?;
    stage.open("/app/credentials?search=a%26b").await?;
    stage.tab.fill("#email", stage.person.email()).await?;
    stage.tab.fill("#password", "wrong").await?;
    stage.press_button("Sign in").await?;
    assert!(stage.text().await?.contains("Invalid user credentials."));
    stage.look("sign-in-refused").await?;
    stage.tab.fill("#password", stage.person.password()).await?;
    stage.press_button("Sign in").await?;
    assert_eq!(stage.path().await?, "/app/credentials?search=a%26b");
    stage.open("/app/sign-in").await?;
    assert_eq!(stage.path().await?, "/app/credentials", "already there");
    stage.open("/app/credentials/nonsense").await?;
    stage.look("refused").await?;
    stage.open("/app/credentials/00000000-0000-4000-8000-00000000ffff").await?;
    assert!(stage.text().await?.contains("There is nothing here"));
    stage.look("nothing").await?;

    stage.open("/app").await?;
    stage.press_button("Sign out").await?;
    assert!(stage.text().await?.contains("You are signed out."));
    stage.open("/app/credentials").await?;
    assert_eq!(stage.path().await?, "/app/sign-in?next=%2Fapp%2Fcredentials");
    // Somebody suspended meanwhile is asked as well, and what was sent is not done.
    stage.sign_in().await?;
    stage.open("/app/projects").await?;
    stage.tab.fill("#projectName", "Too late").await?;
    stage.installation.suspend(&stage.person).await?;
    stage.press_button("Make it").await?;
    assert!(stage.text().await?.contains("What you sent has not been done."));
    for next in
        ["https%3A%2F%2Fevil.example%2F", "%2F%2Fevil.example%2Fapp%2F", "%2Fapp%5C%5Cevil", "%2Fapplication"]
    {
        stage.open(&format!("/app/sign-in?next={next}")).await?;
        let next = stage.tab.evaluate("document.querySelector('[name=next]').value").await?;
        assert_eq!(next, "/app/credentials");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_gets_nothing_done() -> Result<()> {
    let stage = Stage::start().await?;
    stage.open("/app").await?;
    stage.sign_in().await?;
    let user = stage.person.sign_in(&stage.server).await?;
    let id = make_credential(&user, "Mine").await?;
    // Another server on this machine: to a browser the same site, which gets the cookie.
    let elsewhere = Server::start(stagepass_tests::server::new_data_dir().await?.path()).await?;
    let target = |path: &str| format!("{}{path}", stage.server.url());
    for path in [
        format!("/app/credentials/{id}/delete"),
        format!("/app/credentials/{id}/reveal"),
        "/app/projects".to_owned(),
        "/app/sign-in".to_owned(),
        "/app/sign-out".to_owned(),
    ] {
        stage.tab.navigate(&format!("{}/healthz", elsewhere.url())).await?;
        let send = format!(
            "(() => {{ const form = document.createElement('form'); form.method = 'post'; form.action = {}; \
             form.innerHTML = '<input name=projectName value=x>'; document.body.append(form); window.isOld = true; \
             form.submit(); return 0; }})()",
            json!(target(&path))
        );
        stage.tab.evaluate(&send).await?;
        stage.tab.wait_for("the answer", SOON, "!window.isOld && document.readyState === 'complete'").await?;
        assert_eq!(stage.path().await?, path, "it was sent");
        assert!(stage.text().await?.contains("A session cookie is good for"), "{}", stage.text().await?);
    }
    stage.open("/app").await?;
    assert_eq!(stage.path().await?, "/app/credentials", "still signed in");
    assert!(stage.text().await?.contains("1 credential"));
    assert_eq!(user.get("/api/v1/projects").await?.body["total"], 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_alone_does_all_of_it() -> Result<()> {
    let stage = Stage::start().await?;
    let tab = &stage.tab;
    stage.open("/app").await?;
    tab.type_text(stage.person.email()).await?;
    tab.press("Tab").await?;
    tab.type_text(stage.person.password()).await?;
    stage.enter().await?;
    stage.tab_to("New credential").await?;
    stage.enter().await?;
    stage.tab_to("API key").await?;
    stage.enter().await?;
    stage.tab_to("Name").await?;
    tab.type_text("By keys").await?;
    stage.tab_to("API key").await?;
    tab.type_text(SECRET).await?;
    stage.tab_to("Save").await?;
    stage.enter().await?;
    stage.tab_to("Reveal the values").await?;
    stage.enter().await?;
    assert!(stage.text().await?.contains(SECRET));
    stage.tab_to("Sign out").await?;
    stage.enter().await?;
    assert!(stage.text().await?.contains("You are signed out."));
    // The first stop on each page leads past the menu.
    stage.sign_in().await?;
    tab.press("Tab").await?;
    let focused = tab.evaluate("document.activeElement.getAttribute('href')").await?;
    assert_eq!(focused, "#main");
    Ok(())
}

async fn make_credential(user: &Client, name: &str) -> Result<String> {
    let body = json!({"credentialName": name, "credentialTypeId": "00000000-0000-4000-8000-000000000400", "keys": [
        {"fieldId": "00000000-0000-4000-8000-000000000402", "keyValue": SECRET}]});
    let made = user.post("/api/v1/app-credentials", &body).await?.body;
    Ok(made["id"].as_str().with_context(|| made.to_string())?.to_owned())
}
