//! Checks the server that takes a browser's place, if one is configured: asks it for a session of each
//! platform, as commands do.

use super::report::Section;
use crate::server::{PATIENCE, ServedSession, Server};
use std::time::Instant;

/// The findings on a configured server.
pub(super) struct Served {
    pub(super) section: Section,
    /// How many platforms it serves.
    pub(super) platforms: usize,
}

/// Asks the configured server; `None` if there is no such server.
pub(super) fn examine() -> Option<Served> {
    let mut served = Served { section: Section::new("Server"), platforms: 0 };
    match Server::configured() {
        Ok(None) => return None,
        Err(fault) => served.section.fault("settings", fault.to_string(), None),
        Ok(Some(server)) => {
            served.section.ok("settings", format!("{}, from {}", server.address(), server.origin()));
            ask(&server, &mut served);
        }
    }
    Some(served)
}

fn ask(server: &Server, served: &mut Served) {
    const STEP: &str = "session";
    let deadline = Instant::now() + PATIENCE;
    for platform in server.platforms() {
        match server.session(platform, deadline) {
            Ok(session) => {
                served.platforms += 1;
                served.section.ok(STEP, describe(platform, &session));
                // Nothing has changed, so the server stores nothing.
                if let Err(fault) = server.write_back(&session.handed_out, &session.cookies, deadline) {
                    served.section.note(STEP, fault.to_string(), None);
                }
            }
            Err(fault) => {
                served.section.fault(STEP, fault.to_string(), None);
                if !fault.is_about_one_platform() {
                    break;
                }
            }
        }
    }
}

fn describe(platform: &str, session: &ServedSession) -> String {
    let end = session.expires_at.map(|end| format!(", ends {}", end.relative()));
    format!("{platform}, {} cookies{}", session.cookies.len(), end.unwrap_or_default())
}
