//! `audit export`, and verifying its files without the database.

use super::stage::{PLANTED, Stage, start};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::proving::fingerprint_of_export;
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::system::terminal::Terminal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// A test's files, and their names as arguments.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn name(&self, name: &str) -> Result<String> {
        Ok(self.path(name).to_str().context("no UTF-8")?.to_owned())
    }

    /// The names of all files in the folder.
    fn all(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.0.path())? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }
}

/// Exports to a file.
async fn export(stage: &Stage, files: &Files, name: &str, arguments: &[&str]) -> Result<String> {
    let output = files.name(name)?;
    stage.content(&[&["export", "--output", &output], arguments].concat()).await
}

/// Verifies files without a database, by the fingerprint alone.
async fn verify(files: &Files, names: &[&str], fingerprint: &str) -> Result<(bool, String)> {
    let elsewhere = tempfile::tempdir()?;
    let mut command = stagepass_tests::services::server::command(elsewhere.path())?;
    command.args(["audit", "verify", "--fingerprint", fingerprint]);
    for name in names {
        command.arg("--file").arg(files.path(name));
    }
    let Output { status, stdout, stderr } = command.output().await?;
    ensure!(fs::read_dir(elsewhere.path())?.next().is_none(), "the command has created something");
    Ok((status.success(), String::from_utf8([stdout, stderr].concat())?))
}

async fn fingerprint(installation: &Installation) -> Result<String> {
    Ok(installation.succeed(&["fingerprint"]).await?.trim().to_owned())
}

#[tokio::test]
async fn an_export_verifies_by_itself_on_sqlite() -> Result<()> {
    assert_verifies(&start(Store::Sqlite).await?).await
}

#[tokio::test]
async fn an_export_verifies_by_itself_on_postgres() -> Result<()> {
    assert_verifies(&start(Store::Postgres).await?).await
}

async fn assert_verifies(stage: &Stage) -> Result<()> {
    let files = Files::new()?;
    let head = stage.head().await?;
    let said = export(stage, &files, "all.jsonl", &[]).await?;
    ensure!(said.starts_with("exported 6 rows to "), "{said}");
    assert_eq!(files.all()?, ["all.jsonl"], "nothing else is left");
    assert_private(&files.path("all.jsonl"))?;
    let fingerprint = fingerprint(&stage.installation).await?;
    let (whole, said) = verify(&files, &["all.jsonl"], &fingerprint).await?;
    ensure!(
        whole
            && said.contains("the export is complete and unchanged: 6 rows\n")
            && said.contains(&format!("head: {head}\n"))
    );
    // With the database, each row is checked against its own MAC as well.
    let file = files.name("all.jsonl")?;
    let said = stage.content(&["verify", "--file", &file, "--expect", &head]).await?;
    ensure!(said.contains("the export is complete and unchanged: 6 rows"), "{said}");
    // Standard output gets the same rows.
    let text = fs::read_to_string(files.path("all.jsonl"))?;
    let piped = stage.installation.succeed(&["audit", "export"]).await?;
    for export in [&text, &piped] {
        assert_eq!(fingerprint_of_export(export)?, fingerprint);
    }
    let rows = |text: &str| text.lines().filter(|line| line.contains("\"kind\":\"row\"")).count();
    assert_eq!((rows(&piped), rows(&text)), (6, 6));
    for line in text.lines() {
        let line: Value = serde_json::from_str(line)?;
        ensure!(line["kind"].is_string(), "{line}");
    }
    ensure!(!SecretSearch::new(&[PLANTED.into()])?.is_in(text.as_bytes()), "a secret is in the export");
    Ok(())
}

#[cfg(unix)]
fn assert_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(fs::metadata(path)?.permissions().mode() & 0o777, 0o600);
    Ok(())
}

#[tokio::test]
async fn every_change_in_an_export_is_found() -> Result<()> {
    let (stage, files) = (start(Store::Sqlite).await?, Files::new()?);
    export(&stage, &files, "all.jsonl", &[]).await?;
    let fingerprint = fingerprint(&stage.installation).await?;
    let text = fs::read_to_string(files.path("all.jsonl"))?;
    let lines: Vec<_> = text.lines().collect();
    let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let without = |index: usize| [&lines[..index], &lines[index + 1..]].concat();
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    let end = lines.len() - 1;
    for (changed, expected) in [
        (text.replace("\"outcome\":\"ok\"", "\"outcome\":\"no\""), "its signature does not match"),
        (joined(&without(3)), "its signature does not match"),
        (joined(&swapped), "row 3 was changed or moved"),
        (joined(&lines[..end]), "its end is missing: it was cut off"),
        (text[..text.len() - 5].to_owned(), "is invalid: it was cut off or changed"),
        (joined(&[&lines[..], &lines[1..2]].concat()), "its signature does not match"),
        (joined(&lines[1..]), "is not a file written by `audit export`"),
        (String::new(), "its end is missing: it was cut off"),
        ("x".repeat(100_000), "is not a file written by `audit export`"),
        (text.replacen("\"version\":1", "\"version\":2", 1), "has a version that this program does not know"),
    ] {
        fs::write(files.path("changed.jsonl"), &changed)?;
        let (whole, said) = verify(&files, &["changed.jsonl"], &fingerprint).await?;
        ensure!(!whole && said.contains(expected), "{expected}: {said}");
    }
    // Another server's signature over the same rows.
    let other = start(Store::Sqlite).await?;
    export(&other, &files, "other.jsonl", &[]).await?;
    let (whole, said) = verify(&files, &["other.jsonl"], &fingerprint).await?;
    ensure!(!whole && said.contains("is signed by another server, whose fingerprint is "), "{said}");
    Ok(())
}

#[tokio::test]
async fn exports_of_consecutive_periods_verify_together() -> Result<()> {
    let (stage, files) = (start(Store::Sqlite).await?, Files::new()?);
    let rows = stage.list(&[]).await?;
    let at = |index: usize| rows[index]["at"].as_str().unwrap_or_default().to_owned();
    let (one, two) = (at(2), at(4));
    export(&stage, &files, "1", &["--until", &one]).await?;
    export(&stage, &files, "2", &["--since", &one, "--until", &two]).await?;
    export(&stage, &files, "3", &["--since", &two]).await?;
    let fingerprint = fingerprint(&stage.installation).await?;
    let verify = async |names: &[&str]| verify(&files, names, &fingerprint).await;
    for names in [&["1", "2", "3"][..], &["1", "2"], &["2", "3"], &["2"]] {
        let (whole, said) = verify(names).await?;
        ensure!(whole, "{names:?}: {said}");
    }
    let (_, said) = verify(&["1", "2", "3"]).await?;
    ensure!(
        said.contains("chain 1 rows 3 to 4\n")
            && said.contains("the export is complete and unchanged: 6 rows"),
        "{said}"
    );
    let (whole, said) = verify(&["1", "3"]).await?;
    ensure!(!whole && said.contains("chain 1: rows 3 to 4 are in none of the files"), "{said}");
    for names in [&["2", "1"][..], &["1", "1"]] {
        let (whole, said) = verify(names).await?;
        ensure!(!whole && said.contains("give each file once and in order"), "{said}");
    }
    let said = stage.not_content(&["export", "--since", &two, "--until", &one]).await?;
    ensure!(said.contains("--until must be later than --since"), "{said}");
    Ok(())
}

/// The server keeps the first chain, and commands begin another one.
#[tokio::test]
async fn a_chain_that_began_between_two_exports_is_reported_missing_on_postgres() -> Result<()> {
    let (stage, files) = (start(Store::Postgres).await?, Files::new()?);
    export(&stage, &files, "1", &[]).await?;
    let add = async |name: &str| {
        let add = ["service-token", "add", name, "--verb", "reveal"];
        stage.installation.succeed(&add).await.map(drop)
    };
    for name in ["one", "two", "three"] {
        add(name).await?;
    }
    let rows = stage.list(&[]).await?;
    let last = rows.last().context("no row")?["at"].as_str().context("no time")?.to_owned();
    export(&stage, &files, "2", &["--since", &last]).await?;
    let fingerprint = fingerprint(&stage.installation).await?;
    let (whole, said) = verify(&files, &["1", "2"], &fingerprint).await?;
    ensure!(!whole && said.contains("are in none of the files"), "{said}");
    // Each of them is complete by itself.
    for name in ["1", "2"] {
        let (whole, said) = verify(&files, &[name], &fingerprint).await?;
        ensure!(whole, "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn an_expected_head_that_no_file_has_is_reported() -> Result<()> {
    let (stage, files) = (start(Store::Sqlite).await?, Files::new()?);
    let rows = stage.list(&[]).await?;
    let since = rows[4]["at"].as_str().context("no time")?.to_owned();
    export(&stage, &files, "end", &["--since", &since]).await?;
    let head = format!("1:2:{}", "ab".repeat(32));
    let said = stage.not_content(&["verify", "--file", &files.name("end")?, "--expect", &head]).await?;
    ensure!(said.contains("row 2, named by the expected head, is in none of the files"), "{said}");
    Ok(())
}

#[tokio::test]
async fn an_export_of_an_incomplete_log_says_so() -> Result<()> {
    let (stage, files) = (start(Store::Sqlite).await?, Files::new()?);
    stage.installation.change("UPDATE audit_log SET outcome = 'no' WHERE sequence = 4").await?;
    let said = export(&stage, &files, "all", &[]).await?;
    ensure!(said.contains("the audit log fails verification, and the export records why"), "{said}");
    let fingerprint = fingerprint(&stage.installation).await?;
    let (whole, said) = verify(&files, &["all"], &fingerprint).await?;
    ensure!(!whole && said.contains("when it was exported: chain 1: row 4 was changed or moved"), "{said}");
    ensure!(!said.contains("signature"), "{said}");
    Ok(())
}

#[tokio::test]
async fn an_export_overwrites_nothing_and_leaves_nothing_when_interrupted() -> Result<()> {
    let (stage, files) = (start(Store::Sqlite).await?, Files::new()?);
    fs::write(files.path("there"), "mine")?;
    let said = stage.not_content(&["export", "--output", &files.name("there")?]).await?;
    ensure!(said.contains("already exists; choose another file"), "{said}");
    assert_eq!(fs::read_to_string(files.path("there"))?, "mine");
    fs::remove_file(files.path("there"))?;
    // Enough rows to interrupt the export: copies, which no longer verify.
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
        INSERT INTO audit_log SELECT 2, i, at, caller, acting_for, action, record, outcome, mac
        FROM n, audit_log WHERE chain = 1 AND sequence = 1";
    stage.installation.change(many).await?;
    let mut command = stage.installation.command()?;
    command.args(["audit", "export", "--output", &files.name("cut")?]);
    let mut terminal = Terminal::start(command)?;
    terminal.wait_for(" rows").await?;
    terminal.press_ctrl_c().await?;
    let (status, shown) = terminal.end().await?;
    assert_eq!(status.code(), Some(130), "{shown}");
    ensure!(!shown.contains("interrupted") && !shown.contains("exported"), "{shown}");
    assert_eq!(files.all()?, Vec::<String>::new());
    Ok(())
}
