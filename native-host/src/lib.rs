//! Stagepass's native-messaging host: writes captured sessions to cookie files
//! that yt-dlp reads.
//!
//! The same program serves a browser, which starts it and speaks in frames
//! over its standard input and output, and people at a command line. It talks
//! to no network and runs no other program, but yt-dlp where a person says so,
//! and what a host manifest names where a person asks what is wrong with it.

mod allowed_extensions;
mod atomic_file;
mod bridge;
mod caller;
mod cli;
mod commands;
mod doctor;
mod error;
pub mod exports;
mod folder_lock;
pub mod frame;
mod host_dir;
mod own_place;
mod registration;
mod request;
mod run_folder;
pub mod serve;
mod shell;
mod signals;
mod utc_time;
mod yt_dlp;

pub use error::Error;
pub use utc_time::UtcTime;

use caller::Caller;
use stagepass_core::visible::printable;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Runs the program with the arguments it was started with, its own name first.
#[must_use]
pub fn run(args: Vec<OsString>) -> ExitCode {
    quieten_panics();
    match caller::recognise(args.get(1..).unwrap_or_default()) {
        Some(caller) => serve_browser(&caller),
        None => cli::run(args),
    }
}

fn serve_browser(caller: &Caller) -> ExitCode {
    let host_dir = host_dir::from_environment().and_then(|host_dir| {
        allowed_extensions::check(caller, &host_dir)?;
        Ok(host_dir)
    });
    let (input, output) = (io::stdin().lock(), io::stdout());
    let served = match host_dir {
        Ok(host_dir) => serve::serve(input, output, &host_dir),
        // A stranger learns nothing.
        Err(fault @ Error::CallerNotAllowed(_)) => Err(fault),
        Err(fault) => serve::refuse(input, output, &fault).and(Err(fault)),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            // What a browser breaks off is its own business: only a caller
            // that is refused, or a place that can't be found, is a failure.
            if matches!(error, Error::BrokenFrame(_)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}

/// Writes a fault to standard error, which browsers keep in their logs. That it
/// may be closed must not end the program.
fn complain(error: &dyn std::fmt::Display) {
    let _ = writeln!(io::stderr(), "stagepass-native-host: {}", printable(&error.to_string()));
}

/// A panic's own text can quote the data it choked on, so only its place is told.
fn quieten_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        complain(&format_args!("a fault in this program, at {place}; please report it"));
    }));
}
