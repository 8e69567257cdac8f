//! `POST /api/server/proof`: proves to a client, before it sends a secret, that no other program
//! has taken this server's place.
//!
//! A server signs only for its own addresses, so that a program at another address can't pass off
//! this server's proof as its own. It must not know who asks or what is sent afterwards.

mod server_key;

pub(crate) use server_key::{ServerKey, fingerprint_of, read_fingerprint, verify_export};

use crate::body::{JsonBody, Nonce, PublicKey, Signature, body};
use crate::error::Error;
use crate::request::LocalAddress;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{Uri, header};
use axum::{Extension, Json};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use utoipa::ToSchema;

const HTTP_PORT: u16 = 80;

/// A host and port under which clients find a server.
// Decision: docs/decisions/keys-and-audit.md#a-server-on-plain-http-signs-for-one-address-only
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// In lower case; an IPv6 address in brackets.
    host: String,
    port: u16,
}

impl Address {
    /// The address to which a client connected.
    fn of_socket(address: SocketAddr) -> Self {
        let host = match address.ip().to_canonical() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        Self { host, port: address.port() }
    }

    fn of_authority(authority: &Authority) -> Self {
        let port = authority.port_u16().unwrap_or(HTTP_PORT);
        Self { host: authority.host().to_ascii_lowercase(), port }
    }

    /// The address in an `http` URL. Over https a certificate identifies the server.
    pub(crate) fn of_http_url(url: &Uri) -> Option<Self> {
        (url.scheme_str() == Some("http")).then(|| url.authority().map(Self::of_authority)).flatten()
    }
}

/// What a server needs to prove its identity.
#[derive(Clone, Debug)]
pub(crate) struct Prover {
    /// The key that identifies the server.
    pub(crate) key: Arc<ServerKey>,
    /// The address of the public URL, if it is plain http.
    pub(crate) public_address: Option<Address>,
}

body! {
    /// The body of `POST /api/server/proof`.
    #[schema(examples(json!({"nonce": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="})))]
    lenient struct ProofRequest { nonce: Nonce }
}

/// The proof of this server's identity.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Proof {
    /// The server's key: a point of P-256, uncompressed (65 bytes), in base64.
    #[schema(value_type = PublicKey)]
    public_key: String,
    /// ECDSA with SHA-256 as r and s (64 bytes), in base64, over `stagepass server proof`, a
    /// zero byte, the nonce, the port (2 bytes, the higher one first), and the host as a
    /// browser writes it.
    #[schema(value_type = Signature)]
    signature: String,
}

/// Proves that this server answers, not another program in its place
///
/// For clients over plain http on the server's own machine, which compare the key with the one they
/// know. The signature is for the address in `Host`, which must be the address of the connection or
/// that of `STAGEPASS_PUBLIC_URL`.
#[utoipa::path(
    post,
    path = "/api/server/proof",
    tag = "Operation",
    request_body = ProofRequest,
    responses((status = 200, description = "The proof", body = Proof))
)]
pub(crate) async fn prove(
    State(prover): State<Prover>,
    Extension(LocalAddress(local)): Extension<LocalAddress>,
    parts: Parts,
    body: JsonBody<ProofRequest>,
) -> Result<Json<Proof>, Error> {
    let nonce = body.read()?.nonce.0;
    let local = Address::of_socket(local);
    let address = requested_address(&parts).ok_or(Error::NotProvenHere)?;
    if address != local && Some(&address) != prover.public_address.as_ref() {
        return Err(Error::NotProvenHere);
    }
    let signature = prover.key.sign(&nonce, &address.host, address.port)?;
    Ok(Json(Proof {
        public_key: STANDARD.encode(prover.key.public_key()),
        signature: STANDARD.encode(signature),
    }))
}

/// The address under which a request looks for this server. A target with an address is for a
/// proxy, and no client of Stagepass sends one.
fn requested_address(parts: &Parts) -> Option<Address> {
    let host = parts.headers.get(header::HOST)?.to_str().ok()?;
    let authority: Authority = host.parse().ok()?;
    let is_direct = parts.uri.authority().is_none() && !host.contains('@');
    is_direct.then(|| Address::of_authority(&authority))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn asked(target: &str, host: &str) -> Option<(String, u16)> {
        let (parts, ()) = Request::post(target).header(header::HOST, host).body(()).unwrap().into_parts();
        requested_address(&parts).map(|Address { host, port }| (host, port))
    }

    #[test]
    fn an_address_is_a_normalised_host_and_a_port() {
        let of = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(asked("/", "127.0.0.1:3001"), of("127.0.0.1", 3001));
        assert_eq!(asked("/", "LOCALHOST"), of("localhost", 80));
        assert_eq!(asked("/", "[::1]:80"), of("[::1]", 80));
        for bad in ["user@127.0.0.1:3001", "127.0.0.1:3001/x", ""] {
            assert_eq!(asked("/", bad), None, "{bad}");
        }
        assert_eq!(asked("http://127.0.0.1:3001/", "127.0.0.1:3001"), None);
    }

    #[test]
    fn writes_a_sockets_address_like_a_browser() {
        let written = |address: &str| {
            let Address { host, port } = Address::of_socket(address.parse().unwrap());
            format!("{host}:{port}")
        };
        assert_eq!(written("127.0.0.1:3001"), "127.0.0.1:3001");
        assert_eq!(written("[::ffff:127.0.0.1]:3001"), "127.0.0.1:3001");
        assert_eq!(written("[::1]:80"), "[::1]:80");
    }

    #[test]
    fn only_a_plain_http_public_url_has_an_address_to_prove() {
        let address = |url: &'static str| Address::of_http_url(&Uri::from_static(url));
        let expected = |host: &str, port| Some(Address { host: host.to_owned(), port });
        assert_eq!(address("http://127.0.0.1:8080/stagepass"), expected("127.0.0.1", 8080));
        assert_eq!(address("http://127.0.0.1/"), expected("127.0.0.1", 80));
        assert_eq!(address("https://127.0.0.1:8080/"), None);
    }
}
