//! Programs that are unpacked from Debian's packages into the build folder. Installing these
//! packages would start a service and bring its dependencies.

use crate::system::{announce, find, is_root, run, succeeds};
use crate::target_dir;
use anyhow::{Context as _, Result};
use std::fs;
use std::process::{Command, Stdio};

/// A program from a package.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unpacked {
    /// The program's name; if it is on `PATH`, nothing is unpacked.
    program: &'static str,
    package: &'static str,
    /// The program's path in the package.
    path: &'static str,
}

/// A proxy in front of the server, and the parser of Prometheus's text format.
pub(crate) const FOR_CHECKS: [Unpacked; 2] = [
    Unpacked { program: "nginx", package: "nginx", path: "usr/sbin/nginx" },
    Unpacked { program: "promtool", package: "prometheus", path: "usr/bin/promtool" },
];

/// Makes sure that programs are on `PATH` or in the build folder's `debian`.
///
/// # Errors
/// If one is missing and can't be fetched.
pub(crate) fn ensure(programs: &[Unpacked]) -> Result<()> {
    programs.iter().try_for_each(|wanted| {
        let Unpacked { program, package, .. } = wanted;
        wanted.unpack().with_context(|| format!("{program} is missing: install Debian's {package} by hand"))
    })
}

impl Unpacked {
    fn unpack(&self) -> Result<()> {
        let folder = target_dir()?.join("debian");
        let program = folder.join(self.program);
        if find(self.program).is_some() || program.is_file() {
            return Ok(());
        }
        announce(&format!("fetching {} from Debian's package {}", self.program, self.package));
        fs::create_dir_all(&folder)?;
        let downloaded = tempfile::tempdir_in(&folder)?;
        let download = || {
            let mut command = Command::new("apt-get");
            command.args(["--quiet=2", "download", self.package]).current_dir(downloaded.path());
            command.stdin(Stdio::null());
            command
        };
        if !succeeds(&mut download()) {
            if is_root() {
                run(Command::new("apt-get").args(["--quiet=2", "update"]).stdout(Stdio::null()))?;
            }
            run(&mut download())?;
        }
        let packages = fs::read_dir(downloaded.path())?.collect::<Result<Vec<_>, _>>()?;
        let package = packages.first().context("apt-get has downloaded nothing")?.path();
        let unpacked = downloaded.path().join("unpacked");
        run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&unpacked))?;
        Ok(fs::rename(unpacked.join(self.path), program)?)
    }
}
