//! `cargo xtask keep-release`: keeps data that this version stores, for the tests of all later ones.

use crate::services::{self, Services, Wanted};
use crate::system::{self, announce, cargo, run};
use crate::{target_dir, workspace_root};
use anyhow::Result;
use std::process::Command;

const PROGRAMS: [&str; 4] =
    ["stagepass-server", "stagepass-native-host", "stagepass", "stagepass-keep-release"];

/// Lets the programs store a record of each kind in SQLite, in PostgreSQL and in the native host's
/// folder, and keeps these in `tests/releases`.
///
/// # Errors
/// If something can't be built or started, or this version has already been kept.
pub(crate) fn keep() -> Result<()> {
    system::ensure(&[services::POSTGRES])?;
    let mut services = Services::start(Wanted::Postgres)?;
    announce("building the programs");
    run(cargo(workspace_root()?)
        .args(["build", "--locked"])
        .args(PROGRAMS.map(|name| ["--bin", name]).as_flattened()))?;
    let mut command = Command::new(target_dir()?.join("debug").join(PROGRAMS[3]));
    run(command.envs(services.variables()?))
}
