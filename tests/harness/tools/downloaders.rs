//! Real ffmpeg and aria2, to which yt-dlp can leave a download.

use crate::system::process::cache_dir;
use crate::tools::python::Environment;
use anyhow::{Context as _, Result};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Packages of PyPI that contain the programs.
const REQUIREMENTS: &str = include_str!("../../tools/python/downloaders.txt");

/// Makes them on first use, and links them into `folder` under their own names.
///
/// # Errors
/// When a package can't be fetched or a program is missing.
pub async fn link_into(folder: &Path) -> Result<()> {
    let environment = prepare().await?;
    let packages = fs::read_dir(environment.path().join("lib"))?.next().context("no packages")??;
    let packages = packages.path().join("site-packages");
    let binaries = fs::read_dir(packages.join("imageio_ffmpeg/binaries"))?.flatten();
    let mut ffmpeg =
        binaries.map(|entry| entry.path()).filter(|path| path.extension().is_none_or(|it| it != "py"));
    symlink(ffmpeg.next().context("no ffmpeg")?, folder.join("ffmpeg"))?;
    symlink(packages.join("aria2c/bin/aria2c"), folder.join("aria2c"))?;
    Ok(())
}

/// The environment below the build folder.
pub(crate) async fn prepare() -> Result<Environment> {
    Environment::prepare(&cache_dir()?, "downloaders", REQUIREMENTS).await
}
