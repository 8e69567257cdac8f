//! Other programs that the tasks need. Missing ones are installed if possible, and otherwise named.

use crate::target_dir;
use anyhow::{Context as _, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Another program that a task needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// The program's possible names.
    pub(crate) programs: &'static [&'static str],
    /// The Debian package that contains the program.
    pub(crate) package: &'static str,
}

/// A browser to capture from.
pub(crate) const CHROMIUM: Need = Need { programs: &["chromium", "chromium-browser"], package: "chromium" };
/// Firefox, the other browser to capture from.
#[cfg(unix)]
pub(crate) const FIREFOX: Need = Need { programs: &["firefox-esr", "firefox"], package: "firefox-esr" };
/// Node.js, which runs wasm-opt.
pub(crate) const NODE: Need = Need { programs: &["node"], package: "nodejs" };
/// npm, which installs programs for Node.js.
pub(crate) const NPM: Need = Need { programs: &["npm"], package: "npm" };
/// Installs exactly what a lock file pins, without running scripts.
pub(crate) const NPM_CI: [&str; 8] = [
    "ci",
    "--ignore-scripts",
    // Peer dependencies are only needed for other uses of these packages.
    "--omit=peer",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--loglevel=error",
    "--fetch-retries=5",
];
/// Python, for the private environments of yt-dlp, schemathesis and others.
pub(crate) const PYTHON: Need = Need { programs: &["python3"], package: "python3" };
/// Further programs, for the checks only.
#[cfg(unix)]
pub(crate) const FOR_CHECKS: [Need; 8] = [
    Need { programs: &["Xvfb"], package: "xvfb" },
    Need { programs: &["openbox"], package: "openbox" },
    Need { programs: &["xdotool"], package: "xdotool" },
    Need { programs: &["curl"], package: "curl" },
    Need { programs: &["openssl"], package: "openssl" },
    NODE,
    FIREFOX,
    Need { programs: &["strace"], package: "strace" },
];

impl Need {
    /// Whether it is installed.
    pub(crate) fn is_installed(&self) -> bool {
        self.programs.iter().any(|name| find(name).is_some())
    }
}

/// Makes sure that all these programs are installed.
///
/// # Errors
/// If some are missing and can't be installed; names all of them.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let mut packages: Vec<_> =
        needs.iter().filter(|need| !need.is_installed()).map(|need| need.package).collect();
    let needs_python = needs.iter().any(|need| need.package == PYTHON.package);
    if needs_python && !succeeds(Command::new("python3").args(["-c", "import ensurepip"])) {
        packages.push("python3-venv");
    }
    if packages.is_empty() {
        return Ok(());
    }
    let packages_in_words = packages.join(" ");
    if !(is_root() && find("apt-get").is_some()) {
        bail!(
            "these programs are missing: {packages_in_words}\non Debian: sudo apt-get install {packages_in_words}"
        );
    }
    announce(&format!("installing {packages_in_words}"));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .arg("--quiet=2")
            .args(arguments)
            .stdin(Stdio::null());
        run(command.stdout(Stdio::null()))
    };
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], packages.as_slice()].concat())
        .with_context(|| format!("install by hand: {packages_in_words}"))
}

/// Adds a target with rustup if the toolchain lacks it. A `rust-toolchain.toml` would make every call
/// of cargo fail if the target can't be fetched, and not only the task that needs it.
///
/// # Errors
/// If it is missing and can't be added.
pub(crate) fn ensure_target(target: &str) -> Result<()> {
    let print = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    let libraries = String::from_utf8(print.context("rustc")?.stdout)?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    let added = Command::new("rustup").args(["target", "add", target]).status();
    ensure!(
        added.is_ok_and(|status| status.success()),
        "the Rust target {target} is missing and rustup could not add it; install it and run this again"
    );
    Ok(())
}

/// Builds one release of a program from the registry, and returns its path. It is not optimised and
/// has no debug information: both would take longer than they save.
///
/// # Errors
/// If it can't be built.
pub(crate) fn install_tool(name: &str, release: &str, options: &[&str]) -> Result<PathBuf> {
    let folder = target_dir()?.join("tools");
    let program = folder.join("bin").join(name);
    if !program.is_file() {
        announce(&format!("building {name}"));
    }
    let mut install = Command::new("cargo");
    install.args(["install", "--locked", "--quiet", "--debug", "--root"]).arg(&folder);
    // Cargo does nothing if this release is installed.
    install.args([name, "--version", release]).args(options).env("CARGO_PROFILE_DEV_DEBUG", "false");
    run(&mut install).with_context(|| format!("{name} could not be installed"))?;
    Ok(program)
}

/// Runs a command to its end.
///
/// # Errors
/// If it can't be started or fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{name} could not be started"))?;
    if status.success() { Ok(()) } else { bail!("{name} failed ({status})") }
}

/// Whether a command succeeds; its output is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The cargo that runs this.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Prints the current step on standard error.
#[expect(clippy::print_stderr, reason = "progress is for the person who waits")]
pub(crate) fn announce(what: &str) {
    eprintln!("==> {what}");
}

/// Finds a program on `PATH` or in Debian's folders of PostgreSQL, the newest version first.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(postgres_folders());
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

fn postgres_folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable_by(|one, other| other.cmp(one));
    versions.iter().map(|version| format!("/usr/lib/postgresql/{version}/bin").into()).collect()
}

/// Whether this runs as root.
pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
