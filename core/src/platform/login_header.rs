//! The headers that a platform's own pages add to their requests.

use super::Part;

/// A request header that the platform's own pages fill in.
#[derive(Debug, PartialEq, Eq)]
pub struct LoginHeader {
    /// The header's name, in lower case.
    pub name: &'static str,
    /// What comes before the value.
    pub prefix: &'static str,
    /// Where the value comes from.
    pub source: HeaderSource,
    /// The hosts that get the header, exactly these.
    pub hosts: &'static [&'static str],
}

/// Where the value of a [`LoginHeader`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderSource {
    /// The value of the cookie with this name, without quotation marks around it.
    Cookie(&'static str),
    /// A part of the [`LoginEntry`](super::LoginEntry) with this name, without quotation marks around it.
    Entry(&'static str, Part),
}
