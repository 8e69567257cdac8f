//! Today's programs reveal what each release has stored.

use anyhow::{Result, ensure};
use stagepass_tests::services::release::{self, STORES};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn releases() -> Result<Vec<PathBuf>> {
    let releases: Vec<_> = fs::read_dir(release::folder())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    ensure!(!releases.is_empty(), "no release is kept");
    Ok(releases)
}

#[test]
fn each_release_is_kept() -> Result<()> {
    let changelog = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../CHANGELOG.md"))?;
    let told = changelog.lines().filter_map(|line| line.strip_prefix("## [")?.split_once("] - "));
    let told: BTreeSet<_> = told.map(|(version, _)| version.to_owned()).collect();
    let names = releases()?.into_iter().map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    assert_eq!(names.collect::<Option<BTreeSet<_>>>(), Some(told));
    Ok(())
}

#[tokio::test]
async fn todays_server_reveals_what_a_release_has_stored_on_sqlite() -> Result<()> {
    for release in releases()? {
        release::ensure_revealed(&release, STORES[0]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn todays_server_reveals_what_a_release_has_stored_on_postgresql() -> Result<()> {
    for release in releases()? {
        release::ensure_revealed(&release, STORES[1]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn todays_host_finds_what_a_release_has_exported() -> Result<()> {
    for release in releases()? {
        release::ensure_exported(&release).await?;
    }
    Ok(())
}
