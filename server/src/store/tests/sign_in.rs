//! Users, their refresh tokens, login attempts, and services' tokens.

use super::{OTHER, OWNER, Opened, Store, connect, entry, logged_actions, on_every_store, user};
use crate::store::{
    AttemptLimit, CaptureRequest, Found, Hash, MAX_KEPT_TOKENS, MAX_SIGN_INS, Refresh, RefreshToken,
    ServiceToken, User, UserStatus,
};
use secrecy::ExposeSecret as _;
use std::sync::Arc;
use uuid::Uuid;

const HOUR_MS: i64 = 60 * 60 * 1000;

on_every_store!(
    an_address_in_any_case_belongs_to_one_user,
    changing_a_user_ends_all_sign_ins,
    refuses_a_sign_in_verified_before_its_user_changed,
    each_change_moves_the_time_from_which_tokens_are_valid,
    no_sign_in_survives_a_concurrent_change,
    a_token_identifies_its_user_until_it_expires_or_ends,
    deleting_a_user_deletes_everything_the_user_owns,
    a_spent_token_gets_another_successor_soon_after_and_ends_its_family_later,
    a_family_ended_during_a_refresh_stays_ended,
    too_many_sign_ins_end_the_oldest,
    a_spent_token_has_at_most_three_live_successors,
    a_sign_in_keeps_all_spent_tokens_and_ends_if_there_are_too_many,
    counts_attempts_against_each_limit_and_forgets_them_with_the_window,
    counts_all_concurrent_attempts,
    finds_a_services_token_until_it_is_revoked,
);

fn token(number: u8, expires_at: i64) -> RefreshToken {
    RefreshToken { token_hash: [number; 32], family_id: Uuid::from_u128(9), expires_at }
}

/// The user as a sign-in sees it.
async fn verified(store: &dyn Store, id: Uuid) -> User {
    store.user(id).await.unwrap().unwrap()
}

/// Stores a token of the owner.
async fn sign_in(store: &dyn Store, token: RefreshToken) {
    let verified = verified(store, OWNER).await;
    assert!(store.add_refresh_token(token, verified, entry("login")).await.unwrap());
}

/// The outcome of a refresh by the owner, whose tokens have the first valid time.
const RENEWED: Refresh = Refresh::Renewed { user_id: OWNER, tokens_valid_from: 0 };

async fn an_address_in_any_case_belongs_to_one_user(Opened { store, .. }: &Opened) {
    assert!(!store.add_user(user(Uuid::from_u128(3), "OWNER@Example.ORG"), entry("add")).await.unwrap());
    let found = store.user_by_email("Owner@example.org".to_owned()).await.unwrap().unwrap();
    assert_eq!((found.id, found.email.as_str()), (OWNER, "owner@example.org"));
    // Letters beyond ASCII keep their case.
    assert!(store.add_user(user(Uuid::from_u128(3), "é@example.org"), entry("add")).await.unwrap());
    assert!(store.add_user(user(Uuid::from_u128(4), "É@example.org"), entry("add")).await.unwrap());
    assert!(store.user_by_email("nobody@example.org".to_owned()).await.unwrap().is_none());
    assert!(store.user(Uuid::from_u128(404)).await.unwrap().is_none());
    let listed: Vec<_> = store.users().await.unwrap().into_iter().map(|user| user.email).collect();
    assert_eq!(listed[..2], ["other@example.org", "owner@example.org"]);
    assert_eq!(listed.len(), 4);
    assert_eq!(logged_actions(&**store).await, ["add", "add"], "not for the taken address");
}

async fn changing_a_user_ends_all_sign_ins(Opened { store, .. }: &Opened) {
    sign_in(&**store, token(1, HOUR_MS)).await;
    assert!(store.set_user_status(OWNER, UserStatus::Suspended, 7, entry("suspend")).await.unwrap());
    let changed = store.user(OWNER).await.unwrap().unwrap();
    assert_eq!((changed.status, changed.tokens_valid_from), (UserStatus::Suspended, 7));
    let times = (8, HOUR_MS, 0);
    assert_eq!(store.refresh([1; 32], [2; 32], times, entry("reuse")).await.unwrap(), Refresh::Unknown);
    assert!(store.set_password(OWNER, "another".into(), 9, entry("password")).await.unwrap());
    let changed = store.user(OWNER).await.unwrap().unwrap();
    assert_eq!((changed.password_hash.expose_secret(), changed.tokens_valid_from), ("another", 9));
    let nobody = Uuid::from_u128(404);
    assert!(!store.set_password(nobody, "hash".into(), 9, entry("of nobody")).await.unwrap());
    assert!(!store.set_user_status(nobody, UserStatus::Active, 9, entry("of nobody")).await.unwrap());
    assert_eq!(logged_actions(&**store).await, ["login", "password", "suspend"]);
}

async fn refuses_a_sign_in_verified_before_its_user_changed(Opened { store, .. }: &Opened) {
    let store = &**store;
    let refused = async |verified: User| {
        let added = store.add_refresh_token(token(1, HOUR_MS), verified, entry("login"));
        assert!(!added.await.unwrap());
        assert!(store.user_by_token([1; 32], 1).await.unwrap().is_none());
    };
    let before = verified(store, OWNER).await;
    store.set_password(OWNER, "another".into(), 7, entry("password")).await.unwrap();
    refused(before.clone()).await;
    // Whatever changed.
    let now = verified(store, OWNER).await;
    refused(User { password_hash: before.password_hash, ..now.clone() }).await;
    refused(User { tokens_valid_from: before.tokens_valid_from, ..now.clone() }).await;
    refused(User { status: UserStatus::Suspended, ..now.clone() }).await;
    // Disabled and enabled again within the same millisecond.
    for status in [UserStatus::Suspended, UserStatus::Active] {
        store.set_user_status(OWNER, status, 8, entry("status")).await.unwrap();
        refused(now.clone()).await;
    }
    let other = verified(store, OTHER).await;
    store.delete_user(OTHER, entry("delete")).await.unwrap();
    refused(other).await;
    sign_in(store, token(1, HOUR_MS)).await;
    assert_eq!(store.user_by_token([1; 32], 1).await.unwrap().unwrap().id, OWNER);
    assert_eq!(
        logged_actions(store).await,
        ["delete", "login", "password", "status", "status"],
        "only the last login"
    );
}

async fn each_change_moves_the_time_from_which_tokens_are_valid(Opened { store, .. }: &Opened) {
    // Twice in a millisecond, and by a clock that was set back.
    for (now, valid_from) in [(7, 7), (7, 8), (3, 9), (20, 20)] {
        assert!(store.set_password(OWNER, "another".into(), now, entry("password")).await.unwrap());
        assert_eq!(verified(&**store, OWNER).await.tokens_valid_from, valid_from, "{now}");
        sign_in(&**store, token(1, HOUR_MS)).await;
        let renewed = store.refresh([1; 32], [2; 32], (21, HOUR_MS, 0), entry("reuse")).await.unwrap();
        assert_eq!(renewed, Refresh::Renewed { user_id: OWNER, tokens_valid_from: valid_from });
    }
}

async fn no_sign_in_survives_a_concurrent_change(Opened { store, .. }: &Opened) {
    for round in 0..20_u8 {
        let hash = move |number: u8| -> Hash { [[round; 16], [number; 16]].concat().try_into().unwrap() };
        sign_in(&**store, RefreshToken { token_hash: hash(0), ..token(0, HOUR_MS) }).await;
        let before = verified(&**store, OWNER).await;
        let sign_ins = (1..9).map(|number| {
            let (store, before) = (Arc::clone(store), before.clone());
            tokio::spawn(async move {
                // Half of them are new, and half continue the existing one.
                if number % 2 == 0 {
                    let token = RefreshToken { token_hash: hash(number), ..token(0, HOUR_MS) };
                    store.add_refresh_token(token, before, entry("login")).await.map(drop).unwrap();
                } else {
                    let times = (1, HOUR_MS, 1_000);
                    store.refresh(hash(0), hash(number), times, entry("reuse")).await.map(drop).unwrap();
                }
            })
        });
        let sign_ins: Vec<_> = sign_ins.collect();
        store.set_password(OWNER, format!("password {round}").into(), 1, entry("password")).await.unwrap();
        for sign_in in sign_ins {
            sign_in.await.unwrap();
        }
        for number in 0..9 {
            let found = store.user_by_token(hash(number), 1).await.unwrap();
            assert!(found.is_none(), "round {round}, token {number}");
        }
    }
}

async fn a_token_identifies_its_user_until_it_expires_or_ends(Opened { store, .. }: &Opened) {
    let owner_of =
        async |number: u8, now| store.user_by_token([number; 32], now).await.unwrap().map(|user| user.id);
    sign_in(&**store, token(1, HOUR_MS)).await;
    assert_eq!(owner_of(1, HOUR_MS - 1).await, Some(OWNER));
    assert_eq!(owner_of(1, HOUR_MS).await, None);
    assert_eq!(owner_of(2, 0).await, None);
    let times = (1, HOUR_MS, 30_000);
    assert_eq!(store.refresh([1; 32], [2; 32], times, entry("reuse")).await.unwrap(), RENEWED);
    assert_eq!((owner_of(1, 2).await, owner_of(2, 2).await), (None, Some(OWNER)), "a spent token is invalid");
    store.end_family([2; 32]).await.unwrap();
    assert_eq!(owner_of(2, 2).await, None);
}

async fn deleting_a_user_deletes_everything_the_user_owns(Opened { store, .. }: &Opened) {
    let store = &**store;
    let id = connect(store, 7, OWNER).await;
    let request = CaptureRequest {
        id: Uuid::from_u128(8),
        user_id: OWNER,
        creator_profile_id: id,
        platform: "x".to_owned(),
        reason: None,
        created_at: 1,
    };
    store.add_capture_request(request).await.unwrap();
    assert!(store.delete_user(OWNER, entry("delete")).await.unwrap());
    assert!(!store.delete_user(OWNER, entry("delete again")).await.unwrap());
    assert!(super::sealed_connection(store, id).await.is_none());
    let request = store.delete_capture_request(OWNER, Uuid::from_u128(8)).await.unwrap();
    assert_eq!(request, Found::Nothing);
    assert_eq!(logged_actions(store).await, ["create", "delete"]);
}

async fn a_spent_token_gets_another_successor_soon_after_and_ends_its_family_later(
    Opened { store, .. }: &Opened,
) {
    let refresh = async |spent: u8, successor: u8, now| {
        let reuse = entry("refresh").with_outcome("reused").on("users", OWNER);
        store.refresh([spent; 32], [successor; 32], (now, HOUR_MS, 30_000), reuse).await.unwrap()
    };
    sign_in(&**store, token(1, HOUR_MS)).await;
    assert_eq!(refresh(1, 2, 1_000).await, RENEWED);
    assert_eq!(refresh(1, 3, 31_000).await, RENEWED);
    assert_eq!(refresh(1, 4, 31_001).await, Refresh::Reused(OWNER));
    for ended in [1, 2, 3, 4] {
        assert_eq!(refresh(ended, 5, 31_002).await, Refresh::Unknown, "{ended}");
    }
    sign_in(&**store, token(6, 1_000)).await;
    assert_eq!(refresh(6, 7, 1_000).await, Refresh::Expired);
    assert_eq!(logged_actions(&**store).await, ["login", "login", "refresh"], "only the reuse");
    let rows = store.audit_rows((i64::MIN, 0), 1000).await.unwrap();
    let reuse = rows.into_iter().find(|row| row.entry.action == "refresh").unwrap().entry;
    assert_eq!((reuse.record.unwrap(), reuse.outcome.as_str()), (format!("users/{OWNER}"), "reused"));
}

async fn a_family_ended_during_a_refresh_stays_ended(Opened { store, .. }: &Opened) {
    for round in 0..20_u8 {
        let hash = move |number: u8| -> Hash { [[round; 16], [number; 16]].concat().try_into().unwrap() };
        sign_in(&**store, RefreshToken { token_hash: hash(0), ..token(0, HOUR_MS) }).await;
        let renewals = (1..5).map(|number| {
            let (store, successor) = (Arc::clone(store), hash(number));
            tokio::spawn(async move {
                let times = (1, HOUR_MS, 1_000);
                store.refresh(hash(0), successor, times, entry("reuse")).await.unwrap()
            })
        });
        let renewals: Vec<_> = renewals.collect();
        store.end_family(hash(0)).await.unwrap();
        for renewal in renewals {
            renewal.await.unwrap();
        }
        for number in 1..5 {
            let times = (2, HOUR_MS, 1_000);
            let renewal = store.refresh(hash(number), hash(100 + number), times, entry("reuse"));
            let outcome = renewal.await.unwrap();
            assert_eq!(outcome, Refresh::Unknown, "round {round}, token {number}");
        }
    }
}

/// A hash for a number.
fn numbered(number: u16) -> Hash {
    let mut hash = [0; 32];
    hash[..2].copy_from_slice(&number.to_be_bytes());
    hash
}

async fn too_many_sign_ins_end_the_oldest(Opened { store, .. }: &Opened) {
    let store = &**store;
    let most = u16::try_from(MAX_SIGN_INS).unwrap();
    for number in 0..most + 3 {
        let family_id = Uuid::from_u128(100 + u128::from(number));
        sign_in(store, RefreshToken { token_hash: numbered(number), family_id, expires_at: HOUR_MS }).await;
    }
    let other = verified(store, OTHER).await;
    let others = RefreshToken { family_id: Uuid::from_u128(1), ..token(255, HOUR_MS) };
    assert!(store.add_refresh_token(others, other, entry("login")).await.unwrap());
    for number in 0..most + 3 {
        let found = store.user_by_token(numbered(number), 1).await.unwrap();
        assert_eq!(found.is_some(), number >= 3, "{number}");
    }
    assert_eq!(store.user_by_token([255; 32], 1).await.unwrap().unwrap().id, OTHER);
    // A sign-in with a late clock also stays.
    sign_in(store, RefreshToken { family_id: Uuid::from_u128(2), ..token(254, HOUR_MS) }).await;
    assert!(store.user_by_token([254; 32], 1).await.unwrap().is_some());
    assert!(store.user_by_token(numbered(3), 1).await.unwrap().is_none());
}

async fn a_spent_token_has_at_most_three_live_successors(Opened { store, .. }: &Opened) {
    sign_in(&**store, token(1, HOUR_MS)).await;
    for number in 2..12_u8 {
        let times = (i64::from(number), HOUR_MS, 30_000);
        assert_eq!(store.refresh([1; 32], [number; 32], times, entry("reuse")).await.unwrap(), RENEWED);
    }
    for number in 2..12 {
        let found = store.user_by_token([number; 32], 20).await.unwrap();
        assert_eq!(found.is_some(), number >= 9, "{number}");
    }
    // A spent token is not live, and so leaves room.
    assert_eq!(store.refresh([11; 32], [12; 32], (21, HOUR_MS, 0), entry("reuse")).await.unwrap(), RENEWED);
    let again = store.refresh([1; 32], [13; 32], (22, HOUR_MS, 30_000), entry("reuse"));
    assert_eq!(again.await.unwrap(), RENEWED);
    for live in [9, 10, 12, 13] {
        assert!(store.user_by_token([live; 32], 23).await.unwrap().is_some(), "{live}");
    }
}

async fn a_sign_in_keeps_all_spent_tokens_and_ends_if_there_are_too_many(Opened { store, .. }: &Opened) {
    let store = &**store;
    let most = u16::try_from(MAX_KEPT_TOKENS).unwrap();
    sign_in(store, RefreshToken { token_hash: numbered(0), ..token(0, HOUR_MS) }).await;
    let other = RefreshToken { family_id: Uuid::from_u128(77), ..token(255, HOUR_MS) };
    sign_in(store, other).await;
    let refresh = async |number: u16| {
        let times = (i64::from(number), HOUR_MS, 0);
        store.refresh(numbered(number), numbered(number + 1), times, entry("reuse")).await.unwrap()
    };
    let is_known = async |number| store.refresh_token_owner(numbered(number)).await.unwrap().is_some();
    for number in 0..most - 1 {
        assert_eq!(refresh(number).await, RENEWED, "{number}");
    }
    for number in [0, 1, most / 2, most - 1] {
        assert!(is_known(number).await, "{number}");
    }
    assert_eq!(refresh(most - 1).await, RENEWED);
    for number in [0, 1, most / 2, most - 1, most] {
        assert!(!is_known(number).await, "{number}");
    }
    assert!(store.user_by_token([255; 32], 1).await.unwrap().is_some(), "the other sign-in lives");
}

fn limit(subject: u8, attempts: u32) -> AttemptLimit {
    AttemptLimit { subject: [subject; 32], attempts, window_ms: 1_000 }
}

async fn counts_attempts_against_each_limit_and_forgets_them_with_the_window(Opened { store, .. }: &Opened) {
    let limits = |account: u8| vec![limit(account, 2), limit(99, 5)];
    let count = async |account, now| store.count_attempt(limits(account), now).await.unwrap();
    assert_eq!((count(1, 0).await, count(1, 10).await), (None, None));
    assert_eq!(count(1, 400).await, Some(600), "the account's limit");
    for account in [2, 3, 4] {
        assert_eq!(count(account, 500).await, None);
    }
    assert_eq!(count(5, 500).await, Some(500), "the address's limit, whatever the account");
    store.uncount_attempt(vec![[99; 32]]).await.unwrap();
    assert_eq!(count(5, 600).await, None);
    assert_eq!(count(1, 1_000).await, None, "a new window");
}

async fn counts_all_concurrent_attempts(Opened { store, .. }: &Opened) {
    let attempts = (0..40_u8).map(|number| {
        let store = Arc::clone(store);
        // Some name the shared limit first, some last.
        let mut limits = vec![limit(200, 15), limit(number % 4, 100)];
        if number % 2 == 0 {
            limits.reverse();
        }
        tokio::spawn(async move { store.count_attempt(limits, 1).await.unwrap() })
    });
    let mut taken = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        taken += usize::from(attempt.await.unwrap().is_none());
    }
    assert_eq!(taken, 15);
}

async fn finds_a_services_token_until_it_is_revoked(Opened { store, .. }: &Opened) {
    let token = |name: &str| ServiceToken {
        name: name.to_owned(),
        verbs: vec!["reveal".to_owned(), "store".to_owned()],
        platforms: Vec::new(),
        require_acting_user: true,
        created_at: 1,
        revoked_at: None,
    };
    assert!(store.add_service_token(token("worker"), [1; 32], entry("add")).await.unwrap());
    assert!(!store.add_service_token(token("worker"), [2; 32], entry("add again")).await.unwrap());
    let found = store.live_service_token([1; 32]).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.verbs.len(), found.platforms.len()), ("worker", 2, 0));
    assert!(found.require_acting_user);
    assert!(store.live_service_token([2; 32]).await.unwrap().is_none());
    assert!(store.revoke_service_token("worker".to_owned(), 5, entry("revoke")).await.unwrap());
    assert!(!store.revoke_service_token("worker".to_owned(), 6, entry("revoke again")).await.unwrap());
    assert!(store.live_service_token([1; 32]).await.unwrap().is_none());
    assert_eq!(store.service_tokens().await.unwrap()[0].revoked_at, Some(5));
    assert_eq!(logged_actions(&**store).await, ["add", "revoke"]);
}
