//! What a release has stored, kept beside the tests. Later versions open it, reveal every
//! record, and verify the audit log. Its secrets and keys are made up.

mod host;
mod records;

use crate::services::cluster;
use crate::services::installation::{Installation, Store};
use crate::services::postgres::Database;
use crate::system::private_file;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The stores whose databases are kept, each in a folder with this name.
pub const STORES: [(Store, &str); 2] = [(Store::Sqlite, "sqlite"), (Store::Postgres, "postgres")];
/// PostgreSQL's tables and their rows.
const DUMP: &str = "dump.sql";
/// What a server reveals of a folder's records.
const REVEALED: &str = "revealed.json";
const HOST: &str = "host";

/// Where the releases are, each in a folder named after its version.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("releases")
}

/// Makes the programs store something of each kind, and keeps it in `folder`.
///
/// # Errors
/// When they refuse, or the folder exists: a release is kept only once.
pub async fn keep(folder: &Path) -> Result<()> {
    fs::create_dir(folder).with_context(|| folder.display().to_string())?;
    for (store, name) in STORES {
        let folder = folder.join(name);
        fs::create_dir(&folder)?;
        let installation = Installation::new(store).await?;
        let revealed = records::make(&installation).await?;
        if let Ok(database) = installation.postgres() {
            let options = ["--no-owner", "--no-privileges"];
            let dump = cluster::run("pg_dump", &options, &database.superuser_url(), Vec::new()).await?;
            fs::write(folder.join(DUMP), without_commands(&String::from_utf8(dump)?))?;
        }
        copy_files(installation.directory(), &folder)?;
        write_json(&folder, &revealed)?;
    }
    let folder = folder.join(HOST);
    fs::create_dir(&folder)?;
    write_json(&folder, &host::make(&folder.join("data")).await?)
}

/// Checks that today's server reveals what a release stored, and that its audit log verifies.
///
/// # Errors
/// When it does not.
pub async fn ensure_revealed(release: &Path, (store, name): (Store, &str)) -> Result<()> {
    let folder = release.join(name);
    let installation = match store {
        Store::Postgres => {
            let database = Database::create().await?;
            let options = ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"];
            cluster::run("psql", &options, &database.url(), fs::read(folder.join(DUMP))?).await?;
            Installation::on_postgres(database)?
        }
        _ => Installation::new(store).await?,
    };
    copy_files(&folder, installation.directory())?;
    let kept = read_json(&folder)?;
    let revealed = records::reveal(&installation, &kept).await?;
    ensure!(revealed == kept, "{}", differences(&kept, &revealed));
    installation.succeed(&["audit", "verify"]).await.map(drop)
}

/// Checks that today's native host finds a release's exports.
///
/// # Errors
/// When it does not.
pub async fn ensure_exported(release: &Path) -> Result<()> {
    let (folder, home) = (release.join(HOST), tempfile::tempdir()?);
    let data = home.path().join("host");
    copy_folder(&folder.join("data"), &data)?;
    let (kept, found) = (read_json(&folder)?, host::exports(home.path(), &data).await?);
    ensure!(found == kept, "{}", differences(&kept, &found));
    Ok(())
}

/// A dump without psql's own commands, which older versions don't know.
fn without_commands(dump: &str) -> String {
    let is_command = |line: &&str| line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ");
    dump.split_inclusive('\n').filter(|line| !is_command(line)).collect()
}

/// The places where two values differ.
fn differences(kept: &Value, found: &Value) -> Value {
    match (kept, found) {
        (Value::Object(kept), Value::Object(found)) => {
            let names = kept.keys().chain(found.keys());
            let differ = names.filter(|name| kept.get(*name) != found.get(*name));
            let of = |side: &serde_json::Map<String, Value>, name: &String| {
                side.get(name).cloned().unwrap_or_default()
            };
            differ.map(|name| (name.clone(), differences(&of(kept, name), &of(found, name)))).collect()
        }
        _ => json!({"kept": kept, "found": found}),
    }
}

/// Copies a folder's files, except PostgreSQL's dump and the revealed values.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_file() && name != DUMP && name != REVEALED {
            private_file::write(to.join(name), fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// Copies a folder with everything in it, for its owner alone.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    private_file::make_folder(to)?;
    copy_files(from, to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn write_json(folder: &Path, value: &Value) -> Result<()> {
    Ok(fs::write(folder.join(REVEALED), serde_json::to_string_pretty(value)? + "\n")?)
}

fn read_json(folder: &Path) -> Result<Value> {
    Ok(serde_json::from_slice(&fs::read(folder.join(REVEALED))?)?)
}
