//! Keeps what this version stores, for the tests of all later ones.

use anyhow::Result;
use clap::Parser;
use stagepass_tests::services::release;

/// Keeps what this version stores, for the tests of all later ones.
#[derive(Debug, Parser)]
struct Options;

#[tokio::main]
async fn main() -> Result<()> {
    Options::parse();
    release::keep(&release::folder().join(env!("CARGO_PKG_VERSION"))).await
}
