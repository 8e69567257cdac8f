//! The pages for people at `/app`, in a real browser.

mod captures;
mod credentials;
mod sign_in;
mod stage;
