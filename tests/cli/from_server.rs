//! Sessions from a server instead of a browser: the command for people and a real server.

mod doctor;
mod faults;
mod login;
mod sessions;
mod stage;
mod unsent;
mod with_yt_dlp;
mod write_back;
