//! All rows that grant rights, from all tables.

use super::{StoreError, operations};
use crate::audit::ChainKey;
use std::sync::Arc;

operations! {
    /// The MACs of these rows.
    trait SignedRows as DynSignedRows {
        /// Sets the key that signs rows and chains the audit log from now on.
        async fn set_chain_key(&self, key: Arc<ChainKey>) -> ();

        /// Signs all rows that grant rights and have no MAC, and replaces the `old` sealed own key
        /// by a form that says so, in one transaction; returns the number of rows. `None`, without
        /// a change, if the sealed key is different by now.
        async fn sign_rows(
            &self,
            key: Arc<ChainKey>,
            name: &'static str,
            old: String,
            new: String,
        ) -> Result<Option<u64>, StoreError>;

        /// The rows that grant rights and were changed or added by another program, each as its
        /// table and its name there.
        async fn broken_rows(&self) -> Result<Vec<String>, StoreError>;
    }
}
