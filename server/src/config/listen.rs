//! Where the server listens, whether it speaks https there, and where a program on the same machine
//! finds it.

use super::ConfigError;
use super::faults::Faults;
use super::tls::{CERTIFICATE, KEY, TlsFiles, TlsPair};
use axum::http::Uri;
use clap::Args;
use clap::builder::BoolishValueParser;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

const LISTEN: &str = "STAGEPASS_LISTEN";

/// The settings as they stand on the command line or in the environment.
#[derive(Args, Debug)]
pub(crate) struct ListenArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "STAGEPASS_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3001")]
    listen: String,
    /// File with the certificate for https in PEM, followed by any intermediate certificates. When
    /// it changes, it is read again with its key [default: the server speaks http]
    #[arg(long, env = "STAGEPASS_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// File with the certificate's private key in PEM, which not everyone may read
    #[arg(long, env = "STAGEPASS_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Speak http to other machines although no proxy is trusted. Everyone on the way can read it,
    /// so allow this only in a network that you trust, such as one of containers
    #[arg(long, env = "STAGEPASS_ALLOW_PLAIN_HTTP", value_parser = BoolishValueParser::new())]
    allow_plain_http: bool,
}

/// Where to listen, and with which certificate.
#[derive(Debug)]
pub(crate) struct Listen {
    pub(crate) address: SocketAddr,
    /// The files of the certificate and its key, and what they hold; `None` for http.
    pub(crate) tls: Option<(TlsFiles, TlsPair)>,
}

impl ListenArgs {
    /// The socket is open already, at this address.
    pub(crate) fn set_address(&mut self, address: SocketAddr) {
        self.listen = address.to_string();
    }

    /// The files of the certificate and its key, if both are set.
    pub(super) fn tls_files(&self) -> Option<TlsFiles> {
        Some(TlsFiles { certificate: self.tls_cert.clone()?, key: self.tls_key.clone()? })
    }

    /// `None` if there is a fault.
    pub(super) fn check(
        &self,
        has_trusted_proxy: bool,
        public_url: Option<&Uri>,
        faults: &mut Faults,
    ) -> Option<Listen> {
        let address = self.address(faults);
        let files = self.tls_files();
        let pair = files.as_ref().and_then(|files| files.gather(faults));
        let has_tls = self.tls_cert.is_some() || self.tls_key.is_some();
        if has_tls && files.is_none() {
            faults.add(format!("{CERTIFICATE} and {KEY} need each other; set both or neither"));
        }
        if has_tls && public_url.is_some_and(|url| url.scheme_str() == Some("http")) {
            faults.add(format!("STAGEPASS_PUBLIC_URL must be https when {CERTIFICATE} is set"));
        }
        // Decision: docs/decisions/http.md#plain-http-to-other-machines-must-be-allowed
        let is_private = has_tls || has_trusted_proxy || self.allow_plain_http;
        if let Some(address) = address.filter(|address| !is_private && !is_loopback(address.ip())) {
            faults.add(format!(
                "{LISTEN} is {address}, where other machines connect, but over plain http everyone on the way \
                 can read what they send: set {CERTIFICATE} and {KEY}, or name the proxy that speaks https in \
                 STAGEPASS_TRUSTED_PROXIES, or set STAGEPASS_ALLOW_PLAIN_HTTP=true in a network that you trust"
            ));
        }
        Some(Listen { address: address?, tls: files.zip(pair) })
    }

    fn address(&self, faults: &mut Faults) -> Option<SocketAddr> {
        faults.parse(LISTEN, &self.listen, "an address and a port, such as 127.0.0.1:3001")
    }

    /// The URL by which a program on the same machine reaches the server.
    pub(crate) fn own_url(&self) -> Result<String, ConfigError> {
        let mut faults = Faults::default();
        let address = self.address(&mut faults);
        let has_port = |address: &SocketAddr| address.port() != 0;
        if address.is_some_and(|address| !has_port(&address)) {
            faults.add(format!("{LISTEN} has port 0, so the server's port is not known; set another port"));
        }
        let address = address.filter(has_port).ok_or(ConfigError::Faults(faults.0))?;
        let scheme = if self.tls_cert.is_some() { "https" } else { "http" };
        let port = address.port();
        Ok(match address.ip().to_canonical() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => format!("{scheme}://127.0.0.1:{port}"),
            // A machine may lack [::1].
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => format!("{scheme}://localhost:{port}"),
            ip => format!("{scheme}://{}", SocketAddr::new(ip, port)),
        })
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(listen: &str) -> ListenArgs {
        ListenArgs { listen: listen.to_owned(), tls_cert: None, tls_key: None, allow_plain_http: false }
    }

    fn faults(args: &ListenArgs, has_trusted_proxy: bool) -> Vec<String> {
        let mut faults = Faults::default();
        args.check(has_trusted_proxy, None, &mut faults);
        faults.0
    }

    #[test]
    fn speaks_http_to_other_machines_only_if_allowed_or_behind_a_trusted_proxy() {
        for at in ["127.0.0.1:3001", "127.0.0.2:0", "[::1]:3001", "[::ffff:127.0.0.1]:3001"] {
            assert!(faults(&args(at), false).is_empty(), "{at}");
        }
        for at in ["0.0.0.0:3001", "192.0.2.1:3001", "[::]:3001", "[::ffff:0.0.0.0]:1"] {
            let said = faults(&args(at), false);
            assert!(said.len() == 1 && said[0].contains("STAGEPASS_ALLOW_PLAIN_HTTP=true"), "{at}: {said:?}");
            assert!(faults(&args(at), true).is_empty(), "{at}");
            assert!(faults(&ListenArgs { allow_plain_http: true, ..args(at) }, false).is_empty(), "{at}");
        }
    }

    #[test]
    fn a_certificate_needs_a_key_and_https_in_the_public_url() {
        let half = ListenArgs { tls_key: Some("key.pem".into()), ..args("127.0.0.1:3001") };
        let mut said = Faults::default();
        half.check(false, Some(&Uri::from_static("http://localhost:8080")), &mut said);
        assert_eq!(
            said.0,
            [
                "STAGEPASS_TLS_CERT and STAGEPASS_TLS_KEY need each other; set both or neither",
                "STAGEPASS_PUBLIC_URL must be https when STAGEPASS_TLS_CERT is set",
            ]
        );
    }

    #[test]
    fn a_program_on_the_same_machine_finds_the_server() {
        let url = |args: &ListenArgs| args.own_url().map_err(|error| error.to_string());
        for (at, expected) in [
            ("127.0.0.1:3001", "http://127.0.0.1:3001"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:3001", "http://localhost:3001"),
            ("[::ffff:127.0.0.1]:3001", "http://127.0.0.1:3001"),
            ("192.0.2.1:3001", "http://192.0.2.1:3001"),
        ] {
            assert_eq!(url(&args(at)).as_deref(), Ok(expected));
        }
        let with_tls = ListenArgs { tls_cert: Some("cert.pem".into()), ..args("0.0.0.0:443") };
        assert_eq!(url(&with_tls).as_deref(), Ok("https://127.0.0.1:443"));
        assert!(url(&args("127.0.0.1:0")).unwrap_err().contains("has port 0"));
        assert!(url(&args("localhost")).unwrap_err().contains("must be an address and a port"));
    }
}
