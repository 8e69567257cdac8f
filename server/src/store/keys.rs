//! The keys that the database was sealed with, by their canaries, and the server's own
//! keys, which are kept sealed.

use super::{StoreError, operations};

operations! {
    /// `sealing_keys`, `retired_keys` and `own_keys`.
    trait Keys as DynKeys {
        /// The canaries of the keys that were used here, by key id, the key that
        /// came last into use at the end.
        async fn canaries(&self) -> Result<Vec<(String, String)>, StoreError>;

        /// Keeps a key's canary, unless it has one or is retired.
        async fn add_canary(&self, key_id: String, canary: String, now: i64) -> Result<(), StoreError>;

        /// Removes the canary of a key under which nothing is sealed any more.
        async fn remove_canary(&self, key_id: String) -> Result<(), StoreError>;

        /// Retires all keys that have a canary, but one. When this returns, nothing
        /// more that is sealed with them will be stored here.
        async fn retire_keys(&self, except: String, now: i64) -> Result<(), StoreError>;

        /// Whether a key is retired.
        async fn is_retired(&self, key_id: String) -> Result<bool, StoreError>;

        /// Keeps a sealed key of the server's own unless there is one of this name;
        /// gives the one that is kept.
        async fn own_key(&self, name: &'static str, sealed: String) -> Result<String, StoreError>;

        /// Puts an own key, sealed again, in the place of the `old` blob; false where
        /// another is there by now.
        async fn replace_own_key(&self, name: &'static str, old: String, new: String)
        -> Result<bool, StoreError>;
    }
}
