//! The harness with which the end-to-end tests and `cargo xtask up --demo` drive real
//! components: a real Chromium or Firefox with the extension, a sample
//! platform under a real platform's name, a real yt-dlp, a real PostgreSQL and
//! Directus, and our own programs.
//!
//! Everything that is started here ends when its handle is dropped. Every wait has a limit
//! and names what it waited for. Nothing here knows the test programs.

pub mod browsers;
pub mod look;
pub mod platform;
pub mod services;
pub mod stage;
pub mod system;
pub mod tools;
