//! The audit log, key rotation, and upkeep.

use super::{EVERYTHING, OWNER, Opened, connect, entry, on_every_store, verify};
use crate::audit::ExpectedHeads;
use crate::store::{MAX_ATTEMPT_WINDOW_MS, RefreshToken, SealedColumn};
use std::sync::Arc;
use uuid::Uuid;

on_every_store!(
    concurrent_rows_form_valid_chains,
    replaces_a_sealed_text_unless_it_has_changed,
    stores_each_key_and_canary_once,
    purges_expired_records,
);

async fn concurrent_rows_form_valid_chains(Opened { store, chain_key, .. }: &Opened) {
    let appends = (0..100).map(|number| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.append(entry("reveal").on("test", number)).await.unwrap() })
    });
    for append in appends.collect::<Vec<_>>() {
        append.await.unwrap();
    }
    store.append(entry("last").with_outcome("Forbidden")).await.unwrap();
    let verdict = verify(&**store, chain_key, &ExpectedHeads::default()).await;
    let rows = store.audit_rows((i64::MIN, 0), 1000).await.unwrap();
    assert_eq!((verdict.rows, verdict.faults), (103, vec![]), "including two for the users");
    let newest = store.newest_audit_rows(EVERYTHING, 2).await.unwrap();
    assert_eq!((newest.len(), newest[0].entry.action.as_str()), (2, "last"));
    assert_eq!(newest[0].entry.outcome, "Forbidden");
    let (middle, end) = (&rows[50], &rows[51]);
    let after = store.audit_rows((middle.chain, middle.sequence), 1).await.unwrap();
    assert_eq!((after[0].chain, after[0].sequence), (end.chain, end.sequence));
}

async fn replaces_a_sealed_text_unless_it_has_changed(Opened { store, .. }: &Opened) {
    for number in [3, 1, 2] {
        connect(&**store, number, OWNER).await;
    }
    let read =
        async |after: u128| store.sealed(SealedColumn::Connections, Uuid::from_u128(after), 2).await.unwrap();
    let (first, rest) = (read(0).await, read(2).await);
    let ids = |found: &[crate::store::Sealed]| found.iter().map(|one| one.id.as_u128()).collect::<Vec<_>>();
    assert_eq!((ids(&first), ids(&rest)), (vec![1, 2], vec![3]));
    let old = first[0].clone();
    let replace = async |new: &str| store.replace_sealed(old.clone(), new.to_owned(), "v2").await.unwrap();
    assert!(replace("resealed").await);
    assert!(!replace("once more").await);
    assert_eq!(read(0).await[0].blob, "resealed");
}

async fn stores_each_key_and_canary_once(Opened { store, .. }: &Opened) {
    let keep = async |name, key: &str| store.own_key(name, key.to_owned()).await.unwrap();
    for name in ["one", "other"] {
        assert_eq!((keep(name, name).await, keep(name, "second").await), (name.to_owned(), name.to_owned()));
    }
    let replace =
        async |old: &str| store.replace_own_key("one", old.to_owned(), "new".to_owned()).await.unwrap();
    assert!(!replace("second").await);
    assert!(replace("one").await);
    assert_eq!(
        (keep("one", "one").await, keep("other", "new").await),
        ("new".to_owned(), "other".to_owned())
    );
    for canary in ["kept", "another"] {
        store.add_canary("key".to_owned(), canary.to_owned(), 1).await.unwrap();
    }
    assert_eq!(store.canaries().await.unwrap(), [("key".to_owned(), "kept".to_owned())]);
    store.remove_canary("key".to_owned()).await.unwrap();
    assert!(store.canaries().await.unwrap().is_empty());
}

async fn purges_expired_records(Opened { store, .. }: &Opened) {
    let token = RefreshToken { token_hash: [1; 32], family_id: Uuid::from_u128(9), expires_at: 100 };
    let owner = store.user(OWNER).await.unwrap().unwrap();
    assert!(store.add_refresh_token(token, owner, entry("login")).await.unwrap());
    let refresh = async || store.refresh([1; 32], [2; 32], (200, 100, 100), entry("reuse")).await.unwrap();
    assert_eq!(refresh().await, crate::store::Refresh::Expired);
    let attempts = crate::store::AttemptLimit { subject: [7; 32], attempts: 1, window_ms: i64::MAX / 2 };
    assert_eq!(store.count_attempt(vec![attempts], 200 - MAX_ATTEMPT_WINDOW_MS).await.unwrap(), None);
    store.purge(200).await.unwrap();
    assert_eq!(store.count_attempt(vec![attempts], 201).await.unwrap(), None, "it is forgotten");
    assert_eq!(refresh().await, crate::store::Refresh::Unknown);
    store.erase().await.unwrap();
    store.check("00000001".to_owned(), 200).await.unwrap();
}
