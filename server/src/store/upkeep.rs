//! Whether a store works, and what it does from time to time.

use super::{StoreError, operations};

operations! {
    /// Of the own database.
    trait Upkeep as DynUpkeep {
        /// Whether the database reads and writes, and takes what is sealed with a
        /// key.
        async fn check(&self, key_id: String, now: i64) -> Result<(), StoreError>;

        /// Makes what was erased unreadable in the database's files, as far as
        /// that is in this program's hands.
        async fn erase(&self) -> Result<(), StoreError>;

        /// Removes what has had its time at `now`: refresh tokens, sign-ins to
        /// the vault, counts of login attempts, capture requests.
        async fn purge(&self, now: i64) -> Result<(), StoreError>;
    }
}

operations! {
    /// Of where creators' records are.
    trait RecordsUpkeep as DynRecordsUpkeep {
        /// Whether records that are kept elsewhere than in the own database can be
        /// reached.
        async fn check_records(&self) -> Result<(), StoreError>;

        /// Waits, before the server stops, for operations that go on though their
        /// callers have gone.
        async fn finish_operations(&self) -> ();
    }
}
