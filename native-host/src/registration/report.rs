//! The report of a registration, for people: one line for each browser.

use super::browser::Browser;
use super::confinement::Starter;
use crate::error::Error;
use std::fmt;
use std::path::PathBuf;

/// The outcome for one browser.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The browser's manifest is written.
    Registered(PathBuf),
    /// The browser's manifest is removed.
    Removed(PathBuf),
    /// The manifest is written for the service that starts programs for the sandboxed browser.
    RegisteredFor(Starter, PathBuf),
    /// The browser had no manifest of Stagepass.
    NotRegistered,
    /// A manifest of the first browser stays, because the second one reads it too.
    Shared(Browser, Browser),
    /// This user has never started the browser.
    NotFound,
    /// The browser's sandbox keeps it from starting programs.
    OutOfReach(&'static str),
    /// The operation failed.
    Failed(Error),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered(path) => write!(f, "registered ({})", path.display()),
            Self::Removed(path) => write!(f, "removed ({})", path.display()),
            Self::RegisteredFor(starter, path) => {
                write!(f, "registered ({}), {starter}; not tried", path.display())
            }
            Self::NotRegistered => f.write_str("was not registered"),
            Self::Shared(browser, other) => write!(
                f,
                "stays registered, because {} reads the same manifest; uninstall both together \
                 (--browser {} --browser {}), or all",
                other.name(),
                browser.id(),
                other.id()
            ),
            Self::NotFound => f.write_str("not found, skipped"),
            Self::OutOfReach(packaging) => {
                write!(f, "out of reach: a {packaging} browser can't start programs outside its sandbox")
            }
            Self::Failed(fault) => write!(f, "FAILED: {fault}"),
        }
    }
}

impl Outcome {
    /// What the user can do about it.
    pub(crate) fn advice(&self) -> Option<String> {
        const OTHER: &str = "Install the browser from your distribution or its vendor, or download the cookie file in the extension's popup";
        match self {
            Self::OutOfReach(_) => Some(OTHER.to_owned()),
            Self::RegisteredFor(starter, _) => Some(starter.advice()),
            _ => None,
        }
    }
}

/// One line of the report.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) subject: String,
    pub(crate) outcome: Outcome,
}

impl Line {
    pub(super) fn new(subject: impl Into<String>, outcome: Result<Outcome, Error>) -> Self {
        Self { subject: subject.into(), outcome: outcome.unwrap_or_else(Outcome::Failed) }
    }
}
