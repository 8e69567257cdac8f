//! `stagepass-server rotate-keys`.

use super::error::CliError;
use super::output::{self, say};
use crate::audit::{Caller, Entry};
use crate::keyed_stores::KeyedStores;
use crate::rotation::{self, Progress};
use crate::sealing::Version;
use crate::store::SealedTable;

/// Seals everything anew under the writing key. Nothing is printed before it is done: output
/// that can't be written must not stop it half-way.
pub(super) async fn run(stores: &KeyedStores, other_writers_stopped: bool) -> Result<(), CliError> {
    // Blobs of version 1 are what other programs write as well.
    if stores.blob_version == Version::V1 && !other_writers_stopped {
        let reason = "another program may still seal with the old key in Directus: give all of them the new \
                      one, then say so with --other-writers-stopped";
        return Err(CliError::User(reason.to_owned()));
    }
    let key_id = stores.keys.writing().id();
    let entry = Entry::new(&Caller::Operator, "rotate-keys").on("sealing_keys", key_id);
    stores.database.append(entry.with_outcome("started")).await?;
    output::tell(&format!("sealing all anew under the key {key_id}; safe to interrupt and to run again"));
    if stores.blob_version == Version::V1 {
        let seconds = rotation::UNDER_WAY.as_secs();
        output::tell(&format!("waiting {seconds} s for what servers are storing in Directus just now"));
    }
    let progress = rotation::rotate(stores, tell).await?;
    let Progress { seen, replaced, overtaken, faults } = &progress;
    let summary =
        format!("{seen} sealed records: {replaced} sealed anew, {overtaken} changed by others meanwhile");
    if !faults.is_empty() {
        stores.database.append(entry.with_outcome(format!("{} records do not open", faults.len()))).await?;
        let list = faults.join("\n  ");
        return Err(CliError::User(format!("{summary}; {} do not open:\n  {list}", faults.len())));
    }
    rotation::forget_old_keys(stores).await?;
    stores.database.append(entry).await?;
    say(&summary)?;
    say("done: older keys are retired, and need not be listed any more")
}

fn tell(table: SealedTable, progress: &Progress) {
    output::tell(&format!("{}: {} seen, {} sealed anew", table.name(), progress.seen, progress.replaced));
}
