//! Requests as they go over the wire, for clients that don't use an HTTP library: the
//! benchmark's callers, and clients that misbehave.

use anyhow::{Context as _, Result};
use reqwest::header;
use std::net::SocketAddr;

/// The address that a request goes to.
///
/// # Errors
/// When its URL has no address.
pub fn address_of(request: &reqwest::Request) -> Result<SocketAddr> {
    let addresses = request.url().socket_addrs(|| None)?;
    addresses.first().copied().context("a URL without an address")
}

/// The request's text (RFC 9112).
///
/// # Errors
/// When its URL has no host and port.
pub fn write_request(request: &reqwest::Request) -> Result<Vec<u8>> {
    let url = request.url();
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut text = format!("{} {}{query} HTTP/1.1\r\n", request.method(), url.path()).into_bytes();
    let host = format!("{}:{}", url.host_str().context("no host")?, url.port().context("no port")?);
    let length = body.len().to_string();
    let framing = [(header::HOST, host.as_bytes()), (header::CONTENT_LENGTH, length.as_bytes())];
    let headers = request.headers().iter().map(|(name, value)| (name.clone(), value.as_bytes()));
    for (name, value) in framing.into_iter().chain(headers) {
        text.extend([name.as_str().as_bytes(), b": ", value, b"\r\n"].concat());
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(body);
    Ok(text)
}
