//! The client for servers on this machine.

use anyhow::Result;
use reqwest::{Certificate, Client, ClientBuilder};

/// Follows redirects, and uses neither the machine's proxy nor its certificates: reading all of
/// those takes longer than most calls.
pub fn client() -> ClientBuilder {
    Client::builder().no_proxy().tls_certs_only([])
}

/// The same, and trusts these authorities, each in PEM.
///
/// # Errors
/// When one is invalid.
pub fn client_trusting(authorities: &[&str]) -> Result<ClientBuilder> {
    let trusted: Result<Vec<_>, _> =
        authorities.iter().map(|pem| Certificate::from_pem(pem.as_bytes())).collect();
    Ok(client().tls_certs_only(trusted?))
}
