//! The extension in a real browser: popup, options and worker, with the server and the native
//! host.

mod accounts;
mod capture_requests;
mod cookie_stores;
mod exports_with_storage;
mod faults;
mod firefox;
mod foreign_requests;
mod fresh_cookies;
mod known_server;
mod languages;
mod main_job;
mod options;
mod origin_storage;
mod page_faults;
mod prompt;
mod races;
mod renewal;
mod servers;
mod short_links;
mod sibling_sites;
mod storage_choice;
mod storage_renewal;
mod tabs;
mod texts;
mod web_pages;
