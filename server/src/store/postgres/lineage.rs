//! Which history of a cluster a host continues. A replaced primary may return and still consider
//! itself primary, so the newest history seen is remembered and older ones are refused.

use super::PostgresFault;
use std::sync::{Mutex, PoisonError};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// The timeline being written, from the name of the log file: the last checkpoint's may be outdated
/// for a while after a promotion.
const LINEAGE: &str = "
    SELECT system_identifier::text, left(pg_walfile_name(pg_current_wal_lsn()), 8) FROM pg_control_system()";

/// A history: each promotion of a standby starts a timeline with a higher number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lineage {
    /// The identifier of the cluster, the same on all its hosts.
    system: String,
    timeline: u32,
}

impl Lineage {
    /// Asks a host; `None` if the role has no right to know, or if a service that speaks
    /// PostgreSQL's protocol has no timelines.
    pub(super) async fn of(client: &Client) -> Result<Option<Self>, Error> {
        match client.simple_query(LINEAGE).await {
            Ok(answers) => Ok(answers.iter().find_map(Self::read)),
            Err(error) if error.code().is_some_and(is_not_told) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The number of the timeline; newer ones are higher.
    pub(super) fn timeline(&self) -> u32 {
        self.timeline
    }

    fn read(answer: &SimpleQueryMessage) -> Option<Self> {
        let SimpleQueryMessage::Row(row) = answer else { return None };
        let timeline = u32::from_str_radix(row.get(1)?, 16).ok()?;
        Some(Self { system: row.get(0)?.to_owned(), timeline })
    }
}

fn is_not_told(code: &SqlState) -> bool {
    let unknown =
        [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::UNDEFINED_FUNCTION, SqlState::FEATURE_NOT_SUPPORTED];
    unknown.contains(code)
}

/// The newest history that this process has seen.
// Decision: docs/decisions/storage.md#the-server-remembers-postgresqls-newest-timeline
#[derive(Debug, Default)]
pub(super) struct NewestLineage(Mutex<Option<Lineage>>);

impl NewestLineage {
    /// Remembers a host's history if it is the newest.
    ///
    /// # Errors
    /// If it is older or belongs to another cluster.
    pub(super) fn admit(&self, found: Option<&Lineage>) -> Result<(), PostgresFault> {
        let Some(found) = found else { return Ok(()) };
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*newest {
            Some(known) if known.system != found.system => Err(PostgresFault::unfit(
                "it belongs to another PostgreSQL cluster than at this server's start; check DATABASE_URL, \
                 and restart the server if the database was moved on purpose"
                    .to_owned(),
            )),
            Some(known) if known.timeline > found.timeline => Err(PostgresFault::unfit(format!(
                "it continues timeline {}, but a standby has since been promoted to timeline {}, so it is no \
                 longer the primary; restart the server if an older state was restored on purpose",
                found.timeline, known.timeline
            ))),
            _ => {
                *newest = Some(found.clone());
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lineage(system: &str, timeline: u32) -> Lineage {
        Lineage { system: system.to_owned(), timeline }
    }

    #[test]
    fn refuses_an_older_timeline_and_another_cluster() {
        let newest = NewestLineage::default();
        for timeline in [1, 1, 3] {
            newest.admit(Some(&lineage("a", timeline))).unwrap();
        }
        let fault = newest.admit(Some(&lineage("a", 2))).unwrap_err().to_string();
        assert!(fault.contains("timeline 2") && fault.contains("timeline 3"), "{fault}");
        newest.admit(Some(&lineage("b", 9))).unwrap_err();
        newest.admit(Some(&lineage("a", 3))).unwrap();
        newest.admit(None).unwrap();
    }
}
