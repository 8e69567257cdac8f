//! Cookie files that must be whole.

use anyhow::{Result, ensure};
use stagepass_core::Cookie;
use stagepass_core::netscape;

/// The cookies of a file in which every line can be read.
///
/// # Errors
/// Where one can't, with the reason.
pub fn whole_file(text: &str) -> Result<Vec<Cookie>> {
    let file = netscape::read(text);
    ensure!(file.left_out.is_empty(), "{:?}", file.left_out);
    Ok(file.cookies)
}
