//! Files and folders that hold secrets, readable only by their owner as programs require.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Writes a file that nobody else can read, and replaces its contents.
///
/// # Errors
/// When it can't be written.
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(contents.as_ref())
}

/// Makes a folder that nobody else can look into.
///
/// # Errors
/// When it can't be made, or is there already.
pub fn make_folder(path: impl AsRef<Path>) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}
