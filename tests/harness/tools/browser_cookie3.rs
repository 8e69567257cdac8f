//! A real `browser_cookie3`, which reads cookies from a browser's files.

use crate::system::process::cache_dir;
use crate::tools::python::Environment;
use anyhow::Result;
use std::path::Path;
use tokio::process::Command;

/// The release that the benchmark compares, with its dependencies.
const REQUIREMENTS: &str = include_str!("../../tools/python/browser-cookie3.txt");
/// Prints the cookies of one domain as a cookie file, as briefly as its own
/// documentation does, with Python's own class for such files.
const PROGRAM: &str = r#"
import http.cookiejar, sys, browser_cookie3
database, domain = sys.argv[1:]
file = http.cookiejar.MozillaCookieJar("/dev/stdout")
for cookie in browser_cookie3.firefox(cookie_file=database, domain_name=domain):
    file.set_cookie(cookie)
file.save(ignore_discard=True, ignore_expires=True)
"#;

/// A private Python environment with it.
#[derive(Clone, Debug)]
pub struct BrowserCookie3 {
    environment: Environment,
}

impl BrowserCookie3 {
    /// The environment below the build folder, made on first use.
    ///
    /// # Errors
    /// When Python is missing or a package can't be fetched.
    pub async fn prepare() -> Result<Self> {
        Ok(Self { environment: Environment::prepare(&cache_dir()?, "browser-cookie3", REQUIREMENTS).await? })
    }

    /// A command that prints a domain's cookies, subdomains included, as a cookie file from a
    /// Firefox profile.
    #[must_use]
    pub fn command(&self, profile: &Path, domain: &str) -> Command {
        let mut command = self.environment.command("python", self.environment.path());
        command.args(["-c", PROGRAM]).arg(profile.join("cookies.sqlite")).arg(domain);
        command
    }
}
