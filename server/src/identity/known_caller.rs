//! The caller of a request, for counting and logging it after the answer. It decides nothing.

use crate::audit::Caller;
use axum::http::request::Parts;
use std::sync::{Arc, OnceLock};

/// The name of the shared secret's holder in places where named tokens have their names.
const SHARED: &str = "shared";

/// An extension of the request that receives its caller as soon as that is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownCaller(Arc<OnceLock<Caller>>);

/// Stores the caller.
pub(crate) fn note(parts: &Parts, caller: impl FnOnce() -> Caller) {
    if let Some(KnownCaller(known)) = parts.extensions.get() {
        known.get_or_init(caller);
    }
}

impl KnownCaller {
    /// The service's name, if a service calls.
    pub(crate) fn service(&self) -> Option<&str> {
        match self.0.get()? {
            Caller::Service(name) => Some(name.as_deref().unwrap_or(SHARED)),
            _ => None,
        }
    }

    /// The kind of caller, in a word.
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
