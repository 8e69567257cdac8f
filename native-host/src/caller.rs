//! Recognises from the arguments which extension started this program. Doesn't decide whether it
//! may.

use stagepass_core::host::HOST_NAME;
use std::ffi::{OsStr, OsString};
use std::path::Path;

const CHROMIUM_SCHEME: &str = "chrome-extension://";

/// The extension that a browser started this program for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Chromium and browsers based on it pass the extension's origin.
    Chromium {
        /// `chrome-extension://<id>/`, as it was passed.
        origin: String,
    },
    /// Firefox passes the host manifest's path and the add-on's id.
    Firefox {
        /// The add-on's id.
        id: String,
    },
}

/// The calling extension; `None` if the arguments are a person's.
pub(crate) fn recognise(args: &[OsString]) -> Option<Caller> {
    chromium(args).or_else(|| firefox(args))
}

/// Chromium passes the origin and switches, such as `--parent-window=…` on Windows.
fn chromium(args: &[OsString]) -> Option<Caller> {
    let is_origin = |arg: &OsStr| arg.to_string_lossy().starts_with(CHROMIUM_SCHEME);
    let origin = args.iter().find(|arg| is_origin(arg))?;
    let are_switches =
        args.iter().all(|arg| std::ptr::eq(arg, origin) || arg.to_string_lossy().starts_with("--"));
    are_switches.then(|| Caller::Chromium { origin: origin.to_string_lossy().into_owned() })
}

fn firefox(args: &[OsString]) -> Option<Caller> {
    let [manifest, id, ..] = args else { return None };
    let manifest = Path::new(manifest);
    let is_manifest = manifest.is_absolute()
        && manifest.file_stem() == Some(OsStr::new(HOST_NAME))
        && manifest.extension() == Some(OsStr::new("json"));
    is_manifest.then(|| Caller::Firefox { id: id.to_string_lossy().into_owned() })
}

impl Caller {
    /// The extension's id; `None` if the origin is malformed.
    pub(crate) fn extension_id(&self) -> Option<&str> {
        match self {
            Self::Chromium { origin } => origin.strip_prefix(CHROMIUM_SCHEME)?.strip_suffix('/'),
            Self::Firefox { id } => Some(id),
        }
    }

    /// The extension's origin or id as the browser passed it, for a message.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Chromium { origin } => origin,
            Self::Firefox { id } => id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(args: &[&str]) -> Option<Caller> {
        recognise(&args.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn recognises_browsers() {
        let origin = "chrome-extension://abc/";
        for args in [&[origin][..], &[origin, "--parent-window=0"], &["--parent-window=0", origin]] {
            assert_eq!(caller(args), Some(Caller::Chromium { origin: origin.to_owned() }));
        }
        let manifest = format!("{}/{HOST_NAME}.json", if cfg!(windows) { "C:" } else { "" });
        assert_eq!(caller(&[&manifest, "a@b"]), Some(Caller::Firefox { id: "a@b".to_owned() }));
    }

    #[test]
    fn does_not_mistake_a_persons_arguments_for_a_browsers() {
        for args in
            [&[][..], &["list"], &["cookies", "chrome-extension://abc/"], &["path", "x"], &["/x.json", "a@b"]]
        {
            assert_eq!(caller(args), None, "{args:?}");
        }
    }

    #[test]
    fn requires_a_complete_origin() {
        assert_eq!(caller(&["chrome-extension://abc/"]).unwrap().extension_id(), Some("abc"));
        assert_eq!(caller(&["chrome-extension://abc"]).unwrap().extension_id(), None);
        assert_eq!(caller(&["chrome-extension://abc/x"]).unwrap().extension_id(), None);
    }
}
