//! An HTTPS server on loopback that answers under any names, and tells which headers a request had.

use crate::system::certificate::Certificate;
use anyhow::Result;
use axum::Router;
use axum::http::HeaderMap;
use std::net::SocketAddr;

/// The running server; it ends when it is dropped.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
    certificate: Certificate,
    server: axum_server::Handle<SocketAddr>,
}

/// A header, with its value in hexadecimal, because it may be any bytes.
pub type Header = (String, String);

impl Echo {
    /// Starts it on a free port, with a certificate for these names; `*.` stands for all direct
    /// subdomains.
    ///
    /// # Errors
    /// When it can't listen.
    pub async fn start(names: &[&str]) -> Result<Self> {
        let certificate = Certificate::generate(names)?;
        let (address, server) = certificate.serve(Router::new().fallback(echo)).await?;
        Ok(Self { address, certificate, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The hash of its certificate's public key.
    #[must_use]
    pub fn spki_sha256_base64(&self) -> &str {
        &self.certificate.spki_sha256_base64
    }

    /// The certificate of its authority, in PEM.
    #[must_use]
    pub fn authority_pem(&self) -> &str {
        &self.certificate.authority_pem
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.server.shutdown();
    }
}

async fn echo(headers: HeaderMap) -> String {
    let headers: Vec<Header> =
        headers.iter().map(|(name, value)| (name.to_string(), hex::encode(value.as_bytes()))).collect();
    serde_json::json!(headers).to_string()
}
