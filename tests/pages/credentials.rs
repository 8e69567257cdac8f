//! Credentials: creating, editing, revealing, assigning and deleting them.

use super::stage::{SECRET, SOON, Stage, make_credential, source};
use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_creates_edits_reveals_and_assigns_a_credential() -> Result<()> {
    let stage = Stage::start().await?;
    let tab = &stage.tab;
    stage.open("/app/projects").await?;
    stage.look("sign-in").await?;
    stage.sign_in().await?;
    assert_eq!(stage.path().await?, "/app/projects", "where the person wanted to go");
    tab.fill("#projectName", "Tour 2026").await?;
    stage.press_button("Create project").await?;
    stage.look("projects").await?;

    create_after_a_refusal(&stage).await?;
    reveal_and_hide(&stage).await?;
    assign(&stage).await?;
    edit(&stage).await?;

    stage.press_button("Credentials").await?;
    stage.look("credentials").await?;
    stage.press_button("Ticket shop").await?;
    stage.press_button("Delete").await?;
    stage.look("credential-delete").await?;
    stage.press_button("Delete it").await?;
    assert!(stage.text().await?.contains("0 credentials"), "{}", stage.text().await?);
    Ok(())
}

/// Fills in a form that is refused at first, and then creates the credential.
async fn create_after_a_refusal(stage: &Stage) -> Result<()> {
    let tab = &stage.tab;
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
    assert!(!source(tab).await?.contains(SECRET), "the page does not repeat a secret");
    let kept = tab.evaluate("document.querySelector('#credentialName').value").await?;
    assert_eq!(kept, "Ticket shop", "other values need not be typed again");
    stage.look("credential-refused").await?;
    tab.fill(&stage.field("Port").await?, "5432").await?;
    tab.fill(&stage.field("Password").await?, SECRET).await?;
    stage.press_button("Save").await?;
    Ok(())
}

/// Shows the values and hides them again.
async fn reveal_and_hide(stage: &Stage) -> Result<()> {
    let tab = &stage.tab;
    stage.look("credential").await?;
    let text = stage.text().await?;
    assert!(text.contains("db.example.org") && text.contains("5432") && text.contains("hidden"), "{text}");
    assert!(!source(tab).await?.contains(SECRET));
    stage.press_button("Reveal the values").await?;
    stage.look("credential-revealed").await?;
    assert!(stage.text().await?.contains(SECRET));
    assert!(stage.installation.succeed(&["audit", "list"]).await?.contains("reveal-app-credential"));
    stage.press_button("Hide the values").await?;
    assert!(!source(tab).await?.contains(SECRET));
    Ok(())
}

/// Assigns the credential to the project, and returns to it from there.
async fn assign(stage: &Stage) -> Result<()> {
    let tab = &stage.tab;
    tab.click("input[name=projectIds]").await?;
    stage.press_button("Save projects").await?;
    assert!(stage.text().await?.contains("Assigned to exactly these projects"));
    stage.open(&stage.path().await?.replace("?notice=assigned", "")).await?;
    stage.look("credential-handed-over").await?;
    stage.press_button("Projects").await?;
    stage.press_button("Tour 2026").await?;
    stage.look("project").await?;
    stage.press_button("Ticket shop").await?;
    Ok(())
}

/// Changes a value, and leaves the secret unchanged.
async fn edit(stage: &Stage) -> Result<()> {
    let tab = &stage.tab;
    stage.press_button("Edit").await?;
    stage.look("credential-edit").await?;
    let hint = "document.getElementById(document.querySelector('[type=password]').getAttribute('aria-describedby')).textContent";
    assert_eq!(tab.evaluate(hint).await?, "A value is stored. Leave this empty to keep it.");
    assert!(!source(tab).await?.contains(SECRET));
    tab.fill(&stage.field("Host").await?, "db2.example.org").await?;
    stage.press_button("Save").await?;
    stage.press_button("Reveal the values").await?;
    let text = stage.text().await?;
    assert!(text.contains("db2.example.org") && text.contains(SECRET), "a secret left out is kept: {text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_concurrent_edit_is_not_overwritten_unseen() -> Result<()> {
    let stage = Stage::start().await?;
    stage.open("/app").await?;
    stage.sign_in().await?;
    let user = stage.person.sign_in(&stage.server).await?;
    let id = make_credential(&user, "Shared <script>alert(1)</script>").await?;
    let long = json!({"credentialName": "l".repeat(200), "description": "d".repeat(1024)});
    let other = make_credential(&user, "Other").await?;
    user.send(user.request(Method::PUT, &format!("/api/v1/app-credentials/{other}")).json(&long)).await?;
    for (path, name) in [("", "credentials-long"), (&*format!("/{other}"), "credential-long")] {
        stage.open(&format!("/app/credentials{path}")).await?;
        stage.look(name).await?;
    }
    stage.open(&format!("/app/credentials/{id}/reveal")).await?;
    assert_eq!(stage.path().await?, format!("/app/credentials/{id}"), "opening a credential reveals nothing");
    stage.open("/app/credentials?page=9&pageSize=1").await?;
    assert!(stage.text().await?.contains("There is no page 9, the last is 2"));
    stage.press_button("Previous").await?;
    assert_eq!(stage.path().await?, "/app/credentials?pageSize=1&page=2");
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
async fn saving_an_unchanged_form_changes_no_value() -> Result<()> {
    let stage = Stage::start().await?;
    let user = stage.person.sign_in(&stage.server).await?;
    let values = [
        ("string", r#"" two  words ""#),
        ("string", r#""true""#),
        ("string", r#""\"quoted\" <b>&amp;</b>""#),
        ("string", r#""\nfirst\n\nlast\n""#),
        ("string", r#""first\r\nlast""#),
        ("string", r#""first\rlast""#),
        ("string", r#""not\u0000typed""#),
        ("url", r#""  https://example.org/  ""#),
        ("url", r#""https://example.org/\n""#),
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
    // The answer's text is compared, since a JSON parser may alter a number.
    let values = async || -> Result<Vec<String>> {
        let shown = user.request(Method::GET, &format!("/api/v1/app-{path}")).send().await?.text().await?;
        Ok(shown
            .split(r#""keyValue":"#)
            .skip(1)
            .map(|rest| rest.split(r#","hasValue""#).next().unwrap_or_default().to_owned())
            .collect())
    };
    let before = values().await?;
    assert_eq!(before.len(), 16);
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
async fn everything_works_with_the_keyboard_alone() -> Result<()> {
    let stage = Stage::start().await?;
    let tab = &stage.tab;
    stage.open("/app").await?;
    tab.wait_for("the focus on the first field", SOON, "document.activeElement.id === 'email'").await?;
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
    // The first Tab stop on each page leads past the menu.
    stage.sign_in().await?;
    tab.press("Tab").await?;
    let focused = tab.evaluate("document.activeElement.getAttribute('href')").await?;
    assert_eq!(focused, "#main");
    Ok(())
}
