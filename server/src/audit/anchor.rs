//! The anchor that replaces a chain's first rows after they were removed on purpose.

use super::{CUT, ChainKey, Head, Mac, Row};

/// A signed statement that Stagepass checked and removed the first rows of a chain. The rows after
/// them verify from here.
// Decision: docs/decisions/keys-and-audit.md#a-signed-anchor-replaces-old-rows-of-the-audit-log
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    pub(crate) chain: i64,
    /// The last removed row. Rows are numbered from 1, so this is also the number of removed rows.
    pub(crate) sequence: i64,
    /// The MAC of that row.
    pub(crate) mac: Mac,
    /// How many of the removed rows said that another chain had lost rows.
    pub(crate) cuts: i64,
    /// When rows were last removed, in milliseconds since the Unix epoch.
    pub(crate) removed_at: i64,
    /// Who removed them: a [`Caller`](super::Caller).
    pub(crate) removed_by: String,
    /// The signature over the other fields.
    pub(crate) signature: Mac,
}

/// The rows that can be removed next from a chain.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Removable {
    /// There is no next row, or it is too young.
    Nothing,
    /// The rows up to this anchor.
    UpTo(Anchor),
    /// The next row is not the one Stagepass wrote: it stays, as evidence.
    Broken(String),
}

impl Anchor {
    /// The anchor of a chain from which nothing was removed.
    pub(crate) fn beginning(key: &ChainKey, chain: i64) -> Self {
        let nothing = Self {
            chain,
            sequence: 0,
            mac: [0; 32],
            cuts: 0,
            removed_at: 0,
            removed_by: String::new(),
            signature: [0; 32],
        };
        nothing.signed(key)
    }

    fn signed(self, key: &ChainKey) -> Self {
        Self { signature: self.signature(key), ..self }
    }

    fn signature(&self, key: &ChainKey) -> Mac {
        let Self { chain, sequence, mac, cuts, removed_at, removed_by, signature: _ } = self;
        key.sign_anchor([*chain, *sequence, *cuts, *removed_at], mac, removed_by)
    }

    pub(crate) fn is_genuine(&self, key: &ChainKey) -> bool {
        self.signature(key) == self.signature
    }

    /// Whether the row that a head names is among the removed ones.
    pub(crate) fn covers(&self, head: &Head) -> bool {
        self.sequence > head.sequence || (self.sequence, self.mac) == (head.sequence, head.mac)
    }

    /// Which of `rows`, the next ones after this anchor, can be removed: those that are older than
    /// `cutoff` and genuine. `by` and `now` say who removes them and when.
    pub(crate) fn removable(
        &self,
        key: &ChainKey,
        rows: &[Row],
        cutoff: i64,
        (by, now): (&str, i64),
    ) -> Removable {
        let mut next = self.clone();
        let is_old = |row: &&Row| row.chain == self.chain && row.entry.at < cutoff;
        for row in rows.iter().take_while(is_old) {
            if let Some(fault) = row.fault_after(key, next.sequence, &next.mac) {
                if next.sequence == self.sequence {
                    return Removable::Broken(fault);
                }
                break;
            }
            next.sequence = row.sequence;
            next.mac = row.mac;
            next.cuts += i64::from(row.entry.action == CUT);
        }
        if next.sequence == self.sequence {
            return Removable::Nothing;
        }
        Removable::UpTo(Self { removed_at: now, removed_by: by.to_owned(), ..next }.signed(key))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Caller, Entry};
    use super::*;

    fn key() -> ChainKey {
        ChainKey::from_base64(&ChainKey::generate_base64().unwrap()).unwrap()
    }

    /// A chain of rows, the first at time 1.
    fn rows(key: &ChainKey, count: i64) -> Vec<Row> {
        let entries = (1..=count).map(|at| Entry { at, ..Entry::new(&Caller::Operator, "reveal") });
        Head::empty(key, 1).append_all(key, entries).0
    }

    #[test]
    fn removes_rows_up_to_the_first_young_or_broken_one() {
        let key = key();
        let mut rows = rows(&key, 5);
        let beginning = Anchor::beginning(&key, 1);
        let removable =
            |from: &Anchor, rows: &[Row], cutoff| from.removable(&key, rows, cutoff, ("operator", 9));
        let up_to = |removable| match removable {
            Removable::UpTo(anchor) => anchor,
            other => panic!("{other:?}"),
        };
        assert_eq!(removable(&beginning, &rows, 1), Removable::Nothing);
        let anchor = up_to(removable(&beginning, &rows, 3));
        assert_eq!((anchor.sequence, anchor.mac, anchor.removed_at), (2, rows[1].mac, 9));
        assert!(anchor.is_genuine(&key) && anchor.removed_by == "operator");
        rows[3].entry.outcome = "forbidden".to_owned();
        let anchor = up_to(removable(&anchor, &rows[2..], 100));
        assert_eq!(anchor.sequence, 3, "up to the changed row");
        let broken = removable(&anchor, &rows[3..], 100);
        assert_eq!(broken, Removable::Broken("row 4 was changed or moved".to_owned()));
        let missing = removable(&anchor, &rows[4..], 100);
        assert_eq!(missing, Removable::Broken("rows 4 to 4 are missing".to_owned()));
    }

    #[test]
    fn an_anchor_is_valid_only_unchanged() {
        let key = key();
        let rows = rows(&key, 2);
        let Removable::UpTo(anchor) = Anchor::beginning(&key, 1).removable(&key, &rows, 9, ("server", 3))
        else {
            panic!("nothing is removable");
        };
        for forged in [
            Anchor { chain: 2, ..anchor.clone() },
            Anchor { sequence: 1, ..anchor.clone() },
            Anchor { mac: rows[0].mac, ..anchor.clone() },
            Anchor { cuts: 1, ..anchor.clone() },
            Anchor { removed_at: 4, ..anchor.clone() },
            Anchor { removed_by: "operator".to_owned(), ..anchor.clone() },
        ] {
            assert!(!forged.is_genuine(&key), "{forged:?}");
        }
        assert!(anchor.is_genuine(&key));
    }
}
