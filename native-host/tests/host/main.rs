//! The real program, started as browsers and people start it.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that can not go on fails, its helpers too")]

mod bad_input;
mod bridge;
mod browser;
mod callers;
mod command_line;
mod concurrency;
mod doctor;
mod doctor_folders;
mod files;
mod impostors;
mod install;
mod process;
mod requests;
mod yt_dlp;
