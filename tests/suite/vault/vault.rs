//! The vault, on every database that it can be in. The tests don't know which
//! one it is: the crate that includes them says so, in `STORE`.

mod bad_input;
mod credentials;
mod secrets;
mod sessions;
mod set_up;
mod stage;
