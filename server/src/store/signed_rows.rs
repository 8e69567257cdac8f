//! All rows that grant rights, whatever table they are in.

use super::{StoreError, operations};
use crate::audit::ChainKey;
use std::sync::Arc;

operations! {
    /// The MACs of these rows.
    trait SignedRows as DynSignedRows {
        /// Says with which key rows are signed and the audit log is chained from now on.
        async fn set_chain_key(&self, key: Arc<ChainKey>) -> ();

        /// Signs all rows that grant rights and have no MAC, and puts the own key's sealed form
        /// that says so in the place of the `old` one, in one transaction; gives how many
        /// rows there were. `None`, and nothing signed, where another form is there by now.
        async fn sign_rows(
            &self,
            key: Arc<ChainKey>,
            name: &'static str,
            old: String,
            new: String,
        ) -> Result<Option<u64>, StoreError>;

        /// The rows that grant rights and were changed or put there by something else, each
        /// as its table and what it is known by there.
        async fn broken_rows(&self) -> Result<Vec<String>, StoreError>;
    }
}
