//! Cookie files that must be complete.

use anyhow::{Result, ensure};
use stagepass_core::Cookie;
use stagepass_core::netscape;

/// The cookies of a file of which every line must be readable.
///
/// # Errors
/// When a line can't be read, with the reason.
pub fn whole_file(text: &str) -> Result<Vec<Cookie>> {
    let file = netscape::read(text);
    ensure!(file.left_out.is_empty(), "{:?}", file.left_out);
    Ok(file.cookies)
}
