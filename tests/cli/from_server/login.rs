//! `login` and `logout`: what is asked, what is kept, and who can read it.

use super::stage::{SERVED, Stage};
use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use stagepass_tests::system::terminal::Terminal;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const ADDRESS: &str = "Address of the Stagepass server: ";
const CONNECTIONS: &str = "Connections, such as instagram=ID,x=ID: ";
const TOKEN: &str = "Service token (not shown): ";

/// The kept files with their modes; none without the folder.
fn kept(stage: &Stage) -> Result<BTreeMap<String, u32>> {
    let folder = folder(stage);
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(BTreeMap::new()) };
    ensure!(mode(&folder)? == 0o700, "others can look into the folder");
    let entries = entries.map(|entry| {
        let entry = entry?;
        Ok((entry.file_name().to_string_lossy().into_owned(), mode(&entry.path())?))
    });
    entries.collect()
}

fn folder(stage: &Stage) -> std::path::PathBuf {
    stage.home.path().join(".config/stagepass")
}

fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o7777)
}

/// Types the answers to the first two questions.
async fn answer_until_the_token(stage: &Stage, terminal: &mut Terminal) -> Result<()> {
    terminal.wait_for(ADDRESS).await?;
    terminal.type_line(stage.server.url()).await?;
    terminal.wait_for(CONNECTIONS).await?;
    terminal.type_line(&stage.connections()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn login_asks_and_keeps_the_token_in_a_private_file_of_its_own() -> Result<()> {
    let stage = Stage::set_up().await?;
    let token = stage.token()?;
    let mut terminal = Terminal::start(stage.unconfigured(&["login"])?)?;
    answer_until_the_token(&stage, &mut terminal).await?;
    terminal.answer(TOKEN, &token).await?;
    let (status, shown) = terminal.end().await?;
    assert!(status.success() && shown.contains("instagram: there is a session"), "{shown}");
    stage.assert_silent(&shown)?;

    let files = kept(&stage)?;
    assert!(files.len() == 2 && files.values().all(|mode| *mode == 0o600), "{files:?}");
    let name = files.keys().find(|name| name.starts_with("server-token-")).context("no token")?;
    let token_file = folder(&stage).join(name);
    assert_eq!(fs::read_to_string(&token_file)?, token);
    let settings = fs::read_to_string(folder(&stage).join("server.json"))?;
    stage.assert_silent(&settings)?;
    let expected = json!({"server": stage.server.url(), "token_file": token_file,
        "connections": stage.connections(), "allow_http_to": ""});
    assert_eq!(serde_json::from_str::<Value>(&settings)?, expected);

    // Logging in again with the kept token, for another platform perhaps, leaves it where it is.
    let named = token_file.to_str().context("a path in UTF-8")?;
    let again = [
        "login",
        "--server",
        stage.server.url(),
        "--connections",
        &stage.connections(),
        "--token-file",
        named,
    ];
    assert!(stage.run(stage.unconfigured(&again)?).await?.status.success());
    assert_eq!(kept(&stage)?, files);

    // It needs no variable, and the environment wins.
    let printed = stage.run(stage.unconfigured(&["cookies", "instagram"])?).await?;
    assert!(printed.stdout.contains(SERVED), "{}", printed.stderr);
    let said = stage.refused(stage.stagepass_at("http://127.0.0.1:1", &["cookies", "instagram"])?).await?;
    assert!(said.contains("the Stagepass server http://127.0.0.1:1 can't be reached"), "{said}");
    let mut alone = stage.unconfigured(&["cookies", "instagram"])?;
    alone.env("STAGEPASS_SERVER", "http://127.0.0.1:1");
    // The kept token does not go to a server of the environment.
    let said = stage.refused(alone).await?;
    assert!(said.contains("STAGEPASS_SERVER is set, but not STAGEPASS_TOKEN_FILE"), "{said}");

    let out = stage.run(stage.unconfigured(&["logout"])?).await?;
    assert!(
        out.status.success() && out.stdout.matches("Removed ").count() == 2,
        "{}{}",
        out.stdout,
        out.stderr
    );
    assert!(kept(&stage)?.is_empty() && !folder(&stage).exists());
    let said = stage.refused(stage.unconfigured(&["cookies", "instagram"])?).await?;
    assert!(said.contains("no cookies of instagram have been exported"), "{said}");
    let again = stage.run(stage.unconfigured(&["logout"])?).await?;
    assert_eq!((again.status.code(), again.stdout.as_str()), (Some(0), "No server was kept.\n"));
    Ok(())
}

#[tokio::test]
async fn login_with_a_token_file_names_that_file_and_logout_leaves_it() -> Result<()> {
    let stage = Stage::set_up().await?;
    let token_file = stage.token_file();
    let name = token_file.to_str().context("a path that is not UTF-8")?;
    let (url, connections) = (stage.server.url(), stage.connections());
    let login = ["login", "--server", url, "--connections", &connections, "--token-file", name];
    let out = stage.run(stage.unconfigured(&login)?).await?;
    assert!(out.status.success() && out.stdout.contains("Kept in "), "{}", out.stderr);
    stage.assert_silent(&out.stdout)?;
    assert_eq!(kept(&stage)?, BTreeMap::from([("server.json".to_owned(), 0o600)]));
    // A new token in the file is used at once.
    stage.make_token("newer", super::stage::BOTH).await?;
    stage.installation.succeed(&["service-token", "revoke", "downloader"]).await?;
    let printed = stage.run(stage.unconfigured(&["cookies", "instagram"])?).await?;
    assert!(printed.stdout.contains(SERVED), "{}", printed.stderr);
    // Nobody else may have written where the token goes.
    fs::set_permissions(folder(&stage), fs::Permissions::from_mode(0o777))?;
    let said = stage.refused(stage.unconfigured(&["cookies", "instagram"])?).await?;
    assert!(said.contains("others can write to it"), "{said}");
    fs::set_permissions(folder(&stage), fs::Permissions::from_mode(0o700))?;
    assert!(stage.run(stage.unconfigured(&["logout"])?).await?.status.success());
    assert!(token_file.exists() && kept(&stage)?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_login_that_fails_keeps_nothing_and_leaves_the_former_one() -> Result<()> {
    let stage = Stage::set_up().await?;
    let token_file = stage.token_file();
    let name = token_file.to_str().context("a path that is not UTF-8")?;
    let (url, connections) = (stage.server.url(), stage.connections());
    let unknown = "instagram=00000000-0000-4000-8000-000000000000";
    let login = |server: &str, connections: &str, token_file: &str| {
        stage.unconfigured(&[
            "login",
            "--server",
            server,
            "--connections",
            connections,
            "--token-file",
            token_file,
        ])
    };
    for (server, connections, file, words) in [
        (url, unknown, name, "has no connection"),
        (url, "instagram=1", name, "--connections must be PLATFORM=ID"),
        ("http://stagepass.example", &connections, name, "--server is plain http"),
        ("http://127.0.0.1:1", &connections, name, "can't be reached"),
        (url, &connections, "/nowhere", "the token file /nowhere"),
    ] {
        let said = stage.refused(login(server, connections, file)?).await?;
        assert!(said.contains(words) && kept(&stage)?.is_empty(), "{said}");
    }
    // Without a terminal nothing can be asked.
    let said = stage.refused(stage.unconfigured(&["login", "--server", url])?).await?;
    assert!(said.contains("give --connections instead"), "{said}");

    assert!(stage.run(login(url, &connections, name)?).await?.status.success());
    stage.refused(login(url, unknown, name)?).await?;
    let printed = stage.run(stage.unconfigured(&["cookies", "instagram"])?).await?;
    assert!(printed.stdout.contains(SERVED), "{}", printed.stderr);
    // A connection without a session yet is right, too.
    let other = stage.user.create_profile("instagram", "b").await?;
    let out = stage.run(login(url, &format!("instagram={other}"), name)?).await?;
    assert!(out.status.success() && out.stdout.contains("has no session of instagram"), "{}", out.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_to_another_host_is_a_question_of_its_own() -> Result<()> {
    let stage = Stage::with_serve_arguments(&["--allowed-hosts", "0.0.0.0"]).await?;
    let url = stage.server.url().replace("127.0.0.1", "0.0.0.0");
    for (answer, is_kept) in [("", false), ("y", true)] {
        let mut terminal = Terminal::start(stage.unconfigured(&["login"])?)?;
        terminal.wait_for(ADDRESS).await?;
        terminal.type_line(&url).await?;
        terminal.wait_for("Others on the way to 0.0.0.0 can read what goes over plain http").await?;
        terminal.type_line(answer).await?;
        terminal.wait_for(CONNECTIONS).await?;
        terminal.type_line(&stage.connections()).await?;
        if is_kept {
            terminal.answer(TOKEN, &stage.token()?).await?;
        }
        let (status, shown) = terminal.end().await?;
        assert_eq!((status.success(), !kept(&stage)?.is_empty()), (is_kept, is_kept), "{shown}");
    }
    let printed = stage.run(stage.unconfigured(&["cookies", "instagram"])?).await?;
    assert!(printed.stdout.contains(SERVED), "{}", printed.stderr);
    Ok(())
}

/// A shell that outlives the command, as a person's does: without it, the kernel would reset the terminal.
const SHELL: &str = "trap : INT TERM HUP\n\"$@\"\necho \"ended with $?\"\nread -r line";

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_at_the_question_for_the_token_restores_the_echo() -> Result<()> {
    let stage = Stage::set_up().await?;
    for (signal, code) in [(None, 130), (Some(Signal::TERM), 143)] {
        let command = stage.unconfigured(&["login"])?;
        let mut shell = tokio::process::Command::new("sh");
        shell.args(["-c", SHELL, "sh"]).arg(command.as_std().get_program()).arg("login").env_clear();
        shell.envs(command.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut terminal = Terminal::start(shell)?;
        answer_until_the_token(&stage, &mut terminal).await?;
        terminal.wait_for_question(TOKEN).await?;
        match signal {
            None => terminal.press_ctrl_c().await?,
            Some(signal) => terminal.signal(signal)?,
        }
        terminal.wait_for(&format!("ended with {code}")).await?;
        assert!(terminal.has_echo()? && kept(&stage)?.is_empty(), "{}", terminal.shown());
    }
    Ok(())
}
