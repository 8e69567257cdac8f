//! What was found, step by step. Knows no step.

use crate::error::Error;
use serde::Serialize;
use stagepass_core::visible::printable;

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It is as it should be.
    Ok,
    /// It keeps nothing from working, and is good to know.
    Note,
    /// It keeps something from working, or secrets from being private.
    Fault,
}

/// What one step has shown.
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

/// The findings about one browser, or about this program itself.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) subject: String,
    pub(crate) findings: Vec<Finding>,
}

/// All that was found.
#[derive(Debug, Serialize)]
pub(crate) struct Diagnosis {
    /// How many browsers can use the host.
    pub(crate) working_browsers: usize,
    /// How many should, which can't be tried from here.
    pub(crate) untried_browsers: usize,
    /// How many steps went wrong.
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

    /// A fault of a file or folder, which says itself what to do about it.
    pub(super) fn fault_of(&mut self, step: &'static str, fault: Error) {
        match fault {
            Error::Exposed { path, fault, remedy } => {
                self.fault(step, format!("{}: {fault}", path.display()), remedy);
            }
            Error::InTheWay { path, what } => {
                let detail = format!("{} is {what}", path.display());
                self.fault(step, detail, "Move it away; the host makes its own.".to_owned());
            }
            fault => self.fault(step, fault.to_string(), None),
        }
    }

    pub(super) fn faults(&self) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == Verdict::Fault).count()
    }
}
