//! A certificate authority that lives as long as the server, and the server's
//! certificate by it.

use anyhow::Result;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cookie::time::{Duration, OffsetDateTime};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PublicKeyData as _,
};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) authority_pem: String,
    pub(super) spki_sha256_base64: String,
    pub(super) server_config: Arc<ServerConfig>,
}

impl Certificate {
    pub(super) fn generate(names: &[&str]) -> Result<Self> {
        let authority = authority()?;
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = valid_now(CertificateParams::new(names)?);
        params.distinguished_name.push(DnType::CommonName, "Sample platform");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Python's strict verification asks for it.
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &authority)?;
        let private_key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // The provider is named, since another crate of a build may bring a second one.
        let mut server_config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private_key)?;
        server_config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            authority_pem: authority.pem(),
            spki_sha256_base64: BASE64_STANDARD.encode(Sha256::digest(key.subject_public_key_info())),
            server_config: Arc::new(server_config),
        })
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = valid_now(CertificateParams::new(Vec::new())?);
    params.distinguished_name.push(DnType::CommonName, "Sample platform's authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// Browsers refuse certificates that live longer than some hundred days.
fn valid_now(mut params: CertificateParams) -> CertificateParams {
    params.not_before = OffsetDateTime::now_utc() - Duration::days(1);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(30);
    params
}
