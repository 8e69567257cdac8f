//! The operations on captured sessions and on requests for them.

use super::super::super::records::{request, session};
use super::super::super::{OTHER, OWNER, entry, newest_session};
use super::{CONNECTION, NOW, PAGE, Pass};
use crate::store::{Found, NewSession, PutConnection, PutSession, SealedColumn};

impl Pass<'_> {
    pub(super) async fn sessions(&self) {
        let store = self.store;
        let new = self.new_connection(13);
        assert_eq!(store.put_connection(new, entry("connect")).await.unwrap(), PutConnection::Created);
        let put = async |number, connection, sealed: &str, kept_from: Option<u64>| {
            let new = session(self.id(number).as_u128(), connection, NOW);
            let renews = kept_from.map(|number| self.id(number));
            let new = NewSession { encrypted_cookies: sealed.to_owned(), renews, ..new };
            store.put_session(new, entry("session")).await.unwrap()
        };
        for (number, connection) in [(14, CONNECTION), (15, CONNECTION), (16, self.id(13))] {
            let asked = request(self.id(number).as_u128(), connection, NOW);
            store.add_capture_request(asked).await.unwrap();
            assert_eq!(put(number, connection, "sealed", None).await, PutSession::Stored);
        }
        // Too large to be stored together with others.
        assert_eq!(put(17, CONNECTION, &"sealed".repeat(11_000), Some(15)).await, PutSession::Stored);
        assert_eq!(put(18, CONNECTION, "sealed", Some(15)).await, PutSession::Superseded);
        assert_eq!(put(18, self.id(404), "sealed", None).await, PutSession::Nothing);
        assert!(newest_session(store, CONNECTION, "x").await.unwrap().1.is_some());
        assert!(store.newest_session(OWNER, CONNECTION, "x".to_owned()).await.unwrap().is_some());
        assert_eq!(store.sessions_of(OWNER, PAGE).await.unwrap().0[0].id, self.id(17));
        self.replace_sealed(SealedColumn::SessionCookies).await;
        self.replace_sealed(SealedColumn::SessionOrigins).await;
        let revoke = async |user_id, number| {
            store.revoke_session(user_id, self.id(number), NOW, entry("revoke")).await.unwrap()
        };
        assert_eq!(revoke(OWNER, 16).await, Found::Own(()));
        assert_eq!(revoke(OTHER, 17).await, Found::Foreign);
        self.renewals().await;
        store.purge_sessions(NOW - 1).await.unwrap();
        let deleted = store.delete_connection(OWNER, self.id(13), entry("delete")).await.unwrap();
        assert_eq!(deleted, Found::Own(()));
    }

    /// What services store after session 17.
    async fn renewals(&self) {
        let store = self.store;
        let allow = async |allowed| {
            let allowed = store.allow_write_back(OWNER, CONNECTION, allowed, entry("allow")).await.unwrap();
            assert_eq!(allowed, Found::Own(()));
        };
        let put = async |number, renewed| {
            let renews = Some(self.id(renewed));
            let new = session(self.id(number).as_u128(), CONNECTION, NOW);
            let new = NewSession { renews, renewed_by: Some("service".to_owned()), ..new };
            store.put_session(new, entry("session")).await.unwrap()
        };
        allow(true).await;
        for (number, renewed) in [(60, 17), (61, 60), (62, 61)] {
            assert_eq!(put(number, renewed).await, PutSession::Stored);
        }
        assert_eq!(store.renewed_at(OWNER, CONNECTION, "x".to_owned()).await.unwrap(), Some(NOW));
        allow(false).await;
        assert_eq!(put(63, 62).await, PutSession::NotAllowed);
    }

    pub(super) async fn requests(&self) {
        let store = self.store;
        let add = async |number| {
            let new = request(self.id(number).as_u128(), CONNECTION, NOW);
            store.add_capture_request(new).await.unwrap()
        };
        assert_eq!((add(20).await, add(21).await), (self.id(20), self.id(20)));
        assert!(store.capture_requests_of(OWNER, PAGE, NOW).await.unwrap().1 > 0);
        let delete = async |user| store.delete_capture_request(user, self.id(20)).await.unwrap();
        assert_eq!((delete(OTHER).await, delete(OWNER).await), (Found::Foreign, Found::Own(())));
        for platform in [Some("x".to_owned()), None] {
            add(22).await;
            store.delete_capture_requests_for(CONNECTION, platform).await.unwrap();
        }
    }
}
