//! Adding keys: what the command asks, and where it reads keys and passwords from.

use super::beside_a_server::revealed;
use super::commands::{
    KEY, OTHER_KEY, OTHER_PASSWORD, PASSWORD, VARIABLE, add, fail, fail_without_terminal, given_input,
    given_password, listed, run_add, secrets, text, utf8,
};
use anyhow::{Result, ensure};
use rusqlite::Connection;
use serde_json::json;
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::system::private_file;
use stagepass_tests::system::terminal::Terminal;

#[tokio::test]
async fn asks_at_the_terminal_without_showing_what_is_typed() -> Result<()> {
    let installation = Installation::new(Store::Sqlite).await?;
    let at_terminal = |arguments: &[&str]| -> Result<_> {
        let mut command = installation.command()?;
        command.args(arguments);
        Ok(command)
    };
    let mut all_shown = String::new();
    let first = ["vault", "add", "openai", "primary"];
    for (password, again, said) in [
        (PASSWORD, OTHER_PASSWORD, "the passwords don't match"),
        ("7 chars", "7 chars", "a password must have at least 8 characters"),
        (PASSWORD, PASSWORD, "openai primary added"),
    ] {
        let mut terminal = Terminal::start(at_terminal(&first)?)?;
        terminal.answer("API key: ", KEY).await?;
        terminal.answer("New master password: ", password).await?;
        terminal.answer("New master password again: ", again).await?;
        let (status, shown) = terminal.end().await?;
        ensure!(shown.contains("choose one") && shown.contains(said), "{shown}");
        ensure!(status.success() == said.ends_with("added"), "{status}: {shown}");
        all_shown += &shown;
    }
    // Standard input carries the key, and the command still asks for the password.
    for (password, said) in [(OTHER_PASSWORD, "wrong master password"), (PASSWORD, "anthropic primary added")]
    {
        let command = at_terminal(&["vault", "add", "anthropic", "primary", "--key-stdin"])?;
        let mut terminal = Terminal::start_with_stdin(command, given_input(OTHER_KEY)?)?;
        terminal.answer("Master password: ", password).await?;
        let (status, shown) = terminal.end().await?;
        ensure!(status.success() == (password == PASSWORD) && shown.contains(said), "{status}: {shown}");
        all_shown += &shown;
    }
    ensure!(!secrets()?.is_in(all_shown.as_bytes()), "{all_shown}");
    let names: Vec<_> = listed(&installation).await?.into_iter().map(|(service, ..)| service).collect();
    assert_eq!(names, ["anthropic", "openai"]);
    assert_eq!(secrets()?.files_in(installation.directory())?, Vec::<std::path::PathBuf>::new());
    Ok(())
}

#[tokio::test]
async fn commands_refuse_what_a_server_refuses_with_the_same_words() -> Result<()> {
    let mut installation = given_password().await?;
    let nowhere = installation.directory().join("not-there");
    installation.set("STAGEPASS_DATA_DIR", utf8(&nowhere)?);
    let too_long = vec![b'k'; 16 * 1024 + 1];
    let far_too_long = vec![b' '; 1024 * 1024];
    for (service, name, key, said) in [
        ("myapp", "n", KEY.as_bytes(), "service must be one of openai, anthropic, binance or custom.<name>"),
        ("custom.", "n", KEY.as_bytes(), "service must be one of"),
        ("openai", "a\tb", KEY.as_bytes(), "name must not hold control characters"),
        ("openai", "a\u{200b}b", KEY.as_bytes(), "name must not hold invisible characters"),
        ("openai", "\u{3164}", KEY.as_bytes(), "name must not hold invisible characters"),
        ("openai", " ", KEY.as_bytes(), "service, name, and key are required"),
        ("openai", "n", b" \n", "service, name, and key are required"),
        ("openai", "n", &too_long, "key must have at most 16384 bytes"),
        ("openai", "n", &far_too_long, "key must have at most 16384 bytes"),
        ("openai", "n", b"\xff", "the API key is not UTF-8"),
    ] {
        let output = run_add(&installation, service, name, key).await?;
        ensure!(output.status.code() == Some(1) && text(&output).contains(said), "{}", text(&output));
    }
    let passwords =
        [(PASSWORD, Some("."), "_FILE are both set"), ("", None, "is empty"), ("short", None, "at least 8")];
    for (password, file, said) in passwords {
        installation.set(VARIABLE, password);
        installation.unset("STAGEPASS_VAULT_PASSWORD_FILE");
        file.into_iter().for_each(|file| installation.set("STAGEPASS_VAULT_PASSWORD_FILE", file));
        let output = run_add(&installation, "openai", "n", KEY.as_bytes()).await?;
        ensure!(output.status.code() == Some(1) && text(&output).contains(said), "{}", text(&output));
        ensure!(
            nowhere.exists() == (said == "at least 8"),
            "the database is created only after all input was read"
        );
    }
    let said = fail(&installation, &["vault", "export", "exported"]).await?;
    ensure!(said.contains("the vault has no master password yet and is empty"), "{said}");
    let said = fail(&installation, &["vault", "remove", "openai", "n"]).await?;
    ensure!(said.contains("the vault has no API key n for openai"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_name_is_taken_once_and_a_vault_holds_a_thousand_keys() -> Result<()> {
    let mut installation = given_password().await?;
    add(&installation, "openai", " primary ", KEY).await?;
    let password_file = installation.directory().join("password");
    private_file::write(&password_file, format!("{PASSWORD}\r\n"))?;
    // A flag overrides a variable.
    installation.set(VARIABLE, OTHER_PASSWORD);
    let mut command = installation.command()?;
    command.args([
        "vault",
        "add",
        "openai",
        "primary",
        "--key-stdin",
        "--password-file",
        utf8(&password_file)?,
    ]);
    let output = command.stdin(given_input(KEY)?).output().await?;
    assert_eq!(text(&output), "stagepass-server: a credential with this service and name exists\n");
    let database = Connection::open(installation.directory().join("stagepass.db"))?;
    database.execute(
        "WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 1000)
         INSERT INTO vault_credentials (id, service, name, sealed_key, mac, key_epoch, created_at)
         SELECT printf('00000000-0000-7000-8000-%012d', n), 'openai', 'n' || n, x'', x'', 1, 0 FROM n",
        [],
    )?;
    let output = run_add(&installation, "openai", "another", KEY.as_bytes()).await?;
    assert_eq!(text(&output), "stagepass-server: the vault is full; delete a credential first\n");
    Ok(())
}

#[tokio::test]
async fn an_impossible_add_is_refused_before_asking_for_a_key() -> Result<()> {
    let installation = given_password().await?;
    add(&installation, "openai", "primary", KEY).await?;
    for (name, said) in [
        ("primary", "a credential with this service and name exists"),
        (" ", "service, name, and key are required"),
    ] {
        let told = fail_without_terminal(&installation, &["vault", "add", "openai", name]).await?;
        assert_eq!(told, format!("stagepass-server: {said}\n"));
    }
    Ok(())
}

#[tokio::test]
async fn a_key_among_the_arguments_is_refused_and_not_shown() -> Result<()> {
    let installation = given_password().await?;
    for arguments in [
        &["vault", "add", "openai", "primary", KEY][..],
        &["vault", "add", "openai", "primary", "--key-stdin", KEY],
        &["vault", "add", "openai", "primary", "--", KEY, OTHER_KEY],
    ] {
        let said = fail(&installation, arguments).await?;
        ensure!(said.contains("or with --key-stdin") && !secrets()?.is_in(said.as_bytes()), "{said}");
    }
    let value = format!("--key-stdin={KEY}");
    let output = installation.run(&["vault", "add", "openai", "primary", &value]).await?;
    let said = text(&output);
    ensure!(said.contains("--key-stdin takes no value") && !secrets()?.is_in(said.as_bytes()), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_byte_order_mark_is_removed_and_an_invisible_name_refused() -> Result<()> {
    let installation = given_password().await?;
    let output = run_add(&installation, "openai", "primary", format!("\u{feff}{KEY}\r\n").as_bytes()).await?;
    ensure!(output.status.success(), "{}", text(&output));
    let output = run_add(&installation, "openai", "other", "\u{feff}\n".as_bytes()).await?;
    ensure!(text(&output).contains("service, name, and key are required"), "{}", text(&output));
    let server = installation.serve().await?;
    let vault = server.vault(PASSWORD).await?;
    assert_eq!(revealed(&vault, "openai").await?, KEY);
    for name in ["pri\u{ad}mary", "\u{202e}primary", "primary\u{200d}", "\u{2800}"] {
        let body = json!({"service": "openai", "name": name, "key": OTHER_KEY});
        let answer = vault.post("/api/credentials", &body).await?;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.body["error"], "name must not hold invisible characters");
    }
    // The parts of emoji count as visible.
    let body = json!({"service": "openai", "name": "\u{2764}\u{fe0f}", "key": OTHER_KEY});
    assert_eq!(vault.post("/api/credentials", &body).await?.status, 201);
    server.stop().await?;
    Ok(())
}
