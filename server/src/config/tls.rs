//! The certificate with which the server speaks https, and its private key: two files in PEM, which
//! may change while the server serves.

use super::faults::Faults;
use crate::secret_file;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Error, ServerConfig};
use secrecy::ExposeSecret as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) const CERTIFICATE: &str = "STAGEPASS_TLS_CERT";
pub(super) const KEY: &str = "STAGEPASS_TLS_KEY";
/// The only protocol that this server speaks within TLS (RFC 7301).
const PROTOCOL: &[u8] = b"http/1.1";

/// Where certificate and key are.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// A certificate and its key, ready for connections.
#[derive(Debug)]
pub(crate) struct TlsPair {
    pub(crate) config: Arc<ServerConfig>,
    /// The file of the certificate. Since another key needs another certificate, this shows every
    /// change.
    certificate: Vec<u8>,
}

impl TlsFiles {
    /// Reads both files; an error says what is wrong with which of them.
    pub(crate) fn read(&self) -> Result<TlsPair, String> {
        self.complete(self.read_certificate()?)
    }

    /// Reads both files if the certificate is not the one in use.
    // Decision: docs/decisions/http.md#a-changed-certificate-is-found-by-its-content
    pub(crate) fn read_if_changed(&self, in_use: &TlsPair) -> Result<Option<TlsPair>, String> {
        let certificate = self.read_certificate()?;
        if certificate == in_use.certificate { Ok(None) } else { self.complete(certificate).map(Some) }
    }

    /// Reads both files and reports what is wrong.
    pub(super) fn gather(&self, faults: &mut Faults) -> Option<TlsPair> {
        self.read().map_err(|fault| faults.add(fault)).ok()
    }

    fn read_certificate(&self) -> Result<Vec<u8>, String> {
        fs::read(&self.certificate)
            .map_err(|error| format!("{CERTIFICATE}: {}: {error}", self.certificate.display()))
    }

    fn complete(&self, certificate: Vec<u8>) -> Result<TlsPair, String> {
        let key = self.key.display();
        // The library's messages may quote the files.
        let chain = CertificateDer::pem_slice_iter(&certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| {
            format!("{CERTIFICATE}: {}: has no certificate in PEM", self.certificate.display())
        })?;
        let text = secret_file::open_named(&self.key).and_then(secret_file::read);
        let text = text.map_err(|error| format!("{KEY}: {key}: {error}"))?;
        // Exposed for TLS, which keeps the key.
        let private = PrivateKeyDer::from_pem_slice(text.expose_secret().as_bytes()).map_err(|_| {
            format!("{KEY}: {key}: has no private key in PEM; a key that has a password can't be used")
        })?;
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, private));
        let mut config = config.map_err(|error| match error {
            Error::InconsistentKeys(_) => {
                format!("{KEY}: {key}: is not the key of the certificate that {CERTIFICATE} names")
            }
            error => format!("{CERTIFICATE} and {KEY} can't be used: {error}"),
        })?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(TlsPair { config: Arc::new(config), certificate })
    }
}
