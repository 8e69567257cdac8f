//! Other people's programs that the tests run. `tests/tools` pins their releases.

pub mod browser_cookie3;
pub mod curl;
pub mod libsodium;
pub(crate) mod npm;
pub mod playwright;
pub mod python;
pub mod schemathesis;
pub mod web_ext;
pub mod yt_dlp;
