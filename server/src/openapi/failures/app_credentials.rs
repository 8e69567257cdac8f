//! Failures of operations on app credentials that are their own.

use super::{Failure, references};
use crate::api::Form;
use std::collections::BTreeMap;
use utoipa::IntoResponses;
use utoipa::openapi::{RefOr, Response};

/// Declares sets of one failure each.
macro_rules! failures {
    ($(#[doc = $description:literal] $name:ident: $failure:ident;)*) => {$(
        #[doc = $description]
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                references(&[Failure::$failure], Form::AppCredentials)
            }
        }
    )*};
}

failures! {
    /// Where one record is meant: it is not there, or another user's.
    AppRecordFailures: NotFound;
    /// Where a project's member may not do what its owner may, or the caller is no member.
    AppForbiddenFailures: Forbidden;
    /// Where a credential type is changed or deleted.
    AppBuiltInFailures: BuiltIn;
    /// Where something gets its name.
    AppNameFailures: NameTaken;
    /// Where a project gets members: its owner has no room for more.
    AppRoomFailures: NoRoom;
    /// Where a credential type is deleted.
    AppInUseFailures: InUse;
    /// Where an edit may come too late.
    StaleEditFailures: PreconditionFailed;
}
