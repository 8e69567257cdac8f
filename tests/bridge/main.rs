//! Fresh cookies from the running browser: a real browser whose extension keeps a
//! port to the native host, and the host's commands, which ask there.

mod chromium;
mod firefox;
mod hosts;
mod several;
mod steps;
