//! The built-in credential types. A migration writes them without a key to sign them, so they are
//! compared with known digests.

use super::SignedRow as _;
use crate::store::CredentialType;
use sha2::{Digest as _, Sha256};

/// The SHA-256 of the fields to sign, in hexadecimal.
const DIGESTS: [&str; 6] = [
    "2713b268040d57c38e657105e0e7e0a45beea3bd37865728aea8631de56aec7d",
    "02f4194d38f19d3766a8c37bb04cc332eff4287cfa8a41b181521a7b16d7c2b8",
    "7c61988eae5db43a13401336ad31366fc832cae557b837ed9424f6d49039fd3c",
    "ed4d41ba5201c34d35b7117f1f522b5cac7fdb99e059f5cfa0bbf6177380ae44",
    "ffeade3c1cd8a1038e077dc462daac2033b191700326dc7dc81adf41108dd322",
    "2610e32ca4dc796207676aae4450bb515587a2daa4fa0c42c52cc970e1d261fa",
];

pub(super) fn is_built_in(of: &CredentialType) -> bool {
    let digest = hex::encode(Sha256::digest(&of.fields().0));
    DIGESTS.contains(&digest.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::ChainKey;
    use crate::store::{CredentialTypes as _, Page, SignedRows as _, Sqlite, UsageLimits};
    use std::sync::Arc;
    use uuid::Uuid;

    #[tokio::test]
    async fn knows_every_type_that_the_migrations_write() {
        let directory = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&directory.path().join("stagepass.db"), UsageLimits::default()).unwrap();
        let key = ChainKey::from_base64(&ChainKey::generate_base64().unwrap()).unwrap();
        store.set_chain_key(Arc::new(key)).await;
        let page = Page { number: 1, size: 100 };
        let types = store.credential_types(Uuid::nil(), page).await.unwrap();
        assert_eq!((types.first.len(), types.total), (DIGESTS.len(), DIGESTS.len() as u64));
    }
}
