//! The core, compiled for the browser.
//!
//! This crate reads the browser's cookie store and what pages store, lets the core judge them, and
//! sends the result to the server or the native host, so that no value of either ever passes
//! through the extension's own JavaScript. It decides nothing about cookies or platforms (the core
//! does) and keeps no state (the service worker does).
//!
//! Functions throw a [`failure::Failure`] as a plain object `{code, message, …}`.

mod bridge;
mod browser;
mod browser_session;
mod capture;
mod cookie_store;
pub mod failure;
mod host;
mod js;
mod page_storage;
pub mod server;
pub mod site;

pub use bridge::{connect_host, hand_over, host_failure, write_back};
pub use capture::{
    capture, check_login, is_bound_to_user_agent, makes_session_stale, preview, signed_in_account,
};
pub use host::{cookie_file, export_for_yt_dlp};
pub use page_storage::list_storage;
pub use site::{is_in_catalogue, login_url, origins_of, platform_name, recognise, take_public_suffixes};
