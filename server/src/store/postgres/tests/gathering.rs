//! Sessions that are stored together.

use super::*;
use crate::store::postgres::sessions::{Put, put_together};
use crate::store::{NewSession, Page, PutSession, SessionStatus};
use futures_util::future::join_all;

const ALL: Page = Page { number: 1, size: 100 };
const RETIRED: &str = "00000001";
/// The user agent of a session that [`MISLEAD`] changes.
const ASTRAY: &str = "astray";
/// Assigns a session to the second user, like a faulty statement, and makes the others record whose
/// rights wrote them.
const MISLEAD: &str = "
    CREATE FUNCTION stagepass.mislead() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.user_agent = 'astray' THEN
            NEW.user_id := '00000000-0000-0000-0000-000000000002';
        ELSE
            NEW.user_agent := current_setting('stagepass.actor');
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER mislead BEFORE INSERT ON stagepass.platform_sessions
        FOR EACH ROW EXECUTE FUNCTION stagepass.mislead();";

/// A session of a user whose connection has the user's id.
fn session(number: u128, user_id: Uuid) -> NewSession {
    NewSession {
        id: Uuid::from_u128(number),
        user_id,
        creator_profile_id: user_id,
        platform: "x".to_owned(),
        encrypted_cookies: "sealed".to_owned(),
        encrypted_origins: None,
        credentials_version: "v2",
        cookie_count: 1,
        entry_count: 0,
        user_agent: None,
        captured_at: 0,
        expires_at: None,
        renews: None,
        renewed_by: None,
    }
}

/// Stores sessions in one transaction.
async fn together(store: &Postgres, sessions: Vec<NewSession>) -> Vec<bool> {
    let signer = store.signer().unwrap();
    let put = |new| Arc::new(Put { signer: Arc::clone(&signer), new, entry: entry("store") });
    let puts = sessions.into_iter().map(put).collect();
    put_together(store.pool.clone(), puts).await.into_iter().map(|outcome| outcome.unwrap()).collect()
}

/// Stores each session for a separate caller, all at once.
async fn at_once(store: &Postgres, sessions: Vec<NewSession>) -> Vec<Result<PutSession, StoreError>> {
    join_all(sessions.into_iter().map(|new| store.put_session(new, entry("store")))).await
}

async fn sessions_of(store: &Postgres, user_id: Uuid) -> Vec<crate::store::Session> {
    store.sessions_of(user_id, ALL).await.unwrap().0
}

/// A store with two users and a connection of each, which makes four rows of the audit log.
async fn filled(database: &TestDatabase, key: &Arc<ChainKey>) -> Postgres {
    let store = open(database, key).await;
    fill(&store).await;
    store
}

#[tokio::test]
async fn sessions_stored_together_have_separate_outcomes_and_their_own_users_rights() {
    let (database, key) = (TestDatabase::create().await, chain_key());
    let store = filled(&database, &key).await;
    database.superuser().await.batch_execute(MISLEAD).await.unwrap();
    let [one, two] = USERS;
    let foreign = NewSession { creator_profile_id: two, ..session(12, one) };
    let missing = NewSession { creator_profile_id: Uuid::from_u128(404), ..session(13, one) };
    let other_platform = NewSession { platform: "y".to_owned(), ..session(14, two) };
    let sessions =
        vec![session(11, one), foreign, missing, other_platform, session(15, two), session(16, one)];
    assert_eq!(together(&store, sessions.clone()).await, [true, false, false, false, true, true]);
    for (user, expected) in [(one, &[16, 11][..]), (two, &[15])] {
        let sessions = sessions_of(&store, user).await;
        let ids: Vec<_> = sessions.iter().map(|session| session.id.as_u128()).collect();
        assert_eq!(ids, expected, "the newest first");
        assert!(sessions.iter().all(|session| session.user_agent == Some(user.to_string())));
        let active: Vec<_> = sessions.iter().map(|session| session.status == SessionStatus::Active).collect();
        assert_eq!(active, [true, false][..active.len()]);
    }
    assert_whole(&store, &key, 4 + 3).await;
    let outcomes: Vec<_> =
        at_once(&store, sessions[1..4].to_vec()).await.into_iter().map(Result::unwrap).collect();
    let other = PutSession::OtherPlatform("x".to_owned());
    assert_eq!(outcomes, [PutSession::Foreign, PutSession::Nothing, other]);
    assert_whole(&store, &key, 4 + 3).await;
}

#[tokio::test]
async fn of_sessions_stored_together_only_the_next_keeps_the_origins_of_one() {
    let (database, key) = (TestDatabase::create().await, chain_key());
    let store = filled(&database, &key).await;
    let [one, two] = USERS;
    let keeping = |number, user, kept_from| NewSession {
        renews: Some(Uuid::from_u128(kept_from)),
        ..session(number, user)
    };
    let sessions = vec![session(11, one), keeping(12, one, 11), keeping(13, one, 11), keeping(14, two, 12)];
    assert_eq!(together(&store, sessions.clone()).await, [true, true, false, false]);
    for outcome in at_once(&store, sessions[2..].to_vec()).await {
        assert_eq!(outcome.unwrap(), PutSession::Superseded);
    }
    assert_whole(&store, &key, 4 + 2).await;
}

#[tokio::test]
async fn a_server_of_a_former_version_still_stores_and_also_erases_origins() {
    let (database, key) = (TestDatabase::create().await, chain_key());
    let store = filled(&database, &key).await;
    let [one, _] = USERS;
    let new = NewSession { encrypted_origins: Some("sealed".to_owned()), ..session(11, one) };
    assert_eq!(together(&store, vec![new]).await, [true]);
    let superuser = database.superuser().await;
    let has_origins = async || {
        let find = "SELECT encrypted_origins IS NOT NULL FROM stagepass.platform_sessions";
        superuser.query_one(find, &[]).await.unwrap().get::<_, bool>(0)
    };
    assert!(has_origins().await);
    let revoke = "UPDATE stagepass.platform_sessions SET status = 'revoked', encrypted_cookies = NULL";
    assert_eq!(superuser.execute(revoke, &[]).await.unwrap(), 1);
    assert!(!has_origins().await);
    let store_former = "
        SELECT count(*) FROM stagepass.put_sessions(ARRAY[gen_random_uuid()], ARRAY[$1::uuid], ARRAY[$1::uuid],
            ARRAY['x'], ARRAY['sealed'], ARRAY['v2'], ARRAY[1], ARRAY[NULL], ARRAY[0::bigint],
            ARRAY[NULL::bigint], ARRAY['\\x00'::bytea])";
    let stored: i64 = superuser.query_one(store_former, &[&one]).await.unwrap().get(0);
    assert_eq!(stored, 1);
}

#[tokio::test]
async fn a_refused_session_does_not_affect_others_stored_with_it() {
    let (database, key) = (TestDatabase::create().await, chain_key());
    let store = filled(&database, &key).await;
    database.superuser().await.batch_execute(MISLEAD).await.unwrap();
    for (number, key) in [(1, RETIRED), (2, "00000002")] {
        store.add_canary(key.to_owned(), "canary".to_owned(), number).await.unwrap();
    }
    store.retire_keys("00000002".to_owned(), 3).await.unwrap();
    let [one, two] = USERS;
    let astray = |number| NewSession { user_agent: Some(ASTRAY.to_owned()), ..session(number, one) };
    let retired = |number| NewSession {
        encrypted_cookies: format!("v2:{RETIRED}:iv:tag:ciphertext"),
        ..session(number, two)
    };
    for refused in [astray(21), retired(22)] {
        assert_eq!(together(&store, vec![session(23, one), refused, session(24, two)]).await, [false; 3]);
    }
    assert!(sessions_of(&store, one).await.is_empty(), "the whole transaction was undone");
    assert_whole(&store, &key, 4).await;
    let mut sessions: Vec<_> = (30..60).map(|number| session(number, USERS[number as usize % 2])).collect();
    sessions.insert(7, astray(21));
    sessions.insert(19, retired(22));
    let outcomes = at_once(&store, sessions).await;
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Ok(PutSession::Stored))).count(), 30);
    let error = outcomes[7].as_ref().unwrap_err().to_string();
    assert!(error.contains("violates row-level security policy"), "{error}");
    assert!(matches!(outcomes[19], Err(StoreError::RetiredKey)));
    assert_whole(&store, &key, 4 + 30).await;
}

#[tokio::test]
async fn a_locked_connection_delays_only_its_own_session() {
    let (database, key) = (TestDatabase::create().await, chain_key());
    let store = filled(&database, &key).await;
    let [one, two] = USERS;
    let mut superuser = database.superuser().await;
    let transaction = superuser.transaction().await.unwrap();
    let lock = "SELECT FROM stagepass.platform_connections WHERE id = $1 FOR UPDATE";
    assert_eq!(transaction.query(lock, &[&one]).await.unwrap().len(), 1);
    let mut waiting = Box::pin(store.put_session(session(11, one), entry("waiting")));
    let others = async {
        for number in 20..30 {
            let stored = store.put_session(session(number, two), entry("other")).await.unwrap();
            assert_eq!(stored, PutSession::Stored);
        }
    };
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("it continued without the lock"),
        () = others => {}
    }
    transaction.commit().await.unwrap();
    assert_eq!(waiting.as_mut().await.unwrap(), PutSession::Stored);
    drop(waiting);
    assert_whole(&store, &key, 4 + 11).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_servers_leave_one_active_session_of_each_connection() {
    let (database, key) = (TestDatabase::create().await, chain_key());
    let servers = [filled(&database, &key).await, open(&database, &key).await];
    let mut sessions: [Vec<_>; 2] = [100, 200]
        .map(|first| (0..40).map(|number| session(first + number, USERS[number as usize % 2])).collect());
    sessions[1].reverse();
    let [of_one, of_two] = sessions;
    let (one, two) = tokio::join!(at_once(&servers[0], of_one), at_once(&servers[1], of_two));
    for outcome in one.into_iter().chain(two) {
        assert_eq!(outcome.unwrap(), PutSession::Stored);
    }
    for user in USERS {
        let sessions = sessions_of(&servers[0], user).await;
        let active = |session: &&crate::store::Session| session.status == SessionStatus::Active;
        assert_eq!((sessions.len(), sessions.iter().filter(active).count()), (40, 1));
        assert_eq!(sessions[0].status, SessionStatus::Active, "the newest");
    }
    assert_whole(&servers[0], &key, 4 + 80).await;
}

#[tokio::test]
async fn callers_that_give_up_leave_each_session_with_its_audit_row_or_neither() {
    let (database, key) = (TestDatabase::create().await, chain_key());
    let store = filled(&database, &key).await;
    for patience in 0..40 {
        let abandoned =
            at_once(&store, vec![session(100 + patience, USERS[0]), session(200 + patience, USERS[1])]);
        let _ = tokio::time::timeout(Duration::from_micros(50 * patience as u64), abandoned).await;
    }
    for user in USERS {
        store.put_session(session(300 + user.as_u128(), user), entry("last")).await.unwrap();
    }
    // Count both in one statement, because some transactions may still be running.
    let count = "SELECT (SELECT count(*) FROM stagepass.platform_sessions),
        (SELECT count(*) FROM stagepass.audit_log WHERE action IN ('store', 'last'))";
    let counts = database.superuser().await.query_one(count, &[]).await.unwrap();
    assert_eq!(counts.get::<_, i64>(0), counts.get::<_, i64>(1));
    let rows = u64::try_from(store.audit_rows((i64::MIN, 0), 1000).await.unwrap().len()).unwrap();
    assert_whole(&store, &key, rows).await;
}
