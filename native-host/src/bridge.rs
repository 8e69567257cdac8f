//! Hand-over and write-back between commands and a running browser: the host that the browser
//! keeps running listens on a socket (on Windows a named pipe) that only this user can use, and
//! commands ask it there.
//!
//! The host relays questions and answers, and the command checks the answers. The core defines
//! cookies, and the extension decides what may be handed over.

mod client;
mod listener;
#[cfg(unix)]
mod program;
mod sockets;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;
mod wire;

pub(crate) use client::{AskFault, Connected, connected};
pub(crate) use listener::Bridge;
#[cfg(unix)]
use unix as transport;
#[cfg(windows)]
use windows as transport;
