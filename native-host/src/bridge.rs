//! Fresh cookies from a browser that runs: the host that a browser keeps
//! running listens on a socket of this user's, and commands ask it there.
//!
//! It hands questions and answers on. What a cookie is, the core says; what may
//! be handed over, the extension does.

#[cfg(unix)]
mod client;
#[cfg(unix)]
mod listener;
#[cfg(unix)]
mod place;
#[cfg(not(unix))]
mod unsupported;
#[cfg(unix)]
mod wire;

#[cfg(unix)]
pub(crate) use client::{Connected, connected};
#[cfg(unix)]
pub(crate) use listener::Bridge;
#[cfg(not(unix))]
pub(crate) use unsupported::{Bridge, Connected, connected};
