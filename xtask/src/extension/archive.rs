//! A folder's files as a zip file that depends on nothing but them: not on the
//! clock, the machine's settings, or the order in which a disk lists them.

use super::tree::Tree;
use anyhow::{Context as _, Result};
use std::io::{Cursor, Write as _};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Who may do what with an unpacked file.
const PERMISSIONS: u32 = 0o644;
/// The best that deflate does.
const LEVEL: i64 = 9;

/// The zip file's bytes.
pub(super) fn zip(files: &Tree) -> Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        // The first moment that the format knows.
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(PERMISSIONS);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in files.files() {
        writer.start_file(name(path)?, options)?;
        writer.write_all(content)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// A path as it is written in a zip file on every system.
fn name(path: &Path) -> Result<String> {
    let parts: Option<Vec<_>> = path.iter().map(|part| part.to_str()).collect();
    Ok(parts.with_context(|| format!("{} is no UTF-8", path.display()))?.join("/"))
}
