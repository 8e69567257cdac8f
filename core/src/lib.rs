//! What Stagepass's programs must agree on: cookies, platforms, cookie files
//! and the messages they exchange.
//!
//! Everything here is pure: no I/O, no clock (the time is an argument, in Unix
//! seconds), no randomness and no async. The crate builds for wasm32 and depends on
//! none of the other crates.

pub mod api;
pub mod bridge;
pub mod cookie;
pub mod host;
mod json_member;
pub mod login;
pub mod netscape;
pub mod normalise;
pub mod origin_storage;
pub mod platform;
pub mod playwright;
pub mod public_suffix;
pub mod request_headers;
pub mod rotated_cookies;
pub mod session;
pub mod shape;
pub mod unkept;
pub mod url_host;
pub mod visible;
pub mod write_back;

pub use cookie::{Cookie, CookieFault, SameSite};
pub use normalise::{BrowserCookie, Capture, Report, normalise};
pub use origin_storage::{OriginStorage, StorageEntry};
pub use platform::{Platform, Site};
pub use public_suffix::PublicSuffixes;
pub use session::Session;
