//! Tests of the real program, started as browsers and people start it.
#![expect(clippy::unwrap_used, reason = "a test that can not go on fails, its helpers too")]

#[cfg(unix)]
mod arguments;
mod bad_input;
mod bridge;
#[cfg(unix)]
mod bridge_sockets;
mod browser;
mod callers;
mod command_line;
mod concurrency;
mod doctor;
#[cfg(unix)]
mod doctor_folders;
#[cfg(unix)]
mod files;
#[cfg(unix)]
mod foreign_files;
mod formats;
#[cfg(unix)]
mod impostors;
mod install;
#[cfg(unix)]
mod invisible;
#[cfg(unix)]
mod own_cookies;
#[cfg(unix)]
mod ownership;
#[cfg(unix)]
mod patience;
#[cfg(unix)]
mod plugin;
mod process;
#[cfg(target_os = "linux")]
mod read_only;
#[cfg(unix)]
mod recorded;
mod requests;
mod rm;
#[cfg(unix)]
mod run_file;
#[cfg(unix)]
mod runs;
#[cfg(unix)]
mod runs_accounts;
#[cfg(unix)]
mod runs_ends;
#[cfg(unix)]
mod runs_exports;
#[cfg(unix)]
mod silence;
mod storage;
#[cfg(unix)]
mod storage_files;
mod tricks;
#[cfg(windows)]
mod windows;
