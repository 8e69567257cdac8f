//! Tests of connections, sessions, download credentials and capture requests.

use super::{
    ALL, OTHER, OWNER, Opened, Store, connect, connection, entry, logged_actions, newest_session,
    on_every_store, revealed, sealed_connection,
};
use crate::store::{
    Actor, AuthType, CaptureRequest, CredentialsUpdate, DownloadCredential, Found, NewConnection,
    NewDownloadCredential, NewSession, Page, PutConnection, PutSession, SealedColumn, SealedParts,
    SessionStatus, UpdateCredentials,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

on_every_store!(
    an_identity_belongs_to_one_connection,
    storing_the_same_connection_at_once_leaves_one,
    a_new_name_must_be_free,
    tells_another_users_record_from_a_missing_one,
    lists_only_the_users_own_records_newest_first,
    deleting_a_connection_deletes_everything_that_belongs_to_it,
    stores_a_session_only_for_the_owners_connection_and_its_platform,
    ended_sessions_lose_their_sealed_parts_at_once_and_their_rows_later,
    keeps_origins_only_of_the_newest_session_while_it_is_active,
    storing_sessions_at_once_leaves_one_active,
    a_service_renews_only_while_the_owner_allows_it,
    of_services_renewals_before_the_newest_only_one_is_kept,
    keeps_one_request_for_a_connection_and_platform,
    deletes_requests_for_one_platform_or_for_all,
);

async fn an_identity_belongs_to_one_connection(Opened { store, .. }: &Opened) {
    let new = connection(7, OWNER, "key");
    let put = async |new: NewConnection, action| store.put_connection(new, entry(action)).await.unwrap();
    assert_eq!(put(new.clone(), "created").await, PutConnection::Created);
    let update = NewConnection { encrypted_credentials: "new".to_owned(), now: 5, ..new.clone() };
    assert_eq!(put(update, "updated").await, PutConnection::Updated);
    let clash = NewConnection { id: Uuid::from_u128(8), ..new.clone() };
    assert_eq!(put(clash, "clash").await, PutConnection::Clash(new.id));
    let (kept, sealed) = sealed_connection(&**store, new.id).await.unwrap();
    assert_eq!((kept.created_at, kept.updated_at, sealed.as_deref()), (0, 5, Some("new")));
    let by_identity = async |key: &str| store.connection_by_identity(OWNER, key.to_owned()).await.unwrap();
    assert_eq!((by_identity("key").await, by_identity("none").await), (Some(new.id), None));
    assert_eq!(logged_actions(&**store).await, ["created", "updated"]);
}

async fn storing_the_same_connection_at_once_leaves_one(Opened { store, .. }: &Opened) {
    let puts = (0..16).map(|number| {
        let store = Arc::clone(store);
        let new = connection(100 + number, OWNER, "key");
        tokio::spawn(async move { (new.id, store.put_connection(new, entry("create")).await.unwrap()) })
    });
    let mut holders = BTreeSet::new();
    let mut created = 0;
    for put in puts.collect::<Vec<_>>() {
        let (id, outcome) = put.await.unwrap();
        created += usize::from(outcome == PutConnection::Created);
        holders.insert(if let PutConnection::Clash(holder) = outcome { holder } else { id });
    }
    assert_eq!((created, holders.len()), (1, 1));
    assert_eq!(logged_actions(&**store).await, ["create"]);
}

async fn a_new_name_must_be_free(Opened { store, .. }: &Opened) {
    let first = connect(&**store, 7, OWNER).await;
    connect(&**store, 8, OWNER).await;
    let update = async |actor, id, key: Option<&str>| {
        let update = CredentialsUpdate {
            id,
            renamed: key.map(|key| (key.to_owned(), "name".to_owned())),
            encrypted_credentials: "new".to_owned(),
            credentials_version: "v2",
            now: 5,
        };
        store.update_credentials(actor, update, entry("update")).await.unwrap()
    };
    let owner = Actor::User(OWNER);
    assert_eq!(update(owner, first, Some("key 8")).await, UpdateCredentials::Clash);
    assert_eq!(update(owner, Uuid::from_u128(404), None).await, UpdateCredentials::Gone);
    assert_eq!(update(Actor::User(OTHER), first, None).await, UpdateCredentials::Gone);
    assert_eq!(sealed_connection(&**store, first).await.unwrap().1.as_deref(), Some("sealed 7"));
    assert_eq!(update(owner, first, Some("key 9")).await, UpdateCredentials::Updated);
    assert_eq!(update(Actor::Service, first, None).await, UpdateCredentials::Updated);
    let (kept, _) = sealed_connection(&**store, first).await.unwrap();
    assert_eq!(kept.platform_username.as_deref(), Some("name"));
    assert_eq!(logged_actions(&**store).await, ["create", "create", "update", "update"]);
}

async fn tells_another_users_record_from_a_missing_one(Opened { store, .. }: &Opened) {
    let store = &**store;
    let connection = connect(store, 7, OWNER).await;
    store.put_session(session(11, connection, 1), entry("session")).await.unwrap();
    store.add_download_credential(download(12, connection), entry("download")).await.unwrap();
    let request = store.add_capture_request(request(13, connection, 1)).await.unwrap();
    for (user, id_offset, expected) in [(OTHER, 0, Found::Foreign), (OWNER, 400, Found::Nothing)] {
        let id = |number: u128| Uuid::from_u128(number + id_offset);
        let found = store.connection(Actor::User(user), id(7)).await.unwrap();
        assert_eq!(without_record(found), expected);
        assert_eq!(store.revoke_session(user, id(11), 2, entry("no")).await.unwrap(), expected);
        assert_eq!(store.delete_download_credential(user, id(12), entry("no")).await.unwrap(), expected);
        assert_eq!(store.delete_capture_request(user, id(13)).await.unwrap(), expected);
        assert_eq!(store.delete_connection(user, id(7), entry("no")).await.unwrap(), expected);
    }
    let as_service = store.connection(Actor::Service, connection).await.unwrap();
    assert_eq!(without_record(as_service), Found::Own(()));
    assert_eq!(store.delete_capture_request(OWNER, request).await.unwrap(), Found::Own(()));
    let deleted = store.delete_download_credential(OWNER, Uuid::from_u128(12), entry("yes")).await.unwrap();
    assert_eq!(deleted, Found::Own(()));
    assert_eq!(logged_actions(store).await, ["create", "download", "session", "yes"]);
}

fn without_record<T>(found: Found<T>) -> Found<()> {
    match found {
        Found::Own(_) => Found::Own(()),
        Found::Foreign => Found::Foreign,
        Found::Nothing => Found::Nothing,
    }
}

async fn lists_only_the_users_own_records_newest_first(Opened { store, .. }: &Opened) {
    for number in 1..=5 {
        let now = i64::try_from(number).unwrap();
        let new = NewConnection { now, ..connection(number, OWNER, &format!("key {number}")) };
        store.put_connection(new, entry("create")).await.unwrap();
    }
    connect(&**store, 9, OTHER).await;
    let page = async |number| {
        let (rows, total) = store.connections_of(OWNER, Page { number, size: 2 }).await.unwrap();
        (rows.iter().map(|row| row.id.as_u128()).collect::<Vec<_>>(), total)
    };
    assert_eq!(page(1).await, (vec![5, 4], 5));
    assert_eq!(page(3).await, (vec![1], 5));
    assert_eq!(page(4).await, (vec![], 5));
    let connection = Uuid::from_u128(1);
    for number in [21, 22] {
        store.add_download_credential(download(number, connection), entry("download")).await.unwrap();
    }
    assert_eq!(store.download_credentials_of(OWNER, ALL).await.unwrap().1, 2);
    assert_eq!(store.download_credentials_of(OTHER, ALL).await.unwrap().1, 0);
    let reveal = async |judge| store.reveal_download_credential(Uuid::from_u128(21), judge).await;
    let (credential, sealed) = revealed(reveal).await.unwrap();
    assert_eq!((credential.auth_type, sealed.as_str()), (AuthType::Cookies, "sealed"));
    assert_eq!(credential.creator_profile_id, connection);
}

async fn deleting_a_connection_deletes_everything_that_belongs_to_it(Opened { store, .. }: &Opened) {
    let store = &**store;
    let connection = connect(store, 7, OWNER).await;
    store.put_session(session(11, connection, 1), entry("session")).await.unwrap();
    store.add_download_credential(download(12, connection), entry("download")).await.unwrap();
    store.add_capture_request(request(13, connection, 1)).await.unwrap();
    assert_eq!(store.delete_connection(OWNER, connection, entry("delete")).await.unwrap(), Found::Own(()));
    assert_eq!(store.sessions_of(OWNER, ALL).await.unwrap().1, 0);
    assert_eq!(store.download_credentials_of(OWNER, ALL).await.unwrap().1, 0);
    assert_eq!(store.capture_requests_of(OWNER, ALL, 2).await.unwrap().1, 0);
    assert!(newest_session(store, connection, "x").await.is_none());
    // Nothing can belong to the connection any more.
    let gone = store.put_session(session(14, connection, 2), entry("gone")).await.unwrap();
    assert_eq!(gone, PutSession::Nothing);
    assert!(!store.add_download_credential(download(15, connection), entry("gone")).await.unwrap());
    assert_eq!(logged_actions(store).await, ["create", "delete", "download", "session"]);
}

async fn stores_a_session_only_for_the_owners_connection_and_its_platform(Opened { store, .. }: &Opened) {
    let store = &**store;
    let [own, foreign] = [connect(store, 7, OWNER).await, connect(store, 8, OTHER).await];
    let put = async |new| store.put_session(new, entry("session")).await.unwrap();
    assert_eq!(put(session(11, foreign, 1)).await, PutSession::Foreign);
    assert_eq!(put(session(11, Uuid::from_u128(9), 1)).await, PutSession::Nothing);
    let elsewhere = NewSession { platform: "y".to_owned(), ..session(11, own, 1) };
    assert_eq!(put(elsewhere).await, PutSession::OtherPlatform("x".to_owned()));
    assert!(with_sealed_parts(store).await.is_empty());
    assert_eq!(logged_actions(store).await, ["create", "create"]);
    assert_eq!(put(session(11, own, 1)).await, PutSession::Stored);
}

async fn ended_sessions_lose_their_sealed_parts_at_once_and_their_rows_later(Opened { store, .. }: &Opened) {
    let connection = connect(&**store, 7, OWNER).await;
    for (number, captured_at) in [(11, 100), (12, 200), (13, 300)] {
        let put =
            store.put_session(session(number, connection, captured_at), entry("session")).await.unwrap();
        assert_eq!(put, PutSession::Stored);
    }
    assert_eq!(with_sealed_parts(&**store).await, [Uuid::from_u128(13)]);
    let (_, newest) = newest_session(&**store, connection, "x").await.unwrap();
    let (newest, parts) = newest.unwrap();
    assert_eq!((newest.status, newest.cookie_count, newest.entry_count), (SessionStatus::Active, 1, 2));
    assert_eq!(
        (parts.cookies.as_deref(), parts.origins.as_deref()),
        (Some("sealed"), Some("sealed origins"))
    );
    let revoke = async |now| store.revoke_session(OWNER, newest.id, now, entry("revoke")).await.unwrap();
    assert_eq!((revoke(500).await, revoke(600).await), (Found::Own(()), Found::Own(())));
    let (_, newest) = newest_session(&**store, connection, "x").await.unwrap();
    let (newest, parts) = newest.unwrap();
    let expected = (SessionStatus::Revoked, Some(500), SealedParts::default());
    assert_eq!((newest.status, newest.revoked_at, parts), expected);
    assert!(with_sealed_parts(&**store).await.is_empty());
    let elsewhere = newest_session(&**store, connection, "y").await.unwrap();
    assert!(elsewhere.1.is_none());

    let count = async || store.sessions_of(OWNER, ALL).await.unwrap().1;
    // The first was superseded at 200, the second at 300, and the third revoked at 500.
    for (ended_before, left) in [(200, 3), (201, 2), (500, 1), (501, 0)] {
        store.purge_sessions(ended_before).await.unwrap();
        assert_eq!(count().await, left, "{ended_before}");
    }
}

async fn keeps_origins_only_of_the_newest_session_while_it_is_active(Opened { store, .. }: &Opened) {
    let [own, other] = [connect(&**store, 7, OWNER).await, connect(&**store, 8, OWNER).await];
    let keeping = |number, connection, kept_from| NewSession {
        renews: Some(Uuid::from_u128(kept_from)),
        ..session(number, connection, 1)
    };
    let put = async |new| store.put_session(new, entry("session")).await.unwrap();
    assert_eq!(put(keeping(11, own, 10)).await, PutSession::Superseded, "there is none");
    assert_eq!(put(session(11, own, 1)).await, PutSession::Stored);
    store.add_capture_request(request(1, own, 1)).await.unwrap();
    assert_eq!(put(keeping(12, own, 10)).await, PutSession::Superseded, "another id");
    assert_eq!(put(keeping(12, other, 11)).await, PutSession::Superseded, "another connection's");
    assert_eq!(put(keeping(12, Uuid::from_u128(9), 11)).await, PutSession::Nothing);
    let elsewhere = NewSession { platform: "y".to_owned(), ..keeping(12, own, 11) };
    assert_eq!(put(elsewhere).await, PutSession::OtherPlatform("x".to_owned()));
    assert_eq!(with_sealed_parts(&**store).await, [Uuid::from_u128(11)], "nothing was superseded");
    assert_eq!(store.capture_requests_of(OWNER, ALL, 2).await.unwrap().1, 1, "nor a request fulfilled");

    let puts = (20..30).map(|number| {
        let (store, new) = (Arc::clone(store), keeping(number, own, 11));
        tokio::spawn(async move { store.put_session(new, entry("session")).await.unwrap() })
    });
    let mut stored = 0;
    for put in puts.collect::<Vec<_>>() {
        match put.await.unwrap() {
            PutSession::Stored => stored += 1,
            other => assert_eq!(other, PutSession::Superseded),
        }
    }
    assert_eq!((stored, store.sessions_of(OWNER, ALL).await.unwrap().1), (1, 2));
    let newest = with_sealed_parts(&**store).await[0];
    assert_eq!(store.revoke_session(OWNER, newest, 2, entry("revoke")).await.unwrap(), Found::Own(()));
    assert_eq!(put(keeping(31, own, newest.as_u128())).await, PutSession::Superseded, "it is revoked");
    assert_eq!(logged_actions(&**store).await, ["create", "create", "revoke", "session", "session"]);
}

/// The sessions that still have cookies, and so origins.
async fn with_sealed_parts(store: &dyn Store) -> Vec<Uuid> {
    let with = async |column| {
        let sealed = store.sealed(column, Uuid::nil(), 100).await.unwrap();
        sealed.into_iter().map(|sealed| sealed.id).collect::<Vec<_>>()
    };
    let ids = with(SealedColumn::SessionCookies).await;
    assert_eq!(ids, with(SealedColumn::SessionOrigins).await);
    ids
}

async fn storing_sessions_at_once_leaves_one_active(Opened { store, .. }: &Opened) {
    let connection = connect(&**store, 7, OWNER).await;
    let puts = (0..24).map(|number| {
        let store = Arc::clone(store);
        let new = session(100 + number, connection, i64::try_from(number).unwrap());
        tokio::spawn(async move { store.put_session(new, entry("session")).await.unwrap() })
    });
    for put in puts.collect::<Vec<_>>() {
        assert_eq!(put.await.unwrap(), PutSession::Stored);
    }
    let (listed, total) = store.sessions_of(OWNER, ALL).await.unwrap();
    let active: Vec<_> =
        listed.iter().filter(|session| session.status == SessionStatus::Active).map(|row| row.id).collect();
    assert_eq!((total, active.len()), (24, 1));
    let (_, newest) = newest_session(&**store, connection, "x").await.unwrap();
    assert_eq!(newest.unwrap().0.id, active[0], "the newest is the one that is active");
    assert_eq!(with_sealed_parts(&**store).await, active);
}

/// A session of a service in place of another one.
fn renewal(number: u128, connection: Uuid, renewed: u128) -> NewSession {
    NewSession {
        renews: Some(Uuid::from_u128(renewed)),
        renewed_by: Some("service".to_owned()),
        ..session(number, connection, i64::try_from(number).unwrap())
    }
}

async fn a_service_renews_only_while_the_owner_allows_it(Opened { store, .. }: &Opened) {
    let store = &**store;
    let connection = connect(store, 7, OWNER).await;
    let put = async |new| store.put_session(new, entry("session")).await.unwrap();
    let allow = async |allowed| {
        let allowing = store.allow_write_back(OWNER, connection, allowed, entry("allow"));
        assert_eq!(allowing.await.unwrap(), Found::Own(()));
    };
    assert_eq!(put(session(11, connection, 1)).await, PutSession::Stored);
    assert_eq!(put(renewal(12, connection, 11)).await, PutSession::NotAllowed, "at first");
    allow(true).await;
    assert_eq!(put(renewal(12, connection, 11)).await, PutSession::Stored);
    assert_eq!(put(renewal(13, connection, 11)).await, PutSession::Superseded);
    allow(false).await;
    assert_eq!(put(renewal(13, connection, 12)).await, PutSession::NotAllowed);
    // Too large to be stored together with others.
    let large = NewSession { encrypted_cookies: "sealed".repeat(11_000), ..renewal(13, connection, 12) };
    assert_eq!(put(large).await, PutSession::NotAllowed);
    assert_eq!(with_sealed_parts(store).await, [Uuid::from_u128(12)]);
    assert_eq!(put(session(14, connection, 20)).await, PutSession::Stored, "the owner's own");
    assert_eq!(logged_actions(store).await, ["allow", "allow", "create", "session", "session", "session"]);
}

async fn of_services_renewals_before_the_newest_only_one_is_kept(Opened { store, .. }: &Opened) {
    let store = &**store;
    let [connection, other] = [connect(store, 7, OWNER).await, connect(store, 8, OWNER).await];
    let put =
        async |new| assert_eq!(store.put_session(new, entry("session")).await.unwrap(), PutSession::Stored);
    let renewed_at = async |id| store.renewed_at(OWNER, id, "x".to_owned()).await.unwrap();
    for (id, first) in [(connection, 10), (other, 110)] {
        store.allow_write_back(OWNER, id, true, entry("allow")).await.unwrap();
        put(session(first, id, 1)).await;
        assert_eq!(renewed_at(id).await, None);
        put(renewal(first + 1, id, first)).await;
    }
    for number in 12..20 {
        put(renewal(number, connection, number - 1)).await;
    }
    assert_eq!((renewed_at(connection).await, renewed_at(other).await), (Some(19), Some(111)));
    let listed = async || {
        let (rows, total) = store.sessions_of(OWNER, ALL).await.unwrap();
        assert_eq!(u64::try_from(rows.len()).unwrap(), total);
        rows.iter().map(|row| row.id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [19, 18, 111, 110, 10]);
    put(session(20, connection, 20)).await;
    assert_eq!(renewed_at(connection).await, Some(19), "also after the owner's");
    put(renewal(21, connection, 20)).await;
    assert_eq!(listed().await, [21, 20, 111, 110, 10]);
    let revoked = store.revoke_session(OWNER, Uuid::from_u128(21), 21, entry("revoke")).await.unwrap();
    assert_eq!(revoked, Found::Own(()));
    assert_eq!(renewed_at(connection).await, Some(21), "also after it was revoked");
    put(session(22, connection, 22)).await;
    put(renewal(23, connection, 22)).await;
    assert_eq!(listed().await, [23, 22, 20, 111, 110, 10]);
}

async fn keeps_one_request_for_a_connection_and_platform(Opened { store, .. }: &Opened) {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    let connection = connect(&**store, 7, OWNER).await;
    let id = Uuid::from_u128;
    let add = async |number, at| store.add_capture_request(request(number, connection, at)).await.unwrap();
    assert_eq!((add(1, 0).await, add(2, DAY_MS).await), (id(1), id(1)));
    let waiting = async |user, now| store.capture_requests_of(user, ALL, now).await.unwrap().0;
    assert_eq!(waiting(OWNER, DAY_MS).await[0].reason.as_deref(), Some("please"));
    assert!(waiting(OTHER, DAY_MS).await.is_empty());
    assert!(waiting(OWNER, 7 * DAY_MS).await.is_empty(), "the request is gone after seven days");
    assert_eq!(add(3, 7 * DAY_MS).await, id(3));
    store.put_session(session(11, connection, 1), entry("session")).await.unwrap();
    assert!(waiting(OWNER, 7 * DAY_MS).await.is_empty(), "the session fulfils the request");
    store.check_records().await.unwrap();
}

async fn deletes_requests_for_one_platform_or_for_all(Opened { store, .. }: &Opened) {
    let (one, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
    for (number, connection, platform) in [(1, one, "x"), (2, one, "y"), (3, one, "z"), (4, other, "x")] {
        let new = CaptureRequest { platform: platform.to_owned(), ..request(number, connection, 1) };
        assert_eq!(store.add_capture_request(new).await.unwrap(), Uuid::from_u128(number));
    }
    for (platform, left) in [(Some("x"), 3), (None, 1)] {
        store.delete_capture_requests_for(one, platform.map(str::to_owned)).await.unwrap();
        assert_eq!(store.capture_requests_of(OWNER, ALL, 2).await.unwrap().1, left, "{platform:?}");
    }
}

pub(super) fn session(number: u128, creator_profile_id: Uuid, captured_at: i64) -> NewSession {
    NewSession {
        id: Uuid::from_u128(number),
        user_id: OWNER,
        creator_profile_id,
        platform: "x".to_owned(),
        encrypted_cookies: "sealed".to_owned(),
        encrypted_origins: Some("sealed origins".to_owned()),
        credentials_version: "v2",
        cookie_count: 1,
        entry_count: 2,
        user_agent: None,
        captured_at,
        expires_at: None,
        renews: None,
        renewed_by: None,
    }
}

pub(super) fn download(number: u128, creator_profile_id: Uuid) -> NewDownloadCredential {
    NewDownloadCredential {
        credential: DownloadCredential {
            id: Uuid::from_u128(number),
            user_id: OWNER,
            creator_profile_id,
            platform: "x".to_owned(),
            auth_type: AuthType::Cookies,
            username: None,
            display_name: Some("a name".to_owned()),
            created_at: 1,
        },
        encrypted_credentials: "sealed".to_owned(),
        credentials_version: "v2",
    }
}

pub(super) fn request(number: u128, creator_profile_id: Uuid, created_at: i64) -> CaptureRequest {
    CaptureRequest {
        id: Uuid::from_u128(number),
        user_id: OWNER,
        creator_profile_id,
        platform: "x".to_owned(),
        reason: Some("please".to_owned()),
        created_at,
    }
}
