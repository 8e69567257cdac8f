//! Fresh cookies from a browser that runs: the host that a browser keeps
//! running listens on a socket of this user's, and commands ask it there. On
//! Windows a named pipe takes the socket's place.
//!
//! It hands questions and answers on; the command checks what it is answered. What a cookie is, the core says; what may
//! be handed over, the extension does.

mod client;
mod listener;
mod place;
#[cfg(unix)]
mod program;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;
mod wire;

pub(crate) use client::{Connected, connected};
pub(crate) use listener::Bridge;
#[cfg(unix)]
use unix as transport;
#[cfg(windows)]
use windows as transport;
