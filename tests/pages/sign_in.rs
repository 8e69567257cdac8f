//! Who may sign in, for how long, and which origins may send forms.

use super::stage::{SOON, Stage, make_credential};
use anyhow::{Context as _, Result};
use reqwest::redirect::Policy;
use serde_json::json;
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_password_signs_in_until_signing_out() -> Result<()> {
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
    for path in ["/", "/app", "/app/"] {
        stage.open(path).await?;
        assert_eq!(stage.path().await?, "/app/credentials");
    }
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
    // A user suspended in the meantime is asked to sign in, and the form is not carried out.
    stage.sign_in().await?;
    stage.open("/app/projects").await?;
    stage.tab.fill("#projectName", "Too late").await?;
    stage.installation.suspend(&stage.person).await?;
    stage.press_button("Create project").await?;
    assert!(stage.text().await?.contains("so nothing was changed."));
    for next in
        ["https%3A%2F%2Fevil.example%2F", "%2F%2Fevil.example%2Fapp%2F", "%2Fapp%5C%5Cevil", "%2Fapplication"]
    {
        stage.open(&format!("/app/sign-in?next={next}")).await?;
        let next = stage.tab.evaluate("document.querySelector('[name=next]').value").await?;
        assert_eq!(next, "/app/credentials");
    }
    Ok(())
}

/// Sends a form as a browser does.
async fn fill(server: &Server, path: &str, cookie: &str, form: &'static str) -> Result<reqwest::Response> {
    let http = reqwest::Client::builder().redirect(Policy::none()).build()?;
    let request = http.post(format!("{}{path}", server.url())).header("origin", server.url());
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    Ok(request.header("cookie", cookie).body(form).send().await?)
}

#[tokio::test]
async fn an_invalid_form_is_refused_with_a_readable_page() -> Result<()> {
    let installation = Installation::new(Store::Sqlite).await?;
    let person = installation.add_person().await?;
    let server = installation.serve().await?;
    let body = json!({"email": person.email(), "password": person.password(), "mode": "session"});
    let answer = server.anonymous().post("/auth/login", &body).await?;
    let cookie = answer.headers["set-cookie"].to_str()?.split(';').next().context("a cookie")?.to_owned();
    let page = async |response: reqwest::Response| -> Result<(u16, String)> {
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        assert!(response.headers()["content-security-policy"].to_str()?.starts_with("default-src 'none'; "));
        assert_eq!(response.headers()["cache-control"], "no-store");
        Ok((response.status().as_u16(), response.text().await?))
    };
    let (status, text) =
        page(fill(&server, "/app/projects", &cookie, "projectName=pass%ffword").await?).await?;
    assert_eq!(status, 400);
    assert!(text.contains("The form is not UTF-8.") && text.contains("Sign out"), "{text}");
    let http = reqwest::Client::new();
    let too_large = http.post(format!("{}/app/projects", server.url())).header("origin", server.url());
    let too_large =
        too_large.header("content-type", "application/x-www-form-urlencoded").header("cookie", &cookie);
    let (status, text) = page(too_large.body("a".repeat(1024 * 1024 + 1)).send().await?).await?;
    assert_eq!(status, 413);
    assert!(text.contains("Body larger than"), "{text}");
    let other_method =
        http.put(format!("{}/app/projects", server.url())).header("cookie", &cookie).send().await?;
    assert_eq!(other_method.headers()["allow"], "GET,HEAD,POST");
    assert_eq!(page(other_method).await?.0, 405);

    for _ in 0..10 {
        fill(&server, "/app/sign-in", "", "email=creator%40example.org&password=wrong").await?;
    }
    let refused = fill(&server, "/app/sign-in", "", "email=creator%40example.org&password=wrong").await?;
    assert!(refused.headers()["retry-after"].to_str()?.parse::<u64>()? > 0);
    let (status, text) = page(refused).await?;
    assert_eq!(status, 429);
    assert!(text.contains("Try again in"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_can_change_nothing() -> Result<()> {
    let stage = Stage::start().await?;
    stage.open("/app").await?;
    stage.sign_in().await?;
    let user = stage.person.sign_in(&stage.server).await?;
    let id = make_credential(&user, "Mine").await?;
    // Another server on this machine: browsers treat it as the same site and send it the cookie.
    let elsewhere = Server::start(stagepass_tests::services::server::new_data_dir().await?.path()).await?;
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
             setTimeout(() => form.submit()); return 0; }})()",
            json!(target(&path))
        );
        stage.tab.evaluate(&send).await?;
        stage.tab.wait_for("the answer", SOON, "!window.isOld && document.readyState === 'complete'").await?;
        assert_eq!(stage.path().await?, path, "the form was sent");
        assert!(stage.text().await?.contains("The session cookie only works for"), "{}", stage.text().await?);
    }
    stage.open("/app").await?;
    assert_eq!(stage.path().await?, "/app/credentials", "still signed in");
    assert!(stage.text().await?.contains("1 credential"));
    assert_eq!(user.get("/api/v1/projects").await?.body["total"], 0);
    Ok(())
}
