//! Profiles in which an extension has access to sites. A browser that starts and ends just
//! for that makes each profile once; each test that needs it gets a copy.

use super::chromium::{Launch, Profile, read_manifest};
use super::popup;
use crate::system::process::cache_dir;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Longer than a run of all tests. An older profile most likely belongs to an old extension.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Gives the extension access to `origins` (match patterns such as
/// `*://*.instagram.com/*`) in the profile of `launch`, as if a person had
/// allowed it. The extension is loaded once with them as `host_permissions`, and the grant
/// stays with the profile under the same `key`. For tests that are not about
/// the browser's prompt.
///
/// # Errors
/// When the browser does not start or end, or does not grant the origins.
// Decision: docs/decisions/tooling.md#a-browser-profile-with-access-to-sites-is-made-once-and-copied
pub async fn grant_origins(launch: &Launch<'_>, origins: &[&str]) -> Result<()> {
    let extension = launch.extension.context("only an extension can be granted an origin")?;
    if launch.profile.path().join("Local State").exists() {
        return grant_in_place(launch, extension, origins).await;
    }
    let folder = cache_dir()?.join("profiles");
    fs::create_dir_all(&folder)?;
    let mut digest = Sha256::new();
    digest_folder(extension, extension, &mut digest)?;
    digest.update(json!(origins).to_string());
    let made = folder.join(hex::encode(&digest.finalize()[..8]));
    // One process makes it; the others wait here, on a blocking thread.
    let lock = fs::File::create(made.with_extension("lock"))?;
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
    if !made.exists() {
        remove_old(&folder)?;
        let profile = Profile::new()?;
        let launch = Launch { extension: launch.extension, ..Launch::new(&profile) };
        grant_in_place(&launch, extension, origins).await?;
        let unfinished = made.with_extension("unfinished");
        if unfinished.exists() {
            // A run that was killed has left it.
            fs::remove_dir_all(&unfinished)?;
        }
        copy_folder(profile.path(), &unfinished)?;
        fs::rename(unfinished, &made)?;
    }
    drop(lock);
    copy_folder(&made, launch.profile.path())
}

async fn grant_in_place(launch: &Launch<'_>, extension: &Path, origins: &[&str]) -> Result<()> {
    let copy = tempfile::tempdir()?;
    copy_folder(extension, copy.path())?;
    let mut manifest = read_manifest(extension)?;
    manifest["host_permissions"] = json!(origins);
    fs::write(copy.path().join("manifest.json"), manifest.to_string())?;
    let browser = Launch { extension: Some(copy.path()), display: None, ..*launch }.start().await?;
    let worker = popup::service_worker(&browser).await?;
    let asked = json!({ "origins": origins });
    let granted = worker.evaluate(&format!("chrome.permissions.contains({asked})")).await?;
    ensure!(granted == Value::Bool(true), "Chromium did not grant {}", origins.join(", "));
    drop(worker);
    browser.close().await
}

/// Digests the contents and the relative paths of all files below `root`.
fn digest_folder(root: &Path, folder: &Path, digest: &mut Sha256) -> Result<()> {
    for path in entries(folder)? {
        digest.update(path.strip_prefix(root)?.as_os_str().as_encoded_bytes());
        if path.is_dir() {
            digest_folder(root, &path, digest)?;
        } else {
            digest.update(fs::read(path)?);
        }
    }
    Ok(())
}

fn remove_old(folder: &Path) -> Result<()> {
    for path in entries(folder)? {
        let modified = fs::metadata(&path)?.modified()?;
        if path.is_dir() && SystemTime::now().duration_since(modified).is_ok_and(|age| age > KEPT) {
            fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}

/// Copies everything except links, which mark the profile as in use by a browser.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for path in entries(from)? {
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_symlink() {
            continue;
        } else if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            fs::copy(path, target)?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
