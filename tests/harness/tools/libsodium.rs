//! The real libsodium in Python: what it derives, opens and seals.

use crate::system::process::cache_dir;
use crate::tools::python::{Environment, run};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::time::Duration;

const REQUIREMENTS: &str = include_str!("../../tools/python/pynacl.txt");
/// Reads its task from a file.
const PROGRAM: &str = include_str!("libsodium.py");
const TIMEOUT: Duration = Duration::from_secs(120);

/// PyNaCl, which brings libsodium with it.
#[derive(Clone, Debug)]
pub struct Libsodium {
    environment: Environment,
}

impl Libsodium {
    /// The environment below the build folder, made on first use.
    ///
    /// # Errors
    /// When Python is missing or the package can't be fetched.
    pub async fn prepare() -> Result<Self> {
        Ok(Self { environment: Environment::prepare(&cache_dir()?, "pynacl", REQUIREMENTS).await? })
    }

    /// Makes the program do what `task` says, and returns its answer.
    ///
    /// # Errors
    /// When it fails, with its output.
    pub async fn ask(&self, task: &Value) -> Result<Value> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("task.json");
        std::fs::write(&file, task.to_string())?;
        let mut command = self.environment.command("python", folder.path());
        let outcome = run(command.args(["-c", PROGRAM]).arg(&file), TIMEOUT).await?;
        ensure!(outcome.status.success(), "{}", outcome.stderr);
        serde_json::from_str(&outcome.stdout).with_context(|| outcome.stdout.clone())
    }
}
