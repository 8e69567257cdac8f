//! Other people's programs that the tests run. `tests/tools` pins their releases.

use crate::look;
use anyhow::Result;

pub mod browser_cookie3;
pub mod curl;
pub mod downloaders;
pub mod libsodium;
pub(crate) mod npm;
pub mod playwright;
pub mod python;
pub mod schemathesis;
pub mod web_ext;
pub mod yt_dlp;

/// Fetches all of them that Debian and cargo don't have, at once, so that no test waits for one.
///
/// # Errors
/// When one can't be fetched.
pub async fn fetch() -> Result<()> {
    tokio::try_join!(
        browser_cookie3::BrowserCookie3::prepare(),
        downloaders::prepare(),
        libsodium::Libsodium::prepare(),
        playwright::Playwright::prepare(),
        schemathesis::Schemathesis::prepare(),
        web_ext::WebExt::prepare(),
        yt_dlp::YtDlp::prepare(),
        yt_dlp::YtDlp::prepare_too_old(),
        yt_dlp::YtDlp::prepare_of_debian(),
        look::fetch(),
    )?;
    Ok(())
}
