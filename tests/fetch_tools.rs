//! Fetches the tools of the tests before they run.

use anyhow::Result;
use clap::Parser;
use stagepass_tests::tools;

/// Fetches the tools of the tests that neither Debian nor cargo has.
#[derive(Debug, Parser)]
struct Options;

#[tokio::main]
async fn main() -> Result<()> {
    Options::parse();
    tools::fetch().await
}
