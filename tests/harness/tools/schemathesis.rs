//! A real schemathesis and a real validator of OpenAPI documents, in a Python
//! environment of their own.

use crate::system::process::cache_dir;
use crate::tools::python::{Environment, Outcome, run};
use anyhow::{Result, ensure};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// The releases that the tests are about.
const REQUIREMENTS: &str = include_str!("../../tools/python/schemathesis.txt");
/// How it calls the server, and which of its findings to ignore. These files lie in the
/// folder that it runs in.
const FILES: [(&str, &str); 5] = [
    ("schemathesis.toml", include_str!("../../tools/schemathesis/schemathesis.toml")),
    ("hooks.py", include_str!("../../tools/schemathesis/hooks.py")),
    ("exceptions.py", include_str!("../../tools/schemathesis/exceptions.py")),
    ("successes.py", include_str!("../../tools/schemathesis/successes.py")),
    ("vault.py", include_str!("../../tools/schemathesis/vault.py")),
];
/// Checks each example of a document against its schema.
const EXAMPLES: &str = include_str!("../../tools/schemathesis/examples.py");
/// How long a run may take on a busy machine.
const RUN_TIMEOUT: Duration = Duration::from_secs(540);

/// A private Python environment with both in it.
#[derive(Clone, Debug)]
pub struct Schemathesis {
    environment: Environment,
}

impl Schemathesis {
    /// The environment below the build folder, made on first use.
    ///
    /// # Errors
    /// When Python is missing or a package can't be fetched.
    pub async fn prepare() -> Result<Self> {
        Ok(Self { environment: Environment::prepare(&cache_dir()?, "schemathesis", REQUIREMENTS).await? })
    }

    /// Calls a server in every way that its document at `url` allows and
    /// forbids. `folder` holds the files that the configuration names.
    ///
    /// # Errors
    /// When it can't be run or does not end in time. Findings are not an error
    /// here but an [`Outcome`].
    pub async fn check(&self, url: &str, folder: &Path) -> Result<Outcome> {
        for (name, text) in FILES {
            std::fs::write(folder.join(name), text)?;
        }
        let mut command = self.environment.command("schemathesis", folder);
        command.current_dir(folder).args(["--no-color", "run", url]);
        run(&mut command, RUN_TIMEOUT).await
    }

    /// Checks a document against the schema of its OpenAPI version, and then each of its
    /// examples against the example's own schema.
    ///
    /// # Errors
    /// With the validator's message if the document or an example is not valid.
    pub async fn validate(&self, document: &Value, folder: &Path) -> Result<()> {
        let file = folder.join("openapi.json");
        std::fs::write(&file, document.to_string())?;
        let mut validator = self.environment.command("openapi-spec-validator", folder);
        let mut examples = self.environment.command("python", folder);
        for command in [validator.args(["--errors", "all"]), examples.args(["-c", EXAMPLES])] {
            let outcome = run(command.arg(&file), RUN_TIMEOUT).await?;
            ensure!(outcome.status.success(), "{}{}", outcome.stdout, outcome.stderr);
        }
        Ok(())
    }
}
