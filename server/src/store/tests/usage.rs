//! How much each owner uses, and the limits.

use super::{OTHER, OWNER, Opened, Store, connect, connection, entry, on_every_store};
use crate::store::{
    Actor, AddProject, AuthType, CaptureRequest, CredentialsUpdate, DownloadCredential, Found, MIB,
    NewDownloadCredential, NewSession, OverLimit, Page, Project, PutConnection, PutSession, SealedColumn,
    StoreError, UpdateCredentials, Usage, UsageLimits,
};
use std::sync::Arc;
use uuid::Uuid;

/// The size of a row besides its texts.
const ROW: i64 = 256;
const LIMITS: UsageLimits = UsageLimits { rows: 5, bytes: MIB };

on_every_store!(
    counts_what_is_stored_until_it_is_deleted,
    counts_the_difference_when_a_record_grows,
    counts_the_new_length_of_a_re_encrypted_text,
    purging_and_deleting_a_user_free_room,
    stores_nothing_more_for_a_deleted_user,
);

/// Runs tests on every kind of store, with limits.
macro_rules! within_limits {
    ($($claim:ident),* $(,)?) => {
        mod limited_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() {
                super::$claim(&super::Opened::sqlite_with(super::LIMITS).await).await;
            })*
        }
        mod limited_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() {
                super::$claim(&super::Opened::postgres_with(super::LIMITS).await).await;
            })*
        }
    };
}

within_limits!(
    refuses_one_record_too_many_until_one_is_deleted,
    refuses_one_byte_too_many_but_allows_less,
    two_at_once_cannot_exceed_a_limit_together,
    removes_the_sessions_that_ended_first,
    refuses_a_session_without_room_and_stores_others_in_its_batch,
    services_cannot_fill_a_users_store,
);

async fn usage_of(store: &dyn Store, owner: Uuid) -> Usage {
    let usages = store.usages().await.unwrap();
    usages.into_iter().find(|(id, _)| *id == owner).map(|(_, usage)| usage).unwrap_or_default()
}

/// The counted size of a row with these texts.
fn length(texts: &[&str]) -> i64 {
    ROW + texts.iter().map(|text| i64::try_from(text.len()).unwrap()).sum::<i64>()
}

fn session(number: u128, owner: Uuid, connection: Uuid, cookies: &str) -> NewSession {
    NewSession {
        id: Uuid::from_u128(number),
        user_id: owner,
        creator_profile_id: connection,
        platform: "x".to_owned(),
        encrypted_cookies: cookies.to_owned(),
        encrypted_origins: None,
        credentials_version: "v2",
        cookie_count: 1,
        entry_count: 0,
        user_agent: Some("agent".to_owned()),
        captured_at: 1,
        expires_at: None,
        renews: None,
        renewed_by: None,
    }
}

fn download(number: u128, connection: Uuid, sealed: &str) -> NewDownloadCredential {
    NewDownloadCredential {
        credential: DownloadCredential {
            id: Uuid::from_u128(number),
            user_id: OWNER,
            creator_profile_id: connection,
            platform: "x".to_owned(),
            auth_type: AuthType::Password,
            username: Some("name".to_owned()),
            display_name: None,
            created_at: 0,
        },
        encrypted_credentials: sealed.to_owned(),
        credentials_version: "v2",
    }
}

fn request(number: u128, connection: Uuid) -> CaptureRequest {
    CaptureRequest {
        id: Uuid::from_u128(number),
        user_id: OWNER,
        creator_profile_id: connection,
        platform: "x".to_owned(),
        reason: Some("why".to_owned()),
        created_at: 1,
    }
}

pub(super) fn project(number: u128, owner_id: Uuid) -> Project {
    Project {
        id: Uuid::from_u128(number),
        owner_id,
        project_name: format!("project {number}"),
        description: None,
        member_ids: Vec::new(),
        created_at: 0,
        updated_at: 0,
    }
}

pub(super) fn update(id: Uuid, sealed: &str) -> CredentialsUpdate {
    CredentialsUpdate {
        id,
        renamed: None,
        encrypted_credentials: sealed.to_owned(),
        credentials_version: "v2",
        now: 1,
    }
}

async fn counts_what_is_stored_until_it_is_deleted(Opened { store, .. }: &Opened) {
    let store = &**store;
    let id = connect(store, 7, OWNER).await;
    let mut bytes = length(&["x", "sealed 7"]);
    assert_eq!(usage_of(store, OWNER).await, Usage { rows: 1, bytes });
    let with_origins =
        NewSession { encrypted_origins: Some("kept".to_owned()), ..session(8, OWNER, id, "cookies") };
    assert_eq!(store.put_session(with_origins, entry("session")).await.unwrap(), PutSession::Stored);
    bytes += length(&["x", "cookies", "kept", "agent"]);
    assert!(store.add_download_credential(download(9, id, "sealed"), entry("add")).await.unwrap());
    bytes += length(&["x", "name", "sealed"]);
    store.add_capture_request(request(10, id)).await.unwrap();
    bytes += length(&["x", "why"]);
    assert_eq!(store.add_project(project(11, OWNER), entry("add")).await.unwrap(), AddProject::Added);
    bytes += length(&["project 11"]);
    assert_eq!(usage_of(store, OWNER).await, Usage { rows: 5, bytes });
    // The next session fulfils the request, and erases the sealed parts of the previous one.
    store.put_session(session(12, OWNER, id, "others"), entry("session")).await.unwrap();
    bytes += length(&["x", "others", "agent"]) - length(&["x", "why"]) - 11;
    assert_eq!(usage_of(store, OWNER).await, Usage { rows: 5, bytes });
    store.revoke_session(OWNER, Uuid::from_u128(12), 3, entry("revoke")).await.unwrap();
    assert_eq!(usage_of(store, OWNER).await, Usage { rows: 5, bytes: bytes - 6 });
    assert_eq!(usage_of(store, OTHER).await, Usage::default());
    assert_eq!(store.delete_connection(OWNER, id, entry("delete")).await.unwrap(), Found::Own(()));
    let bytes = length(&["project 11"]);
    assert_eq!(usage_of(store, OWNER).await, Usage { rows: 1, bytes }, "with everything that belonged to it");
    let members = vec![OWNER, OTHER];
    store.set_project_members((OWNER, Uuid::from_u128(11)), members, true, 1, entry("set")).await.unwrap();
    assert_eq!(usage_of(store, OWNER).await, Usage { rows: 3, bytes: bytes + 2 * ROW });
    assert!(store.delete_project(OWNER, Uuid::from_u128(11), entry("delete")).await.unwrap());
    assert_eq!(usage_of(store, OWNER).await, Usage::default());
}

async fn counts_the_difference_when_a_record_grows(Opened { store, .. }: &Opened) {
    let store = &**store;
    let id = connect(store, 7, OWNER).await;
    let before = usage_of(store, OWNER).await;
    for (actor, sealed, difference) in
        [(Actor::User(OWNER), "longer than it was", 10), (Actor::Service, "é", -6), (Actor::Service, "", -8)]
    {
        let updated = store.update_credentials(actor, update(id, sealed), entry("update")).await.unwrap();
        assert_eq!(updated, UpdateCredentials::Updated);
        let bytes = before.bytes + difference;
        assert_eq!(usage_of(store, OWNER).await, Usage { rows: 1, bytes }, "{sealed}");
    }
}

async fn counts_the_new_length_of_a_re_encrypted_text(Opened { store, .. }: &Opened) {
    let store = &**store;
    let id = connect(store, 7, OWNER).await;
    let new =
        NewSession { encrypted_origins: Some("origins".to_owned()), ..session(8, OWNER, id, "cookies") };
    store.put_session(new, entry("session")).await.unwrap();
    for column in [SealedColumn::Connections, SealedColumn::SessionCookies, SealedColumn::SessionOrigins] {
        let before = usage_of(store, OWNER).await;
        let old = store.sealed(column, Uuid::nil(), 1).await.unwrap().remove(0);
        let new = format!("re-{}", old.blob);
        assert!(store.replace_sealed(old, new, "v2").await.unwrap());
        assert_eq!(usage_of(store, OWNER).await.bytes, before.bytes + 3, "{column:?}");
    }
}

async fn purging_and_deleting_a_user_free_room(Opened { store, .. }: &Opened) {
    let store = &**store;
    for owner in [OWNER, OTHER] {
        let id = connect(store, owner.as_u128() + 6, owner).await;
        for number in [20, 30, 40] {
            let new = session(number + owner.as_u128(), owner, id, "cookies");
            store.put_session(new, entry("session")).await.unwrap();
        }
    }
    store.purge_sessions(2).await.unwrap();
    for owner in [OWNER, OTHER] {
        assert_eq!(usage_of(store, owner).await.rows, 2, "a connection and the active session");
    }
    store.add_project(project(11, OTHER), entry("add")).await.unwrap();
    let own = (OTHER, Uuid::from_u128(11));
    store.set_project_members(own, vec![OWNER], true, 1, entry("set")).await.unwrap();
    assert_eq!(usage_of(store, OTHER).await.rows, 4);
    assert!(store.delete_user(OWNER, entry("delete")).await.unwrap());
    assert_eq!(usage_of(store, OWNER).await, Usage::default());
    assert_eq!(usage_of(store, OTHER).await.rows, 3, "the member is gone");
}

async fn stores_nothing_more_for_a_deleted_user(Opened { store, .. }: &Opened) {
    store.delete_user(OWNER, entry("delete")).await.unwrap();
    let added = store.add_project(project(11, OWNER), entry("add")).await;
    assert!(matches!(added, Err(StoreError::OwnerGone)), "{added:?}");
    assert_eq!(usage_of(&**store, OWNER).await, Usage::default());
    assert!(store.project(Uuid::from_u128(11)).await.unwrap().is_none());
    assert_eq!(store.add_project(project(11, OTHER), entry("add")).await.unwrap(), AddProject::Added);
}

fn is_over<T>(done: Result<T, StoreError>, expected: OverLimit) -> bool {
    matches!(done, Err(StoreError::OverLimit(limit)) if limit == expected)
}

async fn refuses_one_record_too_many_until_one_is_deleted(Opened { store, .. }: &Opened) {
    let store = &**store;
    for number in 7..12 {
        connect(store, number, OWNER).await;
    }
    let too_many = async || store.put_connection(connection(12, OWNER, "key 12"), entry("create")).await;
    assert!(is_over(too_many().await, OverLimit::Rows("connections", 5)));
    // Neither other owners nor other kinds of records are affected.
    connect(store, 13, OTHER).await;
    assert_eq!(store.add_project(project(14, OWNER), entry("add")).await.unwrap(), AddProject::Added);
    store.delete_connection(OWNER, Uuid::from_u128(7), entry("delete")).await.unwrap();
    assert_eq!(too_many().await.unwrap(), PutConnection::Created);
    assert!(is_over(
        store.put_connection(connection(7, OWNER, "key 7"), entry("create")).await,
        OverLimit::Rows("connections", 5)
    ));
    assert_eq!(usage_of(store, OWNER).await.rows, 6);
}

async fn refuses_one_byte_too_many_but_allows_less(Opened { store, .. }: &Opened) {
    let store = &**store;
    let id = connect(store, 7, OWNER).await;
    let room = MIB - usage_of(store, OWNER).await.bytes;
    let sealed = |more: i64| "s".repeat(usize::try_from(8 + room + more).unwrap());
    let put =
        async |more| store.update_credentials(Actor::Service, update(id, &sealed(more)), entry("u")).await;
    assert!(is_over(put(1).await, OverLimit::Bytes(MIB)));
    assert_eq!(put(0).await.unwrap(), UpdateCredentials::Updated);
    assert!(is_over(store.add_project(project(9, OWNER), entry("add")).await, OverLimit::Bytes(MIB)));
    assert_eq!(put(-1000).await.unwrap(), UpdateCredentials::Updated);
    assert_eq!(store.add_project(project(9, OWNER), entry("add")).await.unwrap(), AddProject::Added);
    let huge = "s".repeat(usize::try_from(MIB).unwrap());
    let first = store.add_download_credential(download(10, id, &huge), entry("add")).await;
    assert!(is_over(first, OverLimit::Bytes(MIB)));
}

async fn two_at_once_cannot_exceed_a_limit_together(Opened { store, .. }: &Opened) {
    let adding: Vec<_> = (20..40)
        .map(|number| {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.add_project(project(number, OWNER), entry("add")).await })
        })
        .collect();
    let mut added = 0;
    for adding in adding {
        match adding.await.unwrap() {
            Ok(AddProject::Added) => added += 1,
            other => assert!(is_over(other, OverLimit::Rows("projects", 5))),
        }
    }
    assert_eq!(added, 5);
    let third = "s".repeat(usize::try_from(MIB / 3).unwrap());
    let connecting: Vec<_> = (40..44)
        .map(|number| {
            let (store, third) = (Arc::clone(store), third.clone());
            tokio::spawn(async move {
                let new = connection(number, OWNER, &format!("key {number}"));
                let new = crate::store::NewConnection { encrypted_credentials: third, ..new };
                store.put_connection(new, entry("create")).await.is_ok()
            })
        })
        .collect();
    let mut connected = 0;
    for connecting in connecting {
        connected += usize::from(connecting.await.unwrap());
    }
    assert_eq!(connected, 2, "each a third, besides the projects");
}

async fn removes_the_sessions_that_ended_first(Opened { store, .. }: &Opened) {
    let store = &**store;
    let ids = [connect(store, 7, OWNER).await, connect(store, 8, OWNER).await];
    let put = async |number: u8, id| {
        let new = session(number.into(), OWNER, id, "cookies");
        let new = NewSession { captured_at: number.into(), ..new };
        assert_eq!(store.put_session(new, entry("session")).await.unwrap(), PutSession::Stored);
    };
    let left = async || {
        let (left, total) = store.sessions_of(OWNER, Page { number: 1, size: 100 }).await.unwrap();
        assert_eq!(total, 5);
        left.into_iter().map(|session| session.id.as_u128()).collect::<Vec<_>>()
    };
    put(20, ids[0]).await;
    for number in 21..32 {
        put(number, ids[1]).await;
    }
    // The first is still active, however old it is.
    assert_eq!(left().await, [31, 30, 29, 28, 20]);
    // The next session ends the first one too, later than the others.
    put(32, ids[0]).await;
    put(33, ids[1]).await;
    assert_eq!(left().await, [33, 32, 31, 30, 20]);
}

async fn refuses_a_session_without_room_and_stores_others_in_its_batch(Opened { store, .. }: &Opened) {
    let ids = [connect(&**store, 7, OWNER).await, connect(&**store, 8, OTHER).await];
    let room = usize::try_from(MIB - 2000).unwrap();
    store.update_credentials(Actor::Service, update(ids[0], &"s".repeat(room)), entry("u")).await.unwrap();
    let storing: Vec<_> = (20..40_u128)
        .map(|number| {
            let store = Arc::clone(store);
            let (owner, id) = if number % 2 == 0 { (OWNER, ids[0]) } else { (OTHER, ids[1]) };
            let new = session(number, owner, id, &"c".repeat(2000));
            tokio::spawn(async move { (owner, store.put_session(new, entry("session")).await) })
        })
        .collect();
    for storing in storing {
        let (owner, stored) = storing.await.unwrap();
        if owner == OWNER {
            assert!(is_over(stored, OverLimit::Bytes(MIB)));
        } else {
            assert_eq!(stored.unwrap(), PutSession::Stored);
        }
    }
}

async fn services_cannot_fill_a_users_store(Opened { store, .. }: &Opened) {
    let store = &**store;
    let id = connect(store, 7, OWNER).await;
    for (number, platform) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
        let new = CaptureRequest { platform: platform.to_owned(), ..request(20 + number as u128, id) };
        let added = store.add_capture_request(new).await;
        if platform == "f" {
            assert!(is_over(added, OverLimit::Rows("capture requests", 5)));
        } else {
            added.unwrap();
        }
    }
    // A request that is already open is not a further one.
    let again = CaptureRequest { platform: "a".to_owned(), ..request(30, id) };
    assert_eq!(store.add_capture_request(again).await.unwrap(), Uuid::from_u128(20));
}
