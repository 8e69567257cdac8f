//! What came of registering, one line for each browser, in words for people.

use super::browser::Browser;
use super::confinement::Starter;
use crate::error::Error;
use std::fmt;
use std::path::PathBuf;

/// What became of one browser.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Its manifest is written.
    Registered(PathBuf),
    /// Its manifest is gone.
    Removed(PathBuf),
    /// Its manifest is written for what starts programs for it.
    RegisteredFor(Starter, PathBuf),
    /// It had no manifest of ours.
    NotRegistered,
    /// The first one's manifest, or one of several, stays, since the second one reads it as well.
    Shared(Browser, Browser),
    /// It was never started by this user.
    NotFound,
    /// It is shut off from programs outside of it.
    OutOfReach(&'static str),
    /// It could not be done.
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
                "stays registered, since {} reads the same manifest; uninstall both together \
                 (--browser {} --browser {}), or all",
                other.name(),
                browser.id(),
                other.id()
            ),
            Self::NotFound => f.write_str("not found, skipped"),
            Self::OutOfReach(packaging) => {
                write!(f, "out of reach: {packaging} keeps a browser from starting programs outside of it")
            }
            Self::Failed(fault) => write!(f, "FAILED: {fault}"),
        }
    }
}

impl Outcome {
    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<String> {
        const OTHER: &str = "Install it from your distribution or its maker, or have the extension export to a file to download";
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
