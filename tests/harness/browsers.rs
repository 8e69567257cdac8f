//! Real browsers: starting them, and using the pages that they show as a person does.

pub mod cdp;
pub mod chromium;
pub mod display;
pub mod firefox;
pub mod granted;
pub mod options;
pub mod page;
mod picture;
pub mod popup;
pub mod webdriver;
