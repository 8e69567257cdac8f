//! Flags and environment variables, and what follows from them. Every fault is
//! named at start, all of them at once.

use crate::identity::{ServiceSecrets, TokenSigner, generate_token};
use crate::sealing::{Key, KeyRing, generate_base64};
use crate::secret_file::{self, Kept};
use crate::telemetry::LogFormat;
use axum::http::Uri;
use clap::Args;
use etcetera::BaseStrategy as _;
use secrecy::{ExposeSecret as _, SecretString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{env, fs, io};
use thiserror::Error;
use tracing_subscriber::filter::Targets;

/// The shortest key that HS256 may have (RFC 7518, section 3.2).
const MIN_JWT_SECRET_BYTES: usize = 32;

/// Where everything is kept.
#[derive(Args, Clone, Debug)]
pub(crate) struct DataArgs {
    /// Where the database and the secrets made at first start are kept
    /// [default: the user's data directory, in stagepass/]
    #[arg(long, env = "STAGEPASS_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
}

impl DataArgs {
    /// The data directory, made where it is missing, for its owner alone.
    pub(crate) fn directory(&self) -> Result<PathBuf, ConfigError> {
        let directory = match &self.data_dir {
            Some(directory) => directory.clone(),
            None => etcetera::choose_base_strategy()
                .map_err(|_| ConfigError::NoHome)?
                .data_dir()
                .join("stagepass"),
        };
        secret_file::make_private_directory(&directory)
            .map_err(|error| ConfigError::DataDirectory { directory: directory.clone(), error })?;
        Ok(directory)
    }
}

/// How to serve. Secrets have no flags, since a process's arguments can be read
/// by others: they come from environment variables or files.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "STAGEPASS_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3001")]
    pub(crate) listen: SocketAddr,
    /// URL under which clients reach this server, if it is not the listen address
    #[arg(long, env = "STAGEPASS_PUBLIC_URL", value_name = "URL")]
    public_url: Option<Uri>,
    /// What to log: a level (error, warn, info, debug, trace), or TARGET=LEVEL,…
    #[arg(long, env = "STAGEPASS_LOG", value_name = "FILTER", default_value = "info")]
    pub(crate) log: Targets,
    /// How to write log lines
    #[arg(long, env = "STAGEPASS_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// File with the encryption key, base64 of 32 bytes (or the key itself in
    /// CREDENTIALS_ENC_KEY_B64) [default: one made at first start]
    #[arg(long, env = "CREDENTIALS_ENC_KEY_B64_FILE", value_name = "FILE")]
    credentials_enc_key_file: Option<PathBuf>,
    /// File with older encryption keys, for reading, separated by commas (or
    /// the keys themselves in CREDENTIALS_ENC_OLD_KEYS_B64)
    #[arg(long, env = "CREDENTIALS_ENC_OLD_KEYS_B64_FILE", value_name = "FILE")]
    credentials_enc_old_keys_file: Option<PathBuf>,
    /// File with the secret that services send (or the secret itself in
    /// RBAC_SYNC_WEBHOOK_SECRET) [default: one made at first start]
    #[arg(long, env = "RBAC_SYNC_WEBHOOK_SECRET_FILE", value_name = "FILE")]
    rbac_sync_webhook_secret_file: Option<PathBuf>,
    /// File with former service secrets that are still taken, one a line (or
    /// the secrets themselves in RBAC_SYNC_WEBHOOK_SECRET_PREVIOUS)
    #[arg(long, env = "RBAC_SYNC_WEBHOOK_SECRET_PREVIOUS_FILE", value_name = "FILE")]
    rbac_sync_webhook_secret_previous_file: Option<PathBuf>,
    /// File with the secret that signs access tokens, 32 bytes or more (or the
    /// secret itself in STAGEPASS_JWT_SECRET) [default: one made at first start]
    #[arg(long, env = "STAGEPASS_JWT_SECRET_FILE", value_name = "FILE")]
    jwt_secret_file: Option<PathBuf>,
}

/// Why the server can't start.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("there is no home directory; name a data directory with --data-dir")]
    NoHome,
    #[error("{}: {error}; name another data directory with --data-dir", directory.display())]
    DataDirectory { directory: PathBuf, error: io::Error },
    #[error("{}", .0.join("\n"))]
    Faults(Vec<String>),
}

/// What serving needs, checked.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) keys: KeyRing,
    pub(crate) tokens: TokenSigner,
    pub(crate) service_secrets: ServiceSecrets,
    pub(crate) host_names: Vec<String>,
    /// Files with secrets that were made just now, to be backed up.
    pub(crate) made: Vec<PathBuf>,
}

impl Config {
    /// Reads and makes secrets, and names every fault at once.
    pub(crate) fn load(args: &ServeArgs, directory: &Path) -> Result<Self, ConfigError> {
        let mut secrets = Secrets { directory, made: Vec::new(), faults: Vec::new() };
        let key = secrets.given_or_made(
            ("CREDENTIALS_ENC_KEY_B64", args.credentials_enc_key_file.as_deref()),
            "credentials-enc-key",
            generate_base64,
        );
        let key = key.and_then(|text| secrets.key("CREDENTIALS_ENC_KEY_B64", &text));
        let old_keys = secrets.old_keys(args.credentials_enc_old_keys_file.as_deref());
        let service = secrets.given_or_made(
            ("RBAC_SYNC_WEBHOOK_SECRET", args.rbac_sync_webhook_secret_file.as_deref()),
            "rbac-sync-webhook-secret",
            generate_token,
        );
        let previous = secrets.previous(args.rbac_sync_webhook_secret_previous_file.as_deref());
        let jwt = secrets.given_or_made(
            ("STAGEPASS_JWT_SECRET", args.jwt_secret_file.as_deref()),
            "jwt-secret",
            generate_token,
        );
        if jwt.as_ref().is_some_and(|secret| secret.expose_secret().len() < MIN_JWT_SECRET_BYTES) {
            secrets.faults.push(format!("STAGEPASS_JWT_SECRET has fewer than {MIN_JWT_SECRET_BYTES} bytes"));
        }
        let host_names = secrets.host_names(args);
        match (key, service, jwt) {
            (Some(key), Some(service), Some(jwt)) if secrets.faults.is_empty() => Ok(Self {
                keys: KeyRing::new(key, old_keys),
                tokens: TokenSigner::new(&jwt),
                service_secrets: ServiceSecrets::new([vec![service], previous].concat()),
                host_names,
                made: secrets.made,
            }),
            _ => Err(ConfigError::Faults(secrets.faults)),
        }
    }
}

/// Reads secrets and gathers what is wrong with them.
struct Secrets<'a> {
    directory: &'a Path,
    made: Vec<PathBuf>,
    faults: Vec<String>,
}

/// A secret's environment variable, and the file that was named in its stead.
type Source<'a> = (&'static str, Option<&'a Path>);

impl Secrets<'_> {
    /// A secret from its variable or file; `None` where neither is given, or
    /// where a fault was noted.
    fn given(&mut self, (variable, file): Source<'_>) -> Option<SecretString> {
        let secret = match (env::var(variable), file) {
            (Err(env::VarError::NotPresent), None) => return None,
            (Err(env::VarError::NotUnicode(_)), _) => Err(format!("{variable} is not UTF-8")),
            (Ok(_), Some(_)) => Err(format!("{variable} and {variable}_FILE are both given; leave one out")),
            (Ok(text), None) => Ok(SecretString::from(text.trim().to_owned())),
            (Err(_), Some(file)) => fs::read_to_string(file)
                .map(|text| SecretString::from(text.trim().to_owned()))
                .map_err(|error| format!("{variable}_FILE: {}: {error}", file.display())),
        };
        match secret {
            Ok(secret) if secret.expose_secret().is_empty() => {
                self.faults.push(format!("{variable} is empty"))
            }
            Ok(secret) => return Some(secret),
            Err(fault) => self.faults.push(fault),
        }
        None
    }

    /// A secret that is made and kept in the data directory where none is given.
    fn given_or_made(
        &mut self,
        source: Source<'_>,
        name: &str,
        generate: fn() -> io::Result<SecretString>,
    ) -> Option<SecretString> {
        let faults = self.faults.len();
        let given = self.given(source);
        if given.is_some() || self.faults.len() > faults {
            return given;
        }
        match secret_file::read_or_make(self.directory, name, generate) {
            Ok(Kept { secret, .. }) if secret.expose_secret().is_empty() => {
                self.faults.push(format!("{}: is empty", self.directory.join(name).display()));
                None
            }
            Ok(Kept { secret, is_new }) => {
                self.made.extend(is_new.then(|| self.directory.join(name)));
                Some(secret)
            }
            Err(error) => {
                self.faults.push(format!("{}: {error}", self.directory.join(name).display()));
                None
            }
        }
    }

    fn key(&mut self, variable: &str, text: &SecretString) -> Option<Key> {
        let key = Key::from_base64(text);
        if key.is_none() {
            self.faults.push(format!("{variable} must be base64 of exactly 32 bytes"));
        }
        key
    }

    fn old_keys(&mut self, file: Option<&Path>) -> Vec<Key> {
        const VARIABLE: &str = "CREDENTIALS_ENC_OLD_KEYS_B64";
        let Some(list) = self.given((VARIABLE, file)) else { return Vec::new() };
        list.expose_secret().split(',').filter_map(|text| self.key(VARIABLE, &text.into())).collect()
    }

    fn previous(&mut self, file: Option<&Path>) -> Vec<SecretString> {
        const VARIABLE: &str = "RBAC_SYNC_WEBHOOK_SECRET_PREVIOUS";
        let Some(list) = self.given((VARIABLE, file)) else { return Vec::new() };
        let lines = list.expose_secret().lines().map(str::trim);
        if lines.clone().any(str::is_empty) {
            self.faults.push(format!("{VARIABLE} has an empty line"));
        }
        lines.filter(|line| !line.is_empty()).map(SecretString::from).collect()
    }

    fn host_names(&mut self, args: &ServeArgs) -> Vec<String> {
        let listen = match args.listen {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned(), listen];
        match args.public_url.as_ref().map(|url| (url.scheme_str(), url.host())) {
            None => {}
            Some((Some("http" | "https"), Some(host))) => names.push(host.to_owned()),
            Some(_) => self.faults.push("STAGEPASS_PUBLIC_URL must be an http or https URL".to_owned()),
        }
        names
    }
}
