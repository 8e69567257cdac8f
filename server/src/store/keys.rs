//! The keys with which the database was sealed, known by their canaries, and the server's own keys,
//! kept sealed.

use super::{StoreError, operations};

operations! {
    /// The operations on `sealing_keys`, `retired_keys` and `own_keys`.
    trait Keys as DynKeys {
        /// The canaries of the keys that were used here, by key id; the most recent key comes last.
        async fn canaries(&self) -> Result<Vec<(String, String)>, StoreError>;

        /// Stores a key's canary, unless it has one or is retired.
        async fn add_canary(&self, key_id: String, canary: String, now: i64) -> Result<(), StoreError>;

        /// Removes the canary of a key that seals nothing any more.
        async fn remove_canary(&self, key_id: String) -> Result<(), StoreError>;

        /// Retires all keys with a canary, except one. When this returns, nothing sealed with them
        /// can be stored any more.
        async fn retire_keys(&self, except: String, now: i64) -> Result<(), StoreError>;

        /// Whether a key is retired.
        async fn is_retired(&self, key_id: String) -> Result<bool, StoreError>;

        /// Stores one of the server's own keys, sealed, unless there is one of this name; returns
        /// the stored one.
        async fn own_key(&self, name: &'static str, sealed: String) -> Result<String, StoreError>;

        /// Replaces the `old` blob of an own key by a re-encrypted one; false if it is different by
        /// now.
        async fn replace_own_key(&self, name: &'static str, old: String, new: String)
        -> Result<bool, StoreError>;
    }
}
