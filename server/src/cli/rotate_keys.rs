//! `stagepass-server rotate-keys`.

use super::error::CliError;
use super::output::{self, say};
use crate::audit::{Caller, Entry};
use crate::key_rotation::{self, Progress};
use crate::keyed_stores::KeyedStores;
use crate::sealing::Version;
use crate::store::SealedColumn;

/// Re-encrypts all records with the current key. Nothing goes to standard output before the end: a
/// failure to write must not stop the work halfway.
pub(super) async fn run(stores: &KeyedStores, other_writers_stopped: bool) -> Result<(), CliError> {
    // Other programs also write blobs of version 1.
    if stores.blob_version == Version::V1 && !other_writers_stopped {
        let reason = "another program may still encrypt with the old key in Directus; give all of them the new \
                      one, then confirm with --other-writers-stopped";
        return Err(CliError::User(reason.to_owned()));
    }
    let key_id = stores.keys.writing().id();
    let entry = Entry::new(&Caller::Operator, "rotate-keys").on("sealing_keys", key_id);
    stores.database.append(entry.with_outcome("started")).await?;
    output::tell(&format!(
        "re-encrypting all records with the key {key_id}; safe to interrupt and to run again"
    ));
    if stores.blob_version == Version::V1 {
        let seconds = key_rotation::UNDER_WAY.as_secs();
        output::tell(&format!("waiting {seconds} s for servers to finish writes to Directus"));
    }
    let progress = key_rotation::rotate(stores, show_progress).await?;
    let Progress { seen, replaced, overtaken, faults } = &progress;
    let summary =
        format!("{seen} encrypted records: {replaced} re-encrypted, {overtaken} changed by others meanwhile");
    if !faults.is_empty() {
        stores
            .database
            .append(entry.with_outcome(format!("{} records can't be decrypted", faults.len())))
            .await?;
        let list = faults.join("\n  ");
        return Err(CliError::User(format!("{summary}; {} can't be decrypted:\n  {list}", faults.len())));
    }
    key_rotation::forget_old_keys(stores).await?;
    stores.database.append(entry).await?;
    say(&summary)?;
    say("done: older keys are retired; you can remove them from the settings")
}

fn show_progress(column: SealedColumn, progress: &Progress) {
    let Progress { seen, replaced, .. } = progress;
    output::tell(&format!("{}.{}: {seen} checked, {replaced} re-encrypted", column.table(), column.name()));
}
