//! Leaves out the other accounts' logins where a platform keeps those of all accounts in one storage
//! entry. Knows nothing of cookies.

use crate::json_member::{member, with_items_of};
use crate::origin_storage::{OriginStorage, StorageEntry};
use crate::platform::{AccountList, LoginEntry, Part, Site};
use secrecy::{ExposeSecret as _, SecretString};

/// Keeps the signed-in account's login alone. An entry in which it can't be found is left out.
pub(super) fn keep(origins: &mut [OriginStorage], site: &Site) {
    for wanted in site.login_entries() {
        let Some(list) = &wanted.all_accounts else { continue };
        let Some(storage) = origins.iter_mut().find(|storage| storage.origin == wanted.origin) else {
            continue;
        };
        storage.area_mut(wanted.area).retain_mut(|entry| {
            let is_other = entry.name != wanted.name;
            is_other || reduced(entry, wanted, list).map(|value| entry.value = value).is_some()
        });
    }
}

fn reduced(entry: &StorageEntry, wanted: &LoginEntry, list: &AccountList) -> Option<SecretString> {
    // The value leaves its wrapper to become another one.
    let value = entry.value.expose_secret();
    let Some(Part::Json(account)) = wanted.account else { return None };
    let account = member(value, account)?;
    with_items_of(value, list.path, list.id, &account).map(SecretString::from)
}
