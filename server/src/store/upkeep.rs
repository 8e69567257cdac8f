//! Whether a store works, and its periodic work.

use super::{StoreError, operations};

operations! {
    /// The upkeep of the server's own database.
    trait Upkeep as DynUpkeep {
        /// Whether the database can read and write, and accepts what is sealed with a key.
        async fn check(&self, key_id: String, now: i64) -> Result<(), StoreError>;

        /// Makes erased values unreadable in the database's files, as far as this program can.
        async fn erase(&self) -> Result<(), StoreError>;

        /// Removes what has expired at `now`: refresh tokens, vault sessions, counts of login
        /// attempts, capture requests.
        async fn purge(&self, now: i64) -> Result<(), StoreError>;
    }
}

operations! {
    /// The upkeep of the store with creators' records.
    trait RecordsUpkeep as DynRecordsUpkeep {
        /// Whether records outside the server's own database can be reached.
        async fn check_records(&self) -> Result<(), StoreError>;

        /// Before the server stops, waits for operations that continue although their callers are
        /// gone.
        async fn finish_operations(&self) -> ();
    }
}
