//! Rows of the audit log: how filters find them, and what remains after removing the oldest.

use super::{EVERYTHING, OWNER, Opened, entry, on_every_store, verify};
use crate::audit::{Anchor, Caller, Entry, ExpectedHeads, Removable};
use crate::clock::now_ms;
use crate::retention::{Pruned, prune};
use crate::store::AuditFilter;

on_every_store!(
    filters_find_rows_by_their_content,
    removes_old_rows_and_verifies_the_rest_from_a_signed_anchor,
    two_concurrent_removals_remove_each_row_once,
    an_anchor_moves_only_if_it_is_unchanged,
);

/// Appends rows at future times, one per millisecond, and returns the time before them. Two rows
/// exist already.
async fn append(opened: &Opened, count: i64) -> i64 {
    let begin = now_ms() + 60 * 60 * 1000;
    for number in 1..=count {
        let entry = Entry { at: begin + number, ..entry("reveal").on("test", number) };
        opened.store.append(entry).await.unwrap();
    }
    begin
}

async fn prune_before(Opened { store, chain_key, .. }: &Opened, cutoff: i64) -> (Pruned, Vec<u64>) {
    let mut told = Vec::new();
    let tell = |rows| told.push(rows);
    let pruned = prune(&**store, chain_key, &Caller::Operator, cutoff, tell).await.unwrap();
    (pruned, told)
}

async fn filters_find_rows_by_their_content(opened: &Opened) {
    let store = &opened.store;
    let service = |name: &str| Caller::Service(Some(name.to_owned()));
    let told = [
        Entry::new(&Caller::User(OWNER), "create").on("things", 1),
        Entry::new(&service("one"), "reveal").on("things", 1),
        Entry { acting_for: Some(OWNER), ..Entry::new(&service("one"), "reveal").on("things", 2) },
        Entry::new(&Caller::Service(None), "reveal").on("things", 2).with_outcome("Not found"),
        Entry::new(&Caller::Anonymous, "login").on("users", OWNER).with_outcome("Invalid"),
        Entry::new(&Caller::Operator, "rotate-keys").with_outcome("started"),
        Entry::new(&Caller::Server, "sign-rows").with_outcome("ok: 3 rows"),
    ];
    for (at, entry) in (1..).zip(told) {
        store.append(Entry { at, ..entry }).await.unwrap();
    }
    let everything = || AuditFilter { since: 1, until: 8, ..EVERYTHING };
    let found = async |filter: AuditFilter, limit| {
        let rows = store.newest_audit_rows(filter, limit).await.unwrap();
        rows.iter().map(|row| row.entry.at).collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(everything(), 100).await, [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(found(everything(), 2).await, [7, 6]);
    assert_eq!(found(AuditFilter { since: 2, until: 4, ..EVERYTHING }, 9).await, [3, 2]);
    let records = Some(vec!["things/1".to_owned(), "others/1".to_owned()]);
    assert_eq!(found(AuditFilter { records, ..everything() }, 9).await, [2, 1]);
    assert_eq!(found(AuditFilter { user: Some(OWNER), ..everything() }, 9).await, [5, 3, 1]);
    assert_eq!(found(AuditFilter { service: text("service:one"), ..everything() }, 9).await, [3, 2]);
    assert_eq!(found(AuditFilter { service: text("service"), ..everything() }, 9).await, [4]);
    assert_eq!(found(AuditFilter { action: text("reveal"), ..everything() }, 9).await, [4, 3, 2]);
    assert_eq!(found(AuditFilter { outcome: text("ok"), ..everything() }, 9).await, [7, 3, 2, 1]);
    assert_eq!(found(AuditFilter { outcome: text("failed"), ..everything() }, 9).await, [5, 4]);
    assert_eq!(found(AuditFilter { outcome: text("Not"), ..everything() }, 9).await, [4]);
    let several = AuditFilter { user: Some(OWNER), outcome: text("failed"), ..everything() };
    assert_eq!(found(several, 9).await, [5]);
}

async fn removes_old_rows_and_verifies_the_rest_from_a_signed_anchor(opened: &Opened) {
    let Opened { store, chain_key, .. } = opened;
    let begin = append(opened, 1300).await;
    let head = verify(&**store, chain_key, &ExpectedHeads::default()).await.heads;
    let (pruned, told) = prune_before(opened, begin + 1201).await;
    assert_eq!((pruned.rows, pruned.faults), (1202, vec![]));
    assert_eq!(told, [500, 1000, 1202], "a few at a time");
    let rows = store.audit_rows((i64::MIN, 0), 10_000).await.unwrap();
    assert_eq!((rows[0].entry.at, rows.len()), (begin + 1201, 100 + 2));
    let outcomes: Vec<_> = rows[100..].iter().map(|row| row.entry.outcome.as_str()).collect();
    assert!(outcomes[0].starts_with("started: rows older than 20"), "{outcomes:?}");
    assert_eq!(outcomes[1], "ok: 1202 rows removed");
    let [anchor] = &store.audit_anchors().await.unwrap()[..] else { panic!("not one anchor") };
    assert_eq!((anchor.sequence, anchor.removed_by.as_str()), (1202, "operator"));
    let verdict = verify(&**store, chain_key, &head).await;
    assert_eq!((verdict.faults, verdict.unchecked), (vec![], vec![]));
    assert_eq!((verdict.rows, verdict.removed), (102, 1202));
    // There is nothing left to do, and nothing is logged about it.
    assert_eq!(prune_before(opened, begin + 1201).await.0.rows, 0);
    assert_eq!(verify(&**store, chain_key, &head).await.rows, 102);
    // Everything old, and later what follows.
    let (pruned, _) = prune_before(opened, i64::MAX).await;
    assert_eq!(pruned.rows, 103, "including the row about the start");
    let verdict = verify(&**store, chain_key, &ExpectedHeads::default()).await;
    assert_eq!((verdict.faults, verdict.rows), (vec![], 1));
    let too_old = verify(&**store, chain_key, &head).await.unchecked;
    assert_eq!(too_old, ["chain 1: the expected head names row 1302, and the rows up to 1305 were removed"]);
}

async fn two_concurrent_removals_remove_each_row_once(opened: &Opened) {
    let Opened { store, chain_key, .. } = opened;
    let begin = append(opened, 1200).await;
    let cutoff = begin + 1101;
    let both = tokio::join!(prune_before(opened, cutoff), prune_before(opened, cutoff));
    assert_eq!(both.0.0.rows + both.1.0.rows, 1102);
    let verdict = verify(&**store, chain_key, &ExpectedHeads::default()).await;
    assert_eq!((verdict.faults, verdict.removed), (vec![], 1102));
}

async fn an_anchor_moves_only_if_it_is_unchanged(opened: &Opened) {
    let Opened { store, chain_key, .. } = opened;
    append(opened, 3).await;
    let rows = store.audit_rows((1, 0), 5).await.unwrap();
    let up_to = |rows: &[crate::audit::Row]| {
        let removable = Anchor::beginning(chain_key, 1).removable(chain_key, rows, i64::MAX, ("server", 0));
        let Removable::UpTo(anchor) = removable else { panic!("{removable:?}") };
        anchor
    };
    let (two, four) = (up_to(&rows[..2]), up_to(&rows[..4]));
    assert!(store.move_audit_anchor(0, two.clone()).await.unwrap());
    assert!(!store.move_audit_anchor(0, four.clone()).await.unwrap());
    assert!(!store.move_audit_anchor(1, four.clone()).await.unwrap());
    assert_eq!(store.audit_rows((1, 0), 9).await.unwrap().len(), 3, "nothing is removed");
    assert!(store.move_audit_anchor(2, four.clone()).await.unwrap());
    assert_eq!(store.audit_anchors().await.unwrap(), [four]);
    assert_eq!(verify(&**store, chain_key, &ExpectedHeads::default()).await.faults, Vec::<String>::new());
}
