//! Packs a folder's files into a zip file whose bytes depend only on the files, and not on the clock,
//! the computer's settings, or the order of the folder's entries.

use super::tree::Tree;
use anyhow::{Context as _, Result};
use std::io::{Cursor, Write as _};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The mode of an unpacked file.
const PERMISSIONS: u32 = 0o644;
/// Deflate's best level.
const LEVEL: i64 = 9;

/// The zip file's bytes.
pub(super) fn zip(files: &Tree) -> Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        // The earliest time in this format.
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(PERMISSIONS);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in files.files() {
        writer.start_file(name(path)?, options)?;
        writer.write_all(content)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// A path with slashes, as zip files have them on every system.
fn name(path: &Path) -> Result<String> {
    let parts: Option<Vec<_>> = path.iter().map(|part| part.to_str()).collect();
    Ok(parts.with_context(|| format!("{} is not UTF-8", path.display()))?.join("/"))
}
