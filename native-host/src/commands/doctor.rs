//! Prints the findings of `doctor`, for people or as JSON.

use super::CommandError;
use crate::doctor::{self, Diagnosis, Finding, Verdict};
use crate::registration::{Registrar, Targets};
use crate::signals::Signals;
use stagepass_core::visible::escaped_json;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Shows why browsers can't use the host. Succeeds if there is no fault and at least one browser
/// can use it, or a server serves a platform.
pub(crate) fn doctor(
    host_dir: &Path,
    targets: &Targets,
    yt_dlp: &OsStr,
    json: bool,
    output: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    // A signal must also end the programs that this command starts.
    let mut signals = Signals::catch().map_err(CommandError::Signals)?;
    let diagnosis = doctor::examine(&Registrar::new(host_dir)?, targets, yt_dlp, &mut signals);
    signals.end_process_at_next(1, "ended by a signal").map_err(CommandError::Signals)?;
    let shown = if json {
        let json = serde_json::to_string_pretty(&diagnosis).map_err(io::Error::from);
        json.and_then(|json| writeln!(output, "{}", escaped_json(&json)))
    } else {
        show(&diagnosis, output)
    };
    shown.map_err(CommandError::Output)?;
    let Diagnosis { working_browsers, untried_browsers, served_platforms, faults, .. } = diagnosis;
    let is_well = faults == 0 && working_browsers + untried_browsers + served_platforms > 0;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(diagnosis: &Diagnosis, output: &mut impl Write) -> io::Result<()> {
    for section in &diagnosis.sections {
        writeln!(output, "{}", section.subject)?;
        for Finding { step, verdict, detail, advice } in &section.findings {
            let verdict = match verdict {
                Verdict::Ok => "ok",
                Verdict::Note => "note",
                Verdict::Fault => "FAULT",
            };
            writeln!(output, "  {verdict:<5}  {step:<9}  {detail}")?;
            if let Some(advice) = advice {
                writeln!(output, "{:20}{advice}", "")?;
            }
        }
        writeln!(output)?;
    }
    writeln!(output, "{}", summary(diagnosis))
}

fn summary(diagnosis: &Diagnosis) -> String {
    let Diagnosis { working_browsers, untried_browsers, served_platforms, faults, .. } = diagnosis;
    let counted = |count: usize, one: &str, more: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {more}"),
    };
    if (*working_browsers, *faults) == (0, 0) && *untried_browsers > 0 {
        return "A browser should be able to use Stagepass, but this can't be tried from here; nothing is wrong."
            .to_owned();
    }
    if (*working_browsers, *faults) == (0, 0) && *served_platforms > 0 {
        let platforms = counted(*served_platforms, "platform", "platforms");
        return format!("No browser can use Stagepass, but the server serves {platforms}; nothing is wrong.");
    }
    let browsers = counted(*working_browsers, "browser", "browsers");
    match (*working_browsers, *faults) {
        (0, 0) => "No browser can use Stagepass.".to_owned(),
        (_, 0) => format!("{browsers} can use Stagepass, and nothing is wrong."),
        (0, faults) => format!("No browser can use Stagepass: {}.", counted(faults, "fault", "faults")),
        (_, faults) => format!("{browsers} can use Stagepass; {}.", counted(faults, "fault", "faults")),
    }
}
