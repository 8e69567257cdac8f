//! The commands for people: the server's, the native host's, and those of `cargo xtask`.

mod audit_log;
mod commands;
mod cookie_files;
mod demo;
mod from_server;
mod playwright;
mod stagepass_at_a_terminal;
mod up;
mod vault;
mod yt_dlp_at_a_terminal;
mod yt_dlp_plugin;
