//! Who a request turns out to come from, for those who count it and write it down once it
//! is answered. It decides nothing.

use crate::audit::Caller;
use axum::http::request::Parts;
use std::sync::{Arc, OnceLock};

/// How the shared secret's holder is called where named tokens have their names.
const SHARED: &str = "shared";

/// Put among a request's extensions, it gets who calls, as soon as that is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownCaller(Arc<OnceLock<Caller>>);

/// Notes who calls.
pub(crate) fn note(parts: &Parts, caller: impl FnOnce() -> Caller) {
    if let Some(KnownCaller(known)) = parts.extensions.get() {
        known.get_or_init(caller);
    }
}

impl KnownCaller {
    /// The service's name, where one calls.
    pub(crate) fn service(&self) -> Option<&str> {
        match self.0.get()? {
            Caller::Service(name) => Some(name.as_deref().unwrap_or(SHARED)),
            _ => None,
        }
    }

    /// What kind of caller it is, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self.0.get() {
            Some(Caller::User(_)) => "user",
            Some(Caller::Service(_)) => "service",
            Some(Caller::Vault) => "vault",
            _ => "anonymous",
        }
    }

    /// The user's id, or the service's name.
    pub(crate) fn id(&self) -> Option<String> {
        match self.0.get()? {
            Caller::User(id) => Some(id.to_string()),
            _ => self.service().map(str::to_owned),
        }
    }
}
