//! The plugin for yt-dlp: a Python file that asks this program for cookies. Puts it into yt-dlp's
//! plugin folder and takes it away. Knows neither sessions nor browsers.

use crate::atomic_file::{self, Access};
use crate::error::Error;
use crate::ownership::{self, Closed};
use crate::signals::Signals;
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// The version of the messages between plugin and program; `plugin.py` has the same number.
pub(crate) const VERSION: u32 = 1;
/// How long yt-dlp may take to load it, and the plugin to ask this program.
const PATIENCE: Duration = Duration::from_secs(15);
/// The variable that names a run's private file: the [`RunOptions`], and then a line for each thing
/// that the plugin reports.
pub(crate) const RUN_VARIABLE: &str = "STAGEPASS_RUN";
/// The oldest yt-dlp that loads plugins before it opens its cookie jar.
pub(crate) const OLDEST_YT_DLP: &str = "2025.03.21";
/// The variable that names yt-dlp for this program, and switches the installed plugin off.
pub(crate) const SWITCH: &str = "STAGEPASS_YT_DLP";
/// The switch's value that means off.
pub(crate) const OFF: &str = "off";

// Decision: docs/decisions/yt-dlp.md#a-plugin-brings-cookies-into-yt-dlp
const TEXT: &str = include_str!("yt_dlp_plugin/plugin.py");
/// The line of the plugin that names the program.
const PROGRAM_LINE: &str = "PROGRAM = ['stagepass']\n";
/// The plugin's folder in a folder of plugins, as yt-dlp prescribes it.
const PACKAGE: [&str; 3] = ["Stagepass", "yt_dlp_plugins", "extractor"];
const INSTALLED: &str = "stagepass.py";
/// Another name than that of the installed plugin, so that yt-dlp loads both and none hides the other.
const FOR_A_RUN: &str = "stagepass_run.py";

/// What a person asked for with `stagepass yt-dlp`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RunOptions {
    pub(crate) label: Option<String>,
    pub(crate) browser: Option<String>,
    pub(crate) profile: Option<String>,
    /// Whether rotated cookies also go back into the browser.
    pub(crate) write_back: bool,
    /// Whether a platform without cookies gets no request.
    pub(crate) require_cookies: bool,
    /// The platforms whose cookies are brought whatever the URLs are.
    pub(crate) platforms: Vec<String>,
}

impl RunOptions {
    /// The private file's content before the run.
    pub(crate) fn to_line(&self) -> String {
        format!("{}\n", serde_json::json!(self))
    }

    /// Those of the run in which this program was started by the plugin, if it is one.
    pub(crate) fn of_this_run() -> Result<Option<Self>, Error> {
        let Some(path) = std::env::var_os(RUN_VARIABLE).map(PathBuf::from) else { return Ok(None) };
        let gone = || Error::io("read", &path)(io::ErrorKind::NotFound.into());
        let file = ownership::read(&path, Closed::ToAll)?.ok_or_else(gone)?;
        let line = file.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let options = serde_json::from_slice(line);
        options.map(Some).map_err(|fault| Error::BadRequest(format!("{}: {fault}", path.display())))
    }
}

/// What the plugin has reported.
#[derive(Debug, Default)]
pub(crate) struct Reported {
    /// yt-dlp has loaded it.
    pub(crate) is_loaded: bool,
    /// It could ask the program.
    pub(crate) works: bool,
    /// Why it could not.
    pub(crate) fault: Option<String>,
    /// A platform had no cookies.
    pub(crate) without_cookies: bool,
}

impl Reported {
    /// Reads the private file as the plugin has left it.
    pub(crate) fn read(file: &[u8]) -> Self {
        let text = String::from_utf8_lossy(file);
        let has = |word: &str| text.lines().any(|line| line == word);
        Self {
            is_loaded: has("loaded"),
            works: has("works"),
            fault: text.lines().find_map(|line| line.strip_prefix("fault ")).map(str::to_owned),
            without_cookies: has("without cookies"),
        }
    }
}

/// The plugin's text. It starts the program with the arguments in `program`.
fn text(program: &[String]) -> String {
    let list = serde_json::json!(program);
    TEXT.replacen(PROGRAM_LINE, &format!("PROGRAM = {list}\n"), 1)
}

/// The command line that the plugin starts. A folder that is not the usual one is named.
fn command_line(program: &Path, named_host_dir: Option<&Path>) -> Result<Vec<String>, Error> {
    let unicode =
        |path: &Path| path.to_str().map(str::to_owned).ok_or_else(|| Error::NotUnicode(path.to_owned()));
    let mut command = vec![unicode(program)?];
    if let Some(host_dir) = named_host_dir {
        command.extend(["--host-dir".to_owned(), unicode(host_dir)?]);
    }
    Ok(command)
}

/// Where yt-dlp looks for the person's plugins on every system.
fn installed_path() -> Result<PathBuf, Error> {
    let strategy: Box<dyn BaseStrategy> = if cfg!(windows) {
        Box::new(etcetera::choose_base_strategy().map_err(|_| Error::NoHome)?)
    } else {
        Box::new(etcetera::base_strategy::Xdg::new().map_err(|_| Error::NoHome)?)
    };
    Ok(within(&strategy.config_dir().join("yt-dlp").join("plugins")).join(INSTALLED))
}

fn within(plugins: &Path) -> PathBuf {
    plugins.join(PACKAGE.iter().collect::<PathBuf>())
}

/// Installs the plugin, or brings it up to date, and returns its path.
pub(crate) fn install(program: &Path, named_host_dir: Option<&Path>) -> Result<PathBuf, Error> {
    let command = command_line(program, named_host_dir)?;
    let path = installed_path()?;
    write(&path, &command, Access::Ordinary)?;
    Ok(path)
}

/// Removes the plugin; returns its path if it was there. Other plugins stay.
pub(crate) fn uninstall() -> Result<Option<PathBuf>, Error> {
    let path = installed_path()?;
    match fs::remove_file(&path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        removed => removed.map_err(Error::io("remove", &path))?,
    }
    // Folders with other files stay, also with what Python keeps of other plugins.
    let cache = path.with_file_name("__pycache__");
    for entry in fs::read_dir(&cache).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("stagepass.") {
            let _ = fs::remove_file(entry.path());
        }
    }
    let folders = path.ancestors().skip(1).take(PACKAGE.len());
    for folder in [cache.as_path()].into_iter().chain(folders) {
        let _ = fs::remove_dir(folder);
    }
    Ok(Some(path))
}

/// Whether the plugin is installed.
pub(crate) fn is_installed() -> Result<Option<PathBuf>, Error> {
    installed_path().map(|path| Some(path).filter(|path| path.is_file()))
}

/// Writes the plugin for runs below `host_dir`, and returns the folder for yt-dlp's `--plugin-dirs`.
pub(crate) fn for_a_run(host_dir: &Path, program: &Path) -> Result<PathBuf, Error> {
    let command = command_line(program, Some(host_dir))?;
    // Another version of this program, which may be running, has another folder.
    let mut name = hex::encode(Sha256::digest(text(&command)));
    name.truncate(16);
    crate::run_folder::in_writable(host_dir, "plugin", |folder| {
        atomic_file::make_private_folder(folder)?;
        let plugins = folder.join(&name);
        atomic_file::make_private_folder(&plugins)?;
        write(&within(&plugins).join(FOR_A_RUN), &command, Access::Private)?;
        Ok(plugins)
    })
}

/// Writes the file unless it is there already.
fn write(path: &Path, command: &[String], access: Access) -> Result<(), Error> {
    let text = text(command);
    if fs::read(path).is_ok_and(|held| held == text.as_bytes()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
    }
    atomic_file::write(path, text.as_bytes(), access)
}

/// The arguments that let yt-dlp load the plugin of a run.
pub(crate) fn arguments(folder: &Path) -> [OsString; 2] {
    ["--plugin-dirs".into(), folder.into()]
}

/// Lets yt-dlp load the plugin of a run or, without one, the installed plugin, which then also asks
/// this program.
pub(crate) fn probe(program: &OsStr, plugins: Option<&Path>, signals: &mut Signals) -> io::Result<Reported> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(RunOptions::default().to_line().as_bytes())?;
    let conversation = async {
        let mut command = Command::new(program);
        // Without a URL, yt-dlp ends after it has loaded its plugins.
        command.arg("--ignore-config").args(plugins.map(arguments).into_iter().flatten());
        command.env(RUN_VARIABLE, file.path()).env_remove(SWITCH).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        timeout(PATIENCE, child.wait()).await.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(Reported::read(&fs::read(file.path())?))
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(signals.end_or(conversation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_program_in_the_plugin() {
        let text = text(&["/opt/it's \"here\"/stagepass", "--host-dir", "/tmp/ü"].map(str::to_owned));
        let line = r#"PROGRAM = ["/opt/it's \"here\"/stagepass","--host-dir","/tmp/ü"]"#;
        assert!(text.contains(&format!("\n{line}\n")) && !text.contains(PROGRAM_LINE));
        assert!(TEXT.contains(&format!("\nVERSION = {VERSION}\n")));
    }

    #[test]
    fn a_run_gets_a_private_folder_of_plugins() {
        let host_dir = tempfile::tempdir().unwrap();
        let program = Path::new("/opt/stagepass");
        let folder = for_a_run(host_dir.path(), program).unwrap();
        let path = folder.join("Stagepass/yt_dlp_plugins/extractor/stagepass_run.py");
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(for_a_run(host_dir.path(), program).unwrap(), folder);
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before, "it was written again");
        assert!(fs::read_to_string(path).unwrap().contains("/opt/stagepass"));
    }
}
