//! The findings of all steps. Knows none of the steps.

use crate::error::Error;
use serde::Serialize;
use stagepass_core::visible::printable;

/// The verdict on a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Everything is as it should be.
    Ok,
    /// Something is worth knowing, but everything works.
    Note,
    /// Something doesn't work, or a secret is not private.
    Fault,
}

/// The finding of one step.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) step: &'static str,
    pub(crate) verdict: Verdict,
    /// What was found.
    pub(crate) detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

/// The findings on one browser, on the server, or on this program.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) subject: String,
    pub(crate) findings: Vec<Finding>,
}

/// All findings.
#[derive(Debug, Serialize)]
pub(crate) struct Diagnosis {
    /// How many browsers can use the host.
    pub(crate) working_browsers: usize,
    /// How many browsers should be able to use the host, although this can't be tried from here.
    pub(crate) untried_browsers: usize,
    /// How many platforms a server serves.
    pub(crate) served_platforms: usize,
    /// How many faults were found.
    pub(crate) faults: usize,
    pub(crate) sections: Vec<Section>,
}

impl Section {
    pub(super) fn new(subject: impl Into<String>) -> Self {
        Self { subject: printable(&subject.into()), findings: Vec::new() }
    }

    pub(super) fn add(
        &mut self,
        step: &'static str,
        verdict: Verdict,
        detail: String,
        advice: Option<String>,
    ) {
        let (detail, advice) = (printable(&detail), advice.as_deref().map(printable));
        self.findings.push(Finding { step, verdict, detail, advice });
    }

    pub(super) fn ok(&mut self, step: &'static str, detail: impl Into<String>) {
        self.add(step, Verdict::Ok, detail.into(), None);
    }

    pub(super) fn note(
        &mut self,
        step: &'static str,
        detail: impl Into<String>,
        advice: impl Into<Option<String>>,
    ) {
        self.add(step, Verdict::Note, detail.into(), advice.into());
    }

    pub(super) fn fault(
        &mut self,
        step: &'static str,
        detail: impl Into<String>,
        advice: impl Into<Option<String>>,
    ) {
        self.add(step, Verdict::Fault, detail.into(), advice.into());
    }

    /// Adds an error about a file or folder. The error's text says what to do.
    pub(super) fn fault_of(&mut self, step: &'static str, fault: Error) {
        match fault {
            Error::Exposed { path, fault, remedy } => {
                self.fault(step, format!("{}: {fault}", path.display()), remedy);
            }
            Error::InTheWay { path, what } => {
                let detail = format!("{} is {what}", path.display());
                self.fault(step, detail, "Move it away; the host creates its own.".to_owned());
            }
            fault => self.fault(step, fault.to_string(), None),
        }
    }

    pub(super) fn faults(&self) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == Verdict::Fault).count()
    }
}
