//! Exports of the native host.

use crate::system::private_file;
use crate::system::process::{clean_environment, our_program};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use stagepass_core::host::CHROMIUM_EXTENSION_ID;
use std::path::Path;
use std::process::{Output, Stdio};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Makes the host export sessions into `data`; returns what [`exports`] should find.
pub(super) async fn make(data: &Path) -> Result<Value> {
    private_file::make_folder(data)?;
    let home = tempfile::tempdir()?;
    let mut host = program("stagepass-native-host", home.path(), data)?;
    host.arg(format!("chrome-extension://{CHROMIUM_EXTENSION_ID}/"));
    let mut frames = Vec::new();
    for (platform, name, label) in
        [("instagram", "sessionid", ""), ("x", "auth_token", "made up"), ("example.org", "login", "\u{fc}")]
    {
        let domain =
            if platform == "example.org" { ".example.org".to_owned() } else { format!(".{platform}.com") };
        let cookie = json!({"name": name, "value": "made-up-login", "domain": domain, "path": "/",
            "expires": 4_102_444_800_u64, "httpOnly": true, "secure": true, "sameSite": "lax", "hostOnly": false});
        let request =
            json!({"id": 1, "type": "export", "platform": platform, "label": label, "cookies": [cookie]});
        let request = request.to_string();
        frames.extend(u32::try_from(request.len())?.to_ne_bytes());
        frames.extend(request.into_bytes());
    }
    let answers = run(&mut host, &frames).await?;
    ensure!(String::from_utf8_lossy(&answers.stdout).matches(r#""ok":true"#).count() == 3, "{answers:?}");
    exports(home.path(), data).await
}

/// The cookie file of each export, by its name in the list.
pub(super) async fn exports(home: &Path, data: &Path) -> Result<Value> {
    let listed = run(command(home, data)?.args(["list", "--json"]), &[]).await?;
    let listed: Vec<Value> = serde_json::from_slice(&listed.stdout)?;
    let mut found = Map::new();
    for export in &listed {
        let path = Path::new(export["path"].as_str().context("no path")?);
        let name = path.file_name().and_then(|name| name.to_str()).context("no name")?;
        let file = std::fs::read_to_string(path)?;
        found.insert(name.to_owned(), json!({"platform": export["platform"], "file": file}));
    }
    let printed = run(command(home, data)?.args(["cookies", "https://www.instagram.com/"]), &[]).await?;
    found.insert("printed".to_owned(), json!(String::from_utf8(printed.stdout)?));
    Ok(Value::Object(found))
}

/// The command for people.
fn command(home: &Path, data: &Path) -> Result<Command> {
    program("stagepass", home, data)
}

fn program(name: &str, home: &Path, data: &Path) -> Result<Command> {
    let mut command = Command::new(our_program(name)?);
    command.env_clear().envs(clean_environment(home)).env("STAGEPASS_HOST_DIR", data);
    Ok(command)
}

async fn run(command: &mut Command, input: &[u8]) -> Result<Output> {
    let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = running.stdin.take().context("no standard input")?;
    stdin.write_all(input).await?;
    drop(stdin);
    let output = running.wait_with_output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(output)
}
