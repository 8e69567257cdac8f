//! The vault, on every database that can hold it.

mod bad_input;
mod credentials;
mod secrets;
mod sessions;
mod set_up;
mod stage;
