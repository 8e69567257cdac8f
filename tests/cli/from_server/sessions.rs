//! Which sessions come from the server, and in which forms.

use super::stage::{EXPORTED, SERVED, STORED, Stage};
use anyhow::Result;
use serde_json::{Value, json};
use stagepass_tests::services::lookalike::{Lookalike, Way};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn the_servers_cookies_are_printed_instead_of_an_exports() -> Result<()> {
    let stage = Stage::set_up().await?;
    stage.export("instagram").await?;
    for target in ["instagram", "https://www.instagram.com/p/1", "instagr.am"] {
        let printed = stage.run(stage.stagepass(&["cookies", target])?).await?;
        assert!(printed.status.success(), "{}", printed.stderr);
        assert!(printed.stdout.contains(&format!("\tsessionid\t{SERVED}\n")) && printed.stderr.is_empty());
        assert!(!printed.stdout.contains(EXPORTED) && printed.stdout.lines().count() == 4);
    }
    // An export that is chosen by its label is used.
    let chosen = stage.run(stage.stagepass(&["cookies", "instagram", "--label", ""])?).await?;
    assert!(chosen.stdout.contains(EXPORTED) && !chosen.stdout.contains(SERVED), "{}", chosen.stderr);
    let browser = stage.refused(stage.stagepass(&["cookies", "instagram", "--browser", "firefox"])?).await?;
    assert!(browser.contains("no such browser is connected"), "{browser}");
    Ok(())
}

#[tokio::test]
async fn a_platform_without_a_connection_is_looked_for_as_before() -> Result<()> {
    let stage = Stage::set_up().await?;
    stage.export("x").await?;
    let printed = stage.run(stage.stagepass(&["cookies", "x"])?).await?;
    assert!(printed.stdout.contains(EXPORTED) && printed.stderr.contains("made moments ago"));
    let missing = stage.refused(stage.stagepass(&["cookies", "vimeo"])?).await?;
    assert!(missing.contains("no cookies of vimeo have been exported"), "{missing}");
    Ok(())
}

#[tokio::test]
async fn other_formats_also_have_storage_and_user_agent() -> Result<()> {
    let stage = Stage::set_up().await?;
    let printed = stage.run(stage.stagepass(&["cookies", "--format", "json", "instagram"])?).await?;
    let session: Value = serde_json::from_str(&printed.stdout)?;
    assert_eq!(session["user_agent"], "Mozilla/5.0 made up");
    let entry = json!([{"name": "device", "value": STORED}]);
    assert_eq!(session["origins"][0]["localStorage"], entry);
    assert_eq!(session["cookies"].as_array().map(Vec::len), Some(3));
    let url = "https://www.instagram.com/accounts/edit/";
    let printed = stage.run(stage.stagepass(&["cookies", "--format", "header", url])?).await?;
    assert!(printed.stdout.contains("User-Agent: Mozilla/5.0 made up\n"), "{}", printed.stderr);
    assert!(printed.stdout.contains(&format!("sessionid={SERVED}")));
    Ok(())
}

#[tokio::test]
async fn a_program_gets_the_servers_cookies() -> Result<()> {
    let stage = Stage::set_up().await?;
    let done = stage.run(stage.run_script("echo downloaded; exit 7")?).await?;
    assert_eq!((done.status.code(), done.stdout.as_str()), (Some(7), "downloaded\n"), "{}", done.stderr);
    assert!(stage.cookies_of_run()?.contains(&format!("\tsessionid\t{SERVED}\n")));
    Ok(())
}

#[tokio::test]
async fn a_host_may_be_called_over_http_only_if_it_is_allowed_by_its_name() -> Result<()> {
    let stage = Stage::with_serve_arguments(&["--allowed-hosts", "0.0.0.0"]).await?;
    // An address that leads to this machine, but does not say so.
    let url = stage.server.url().replace("127.0.0.1", "0.0.0.0");
    for allowed in ["", "0.0.0.1", "0.0.0"] {
        let mut command = stage.stagepass_at(&url, &["cookies", "instagram"])?;
        command.env("STAGEPASS_ALLOW_HTTP_TO", allowed);
        let said = stage.refused(command).await?;
        assert!(said.contains("STAGEPASS_SERVER is plain http"), "{said}");
    }
    let mut command = stage.stagepass_at(&url, &["cookies", "instagram"])?;
    command.env("STAGEPASS_ALLOW_HTTP_TO", "other,0.0.0.0");
    let printed = stage.run(command).await?;
    assert!(printed.stdout.contains(SERVED), "{}", printed.stderr);
    Ok(())
}

#[tokio::test]
async fn the_token_goes_past_proxies_of_the_environment() -> Result<()> {
    let stage = Stage::set_up().await?;
    let proxy = Lookalike::http(Way::Page).await?;
    let mut command = stage.stagepass(&["cookies", "instagram"])?;
    for variable in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(variable, proxy.url());
    }
    let printed = stage.run(command).await?;
    assert!(printed.stdout.contains(SERVED), "{}", printed.stderr);
    assert_eq!(proxy.received(), b"");
    Ok(())
}

#[tokio::test]
async fn the_variables_belong_together_and_the_token_to_a_private_file() -> Result<()> {
    let stage = Stage::set_up().await?;
    for (variable, value, word) in [
        ("STAGEPASS_SERVER", "", "STAGEPASS_TOKEN_FILE is set, but not STAGEPASS_SERVER"),
        ("STAGEPASS_TOKEN_FILE", "", "STAGEPASS_SERVER is set, but not STAGEPASS_TOKEN_FILE"),
        ("STAGEPASS_CONNECTIONS", "", "STAGEPASS_SERVER is set, but not STAGEPASS_CONNECTIONS"),
        ("STAGEPASS_CONNECTIONS", "instagram", "STAGEPASS_CONNECTIONS must be PLATFORM=ID"),
        ("STAGEPASS_ALLOW_HTTP_TO", "*", "STAGEPASS_ALLOW_HTTP_TO must be exact host names"),
        ("STAGEPASS_SERVER", "stagepass:3001", "STAGEPASS_SERVER must be an address"),
        ("STAGEPASS_TOKEN_FILE", "/nowhere", "the token file /nowhere: No such file"),
    ] {
        let mut command = stage.stagepass(&["cookies", "instagram"])?;
        command.env(variable, value);
        let said = stage.refused(command).await?;
        assert!(said.contains(word), "{variable}={value}: {said}");
    }
    for (mode, word) in [(0o644, "everyone can read it"), (0o660, "others can change it")] {
        fs::set_permissions(stage.token_file(), fs::Permissions::from_mode(mode))?;
        let said = stage.refused(stage.stagepass(&["cookies", "instagram"])?).await?;
        assert!(said.contains(word) && said.contains("Run: chmod"), "{said}");
    }
    fs::set_permissions(stage.token_file(), fs::Permissions::from_mode(0o600))?;
    fs::write(stage.token_file(), "two words")?;
    let said = stage.refused(stage.stagepass(&["cookies", "instagram"])?).await?;
    assert!(said.contains("must be one word"), "{said}");
    // Commands that need no session don't read the settings.
    let listed = stage.run(stage.stagepass(&["list"])?).await?;
    assert!(listed.status.success(), "{}", listed.stderr);
    Ok(())
}
