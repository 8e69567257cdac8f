//! The core, compiled for the browser.
//!
//! This crate reads the browser's cookie store itself, lets the core judge
//! what it finds, and hands the result to the server or to the native host, so
//! that no cookie value ever passes through the extension's JavaScript. It
//! decides nothing about cookies or platforms (the core does) and keeps no
//! state (the service worker does).
//!
//! Every function that fails throws a [`failure::Failure`] as a plain object
//! `{code, message, …}`.

mod bridge;
mod browser;
mod capture;
mod cookie_store;
pub mod failure;
mod host;
mod js;
pub mod server;
pub mod site;

pub use bridge::{connect_host, hand_over, host_failure, write_back};
pub use capture::{capture, check_login, is_rotation, preview, signed_in_account};
pub use host::{cookie_file, export_for_yt_dlp};
pub use site::{is_in_catalogue, login_url, origins_of, platform_name, recognise, take_public_suffixes};
