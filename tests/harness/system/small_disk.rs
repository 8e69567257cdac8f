//! A disk of a few megabytes, which a test can fill.

use crate::system::root::as_root;
use anyhow::{Context as _, Result};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A file system in memory, gone when it is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Makes one of `mib` MiB, with a folder that belongs to the running user.
    ///
    /// # Errors
    /// When we may not mount one.
    pub fn new(mib: u32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().to_str().context("a path that is not UTF-8")?;
        let options = format!(
            "size={mib}m,mode=0711,uid={},gid={}",
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw()
        );
        as_root("mount", ["-t", "tmpfs", "-o", &options, "tmpfs", path])?;
        let disk = Self { folder };
        fs::create_dir(disk.path())?;
        fs::set_permissions(disk.path(), fs::Permissions::from_mode(0o700))?;
        Ok(disk)
    }

    /// A folder on it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn filling(&self) -> PathBuf {
        self.folder.path().join("filling")
    }

    /// Fills it to the last byte.
    ///
    /// # Errors
    /// When writing fails for another reason than a full disk.
    pub fn fill(&self) -> Result<()> {
        let mut file = fs::File::create(self.filling())?;
        for bytes in [vec![1; 64 * 1024], vec![1; 1]] {
            loop {
                match file.write_all(&bytes) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Removes what filled it.
    ///
    /// # Errors
    /// When that fails.
    pub fn clear(&self) -> Result<()> {
        Ok(fs::remove_file(self.filling())?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let path: &Path = self.folder.path();
        // Lazily: a program on it may still be ending.
        let _ = as_root("umount", [Path::new("-l").as_os_str(), path.as_os_str()]);
    }
}
