//! A certificate authority that lives as long as a server, and the certificate that it issues for the
//! server: serving with it on loopback, and its files for our own server.

use crate::system::private_file;
use anyhow::{Context as _, Result};
use axum::Router;
use axum_server::tls_rustls::RustlsConfig;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cookie::time::{Duration, OffsetDateTime};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PublicKeyData as _,
};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate with its private key.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate of its authority, in PEM.
    pub authority_pem: String,
    /// The certificate itself.
    pub der: CertificateDer<'static>,
    /// The hash of its public key.
    pub spki_sha256_base64: String,
    pem: String,
    key_pem: SecretString,
    server_config: Arc<ServerConfig>,
}

impl Certificate {
    /// One for these names; `*.` stands for all direct subdomains.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn generate(names: &[&str]) -> Result<Self> {
        let authority = authority()?;
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = valid_now(CertificateParams::new(names)?);
        params.distinguished_name.push(DnType::CommonName, "Sample server");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Python's strict verification requires it.
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &authority)?;
        let private_key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // The provider is named because another crate in a build may bring a second one.
        let mut server_config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private_key)?;
        server_config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            authority_pem: authority.pem(),
            der: certificate.der().clone(),
            pem: certificate.pem(),
            key_pem: key.serialize_pem().into(),
            spki_sha256_base64: BASE64_STANDARD.encode(Sha256::digest(key.subject_public_key_info())),
            server_config: Arc::new(server_config),
        })
    }

    /// Writes the certificate to a file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        Ok(fs::write(path, &self.pem)?)
    }

    /// Writes the private key to a file for its owner alone.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write_key(&self, path: &Path) -> Result<()> {
        // Exposed for the server that it is for.
        Ok(private_file::write(path, self.key_pem.expose_secret())?)
    }

    /// Serves on a free port of loopback until the handle shuts it down.
    ///
    /// # Errors
    /// When it can't listen.
    pub(crate) async fn serve(
        &self,
        router: Router,
    ) -> Result<(SocketAddr, axum_server::Handle<SocketAddr>)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on loopback")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let handle = axum_server::Handle::new();
        let tls = RustlsConfig::from_config(Arc::clone(&self.server_config));
        let server = axum_server::from_tcp_rustls(listener, tls)?.handle(handle.clone());
        tokio::spawn(server.serve(router.into_make_service()));
        handle.listening().await.context("the server does not listen")?;
        Ok((address, handle))
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = valid_now(CertificateParams::new(Vec::new())?);
    params.distinguished_name.push(DnType::CommonName, "Sample authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// Browsers refuse certificates that are valid for more than about a year.
fn valid_now(mut params: CertificateParams) -> CertificateParams {
    params.not_before = OffsetDateTime::now_utc() - Duration::days(1);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(30);
    params
}
