//! What Stagepass's programs must agree on: cookies, platforms, cookie files
//! and the messages they exchange.
//!
//! Everything here is pure. There is no I/O, no clock (the time is an
//! argument, in Unix seconds), no randomness and no async, and the crate
//! builds for wasm32. It knows none of the other crates.

pub mod api;
pub mod bridge;
pub mod cookie;
pub mod host;
pub mod login;
pub mod netscape;
pub mod normalise;
pub mod platform;
pub mod public_suffix;
pub mod rotation;
pub mod shape;
pub mod visible;

pub use cookie::{Cookie, CookieFault, SameSite};
pub use normalise::{BrowserCookie, Capture, Report, normalise};
pub use platform::{Platform, Site};
pub use public_suffix::PublicSuffixes;
