//! Stagepass's server: keeps captured sessions encrypted and gives them to authorised backends.

mod api;
mod app;
mod app_credentials;
mod audit;
mod audit_export;
mod body;
mod bounded_text;
mod cli;
mod client;
mod clock;
mod config;
mod credentials;
mod directus;
mod error;
mod identity;
mod key_rotation;
mod keyed_stores;
mod limits;
mod masking;
mod metrics;
mod openapi;
mod operation;
mod pages;
mod proof;
mod readiness;
mod refusals;
mod replaceable;
mod request;
mod retention;
mod router;
mod sealing;
mod secret_file;
mod serve;
mod store;
mod streamed;
mod telemetry;
mod vault;
mod words;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::Cli::from_arguments().run()
}
