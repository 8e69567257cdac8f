//! The harness with which the end-to-end tests and `cargo xtask up --demo`
//! drive real components: a real Chromium or Firefox with the extension, a sample
//! platform under a real platform's name, a real yt-dlp, a real PostgreSQL and
//! Directus, and our own programs.
//!
//! Whatever is started here ends when its handle is dropped, and every wait
//! has an end and says what was waited for. Nothing here knows the suites.

pub mod audit_log;
pub mod axe;
pub mod bridge;
pub mod browser_cookie3;
pub mod cdp;
pub mod chromium;
pub mod cluster;
pub mod cookie_file;
pub mod directus;
pub mod display;
pub mod faulty_directus;
pub mod firefox;
pub mod impostor;
pub mod installation;
pub mod libsodium;
pub mod look;
pub mod main_job;
pub mod nginx;
mod npm;
pub mod options;
pub mod page;
mod picture;
pub mod platform;
pub mod popup;
pub mod postgres;
pub mod private_file;
pub mod process;
pub mod process_memory;
pub mod proving;
pub mod proxy;
pub mod python;
pub mod raw_connection;
pub mod release;
pub mod renewal;
pub mod request_text;
pub mod root;
pub mod schemathesis;
pub mod scripted_host;
pub mod sealed;
pub mod secret_search;
pub mod server;
pub mod server_on_directus;
pub mod slow_readers;
pub mod small_disk;
pub mod terminal;
pub mod wait;
pub mod web_ext;
pub mod webdriver;
pub mod yt_dlp;
