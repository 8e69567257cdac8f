//! Who is let in, for how long, and from which pages.

use super::stage::{SOON, Stage, make_credential};
use anyhow::Result;
use serde_json::json;
use stagepass_tests::server::Server;

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
