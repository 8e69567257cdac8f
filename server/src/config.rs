//! Flags and environment variables, and the checked settings made from them. All faults are
//! reported together at start.

mod allowed_hosts;
mod database;
mod directus;
mod faults;
mod keys;
mod limits;
mod listen;
mod named_file;
mod postgres;
mod sources;
mod tls;
mod vault;

pub(crate) use database::{DatabaseSettings, secrets_needed_with};
pub(crate) use directus::{DirectusAccess, DirectusArgs};
pub(crate) use keys::{KeyArgs, KeySettings};
pub(crate) use limits::{LimitSettings, MAX_CONNECTIONS, Timeouts};
pub(crate) use listen::{Listen, ListenArgs};
pub(crate) use sources::{Reread, Sources};
pub(crate) use tls::{TlsFiles, TlsPair};
pub(crate) use vault::{FilePasswordArgs, MasterPasswordArgs};

use crate::identity::{ServiceSecrets, TokenSigner, generate_token};
use crate::masking;
use crate::proof::Address;
use crate::request::LOCAL_NAMES;
use crate::secret_file::{self, Kept};
use crate::telemetry::LogFormat;
use allowed_hosts::AllowedHosts;
use axum::http::Uri;
use clap::{Args, ValueEnum as _};
use etcetera::BaseStrategy as _;
use faults::Faults;
use limits::LimitArgs;
use named_file::NamedFile;
use postgres::PostgresArgs;
use secrecy::SecretString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use thiserror::Error;
use tracing_subscriber::filter::Targets;

const SERVICE_SECRET: &str = "RBAC_SYNC_WEBHOOK_SECRET";
const PREVIOUS_SERVICE_SECRETS: &str = "RBAC_SYNC_WEBHOOK_SECRET_PREVIOUS";
const JWT_SECRET: &str = "STAGEPASS_JWT_SECRET";
/// The files in the data directory for secrets that the server generated.
const SERVICE_SECRET_FILE: &str = "rbac-sync-webhook-secret";
const JWT_SECRET_FILE: &str = "jwt-secret";
/// A hundred years.
const MAX_AUDIT_DAYS: u32 = 36_500;

/// Where everything is kept.
#[derive(Args, Clone, Debug)]
pub(crate) struct DataArgs {
    /// Where the database and the secrets made at first start are kept
    /// [default: the user's data directory, in stagepass/]
    #[arg(long, env = "STAGEPASS_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// File with the URL of a PostgreSQL database that is used instead, such as
    /// postgres://USER:PASSWORD@HOST/DATABASE (or the URL itself in DATABASE_URL)
    /// [default: SQLite in the data directory]
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE", global = true)]
    database_url_file: Option<NamedFile>,
    #[command(flatten)]
    postgres: PostgresArgs,
}

impl DataArgs {
    /// The data directory, which may not exist yet; `None` without a home directory.
    pub(crate) fn directory(&self) -> Option<PathBuf> {
        let home = || etcetera::base_strategy::choose_native_strategy().ok();
        self.data_dir.clone().or_else(|| Some(home()?.data_dir().join("stagepass")))
    }
}

/// How to serve. Secrets have no flags because other processes can read arguments: they come from
/// environment variables or files.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    /// URL under which clients reach this server, if it differs from the listen address:
    /// https://HOST, or http on this machine
    #[arg(long, env = "STAGEPASS_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Further host names under which services reach this server, such as a container's service
    /// name: exact names without scheme, port or wildcard, separated by commas
    #[arg(long, env = "STAGEPASS_ALLOWED_HOSTS", value_name = "NAME,…")]
    allowed_hosts: Option<String>,
    /// What to log: a level (off, error, warn, info, debug, trace), or TARGET=LEVEL,… [default:
    /// info]
    #[arg(long, env = "STAGEPASS_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// File with the log filter instead; SIGHUP reloads it
    #[arg(long, env = "STAGEPASS_LOG_FILTER_FILE", value_name = "FILE")]
    log_filter_file: Option<PathBuf>,
    /// How to write log lines: text or json
    #[arg(long, env = "STAGEPASS_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    log_format: String,
    /// File with the secret that services send, 24 characters or more (or the secret itself in
    /// RBAC_SYNC_WEBHOOK_SECRET) [default on SQLite without Directus: one generated at first start]
    #[arg(long, env = "RBAC_SYNC_WEBHOOK_SECRET_FILE", value_name = "FILE")]
    rbac_sync_webhook_secret_file: Option<NamedFile>,
    /// File with former service secrets that are still accepted, one per line (or the secrets
    /// themselves in RBAC_SYNC_WEBHOOK_SECRET_PREVIOUS)
    #[arg(long, env = "RBAC_SYNC_WEBHOOK_SECRET_PREVIOUS_FILE", value_name = "FILE")]
    rbac_sync_webhook_secret_previous_file: Option<NamedFile>,
    /// File with the secret that signs access tokens, 32 bytes or more (or the secret itself in
    /// STAGEPASS_JWT_SECRET); not used with Directus [default on SQLite: one generated at first start]
    #[arg(long, env = "STAGEPASS_JWT_SECRET_FILE", value_name = "FILE")]
    jwt_secret_file: Option<NamedFile>,
    /// Days to keep rows of the audit log. Older rows are removed each hour, and the rest can still
    /// be verified; 0 keeps all
    #[arg(long, env = "STAGEPASS_AUDIT_DAYS", value_name = "DAYS", default_value = "0")]
    audit_days: String,
    #[command(flatten)]
    limits: LimitArgs,
}

/// Why the server can't start.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("{}: {error}", path.display())]
    SecretFile { path: PathBuf, error: io::Error },
    #[error(
        "the encryption key in {} is missing, and the database is encrypted with it; restore the file from your backup",
        .0.display()
    )]
    KeyIsGone(PathBuf),
    #[error("{} must hold exactly 32 bytes in base64; restore the file from your backup", .0.display())]
    BadKeyFile(PathBuf),
    #[error("{}", .0.join("\n"))]
    Faults(Vec<String>),
}

/// The checked settings. Nothing has been created yet.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: Listen,
    pub(crate) log: Targets,
    pub(crate) log_format: LogFormat,
    pub(crate) database: DatabaseSettings,
    /// The Directus that knows the users and keeps the records, if any.
    pub(crate) directus: Option<DirectusAccess>,
    host_names: Vec<String>,
    is_public: bool,
    public_address: Option<Address>,
    secrets: SecretSettings,
    sources: Sources,
    pub(crate) limits: LimitSettings,
    /// How long rows of the audit log are kept; `None` keeps them for good.
    pub(crate) audit_days: Option<u32>,
}

/// The secrets of callers, as far as they were set.
#[derive(Debug)]
struct SecretSettings {
    service_secret: Option<SecretString>,
    previous_service_secrets: Vec<SecretString>,
    jwt_secret: Option<SecretString>,
}

impl SecretSettings {
    /// If `jwt_needed_with` names a variable, the access token secret must be set as well.
    fn gather(args: &ServeArgs, jwt_needed_with: Option<&str>, faults: &mut Faults) -> Self {
        let service_secret = faults.secret(SERVICE_SECRET, args.rbac_sync_webhook_secret_file.as_ref());
        let previous_service_secrets = faults.previous(args.rbac_sync_webhook_secret_previous_file.as_ref());
        let jwt_secret = faults.secret(JWT_SECRET, args.jwt_secret_file.as_ref());
        faults.check_sent(SERVICE_SECRET, service_secret.as_ref());
        faults.check_signing(JWT_SECRET, jwt_secret.as_ref());
        let is_jwt_secret_given = Faults::is_given(JWT_SECRET, args.jwt_secret_file.as_ref());
        if let (Some(variable), false) = (jwt_needed_with, is_jwt_secret_given) {
            faults.must_be_given(JWT_SECRET, variable);
        }
        Self { service_secret, previous_service_secrets, jwt_secret }
    }
}

/// Everything that serving needs besides the stores and their keys.
#[derive(Debug)]
pub(crate) struct Config {
    /// Signs access tokens, unless a Directus does.
    pub(crate) tokens: Option<TokenSigner>,
    pub(crate) service_secrets: ServiceSecrets,
    pub(crate) host_names: Vec<String>,
    /// Whether the public URL is set and names a host that is not this machine.
    pub(crate) is_public: bool,
    /// The address of the public URL, if it is plain http.
    pub(crate) public_address: Option<Address>,
    pub(crate) limits: LimitSettings,
    /// The files that SIGHUP reloads.
    pub(crate) sources: Sources,
    /// Files with secrets that were just generated and need a backup.
    pub(crate) made: Vec<PathBuf>,
}

impl Settings {
    /// Reads the settings and reports all faults together.
    pub(crate) fn read(
        args: &ServeArgs,
        data: &DataArgs,
        keys: &KeyArgs,
        directus: &DirectusArgs,
    ) -> Result<(Self, KeySettings), ConfigError> {
        let mut faults = Faults::default();
        faults.check_environment();
        let log = faults.log_filter(args.log.as_deref(), args.log_filter_file.as_deref());
        let log_format = LogFormat::from_str(&args.log_format, true).ok();
        let log_format = faults.required(log_format, "STAGEPASS_LOG_FORMAT must be text or json");
        let public_host = args.public_url.as_deref().and_then(|url| faults.public_host(url));
        let public_url: Option<Uri> = args.public_url.as_deref().and_then(|url| url.parse().ok());
        let listen =
            args.listen.check(args.limits.trusts_a_distant_proxy(), public_url.as_ref(), &mut faults);
        let allowed_hosts = args.allowed_hosts.as_deref().and_then(|list| faults.allowed_hosts(list));
        let database = data.gather_database(&mut faults);
        let needed_with = secrets_needed_with(&database, directus);
        let keys = KeySettings::gather(keys, needed_with, &mut faults);
        let has_own_users = !directus.is_given();
        let sources = Sources {
            log_filter: args.log_filter_file.clone(),
            service_secret: args.rbac_sync_webhook_secret_file.clone(),
            previous_service_secrets: args.rbac_sync_webhook_secret_previous_file.clone(),
            jwt_secret: args.jwt_secret_file.clone(),
            directus: directus.clone(),
            tls: args.listen.tls_files(),
            kept_in: None,
        };
        let directus = directus.gather(&mut faults);
        let jwt_needed_with = needed_with.filter(|_| has_own_users);
        let secrets = SecretSettings::gather(args, jwt_needed_with, &mut faults);
        let limits = args.limits.check(&mut faults);
        let audit_days = faults.number("STAGEPASS_AUDIT_DAYS", &args.audit_days, 0..=MAX_AUDIT_DAYS);
        match (listen, log, log_format, limits) {
            (Some(listen), Some(log), Some(log_format), Some(limits)) if faults.0.is_empty() => {
                // With https, a connection may have been passed through from anywhere as it is.
                let is_passed_on = listen.tls.is_some() && args.allowed_hosts.is_some();
                let has_public_name = public_host.as_deref().is_some_and(|host| !LOCAL_NAMES.contains(&host));
                let is_public = has_public_name || is_passed_on;
                let host_names = host_names(listen.address, public_host, allowed_hosts.unwrap_or_default());
                let given = Self {
                    listen,
                    log,
                    log_format,
                    database,
                    directus,
                    host_names,
                    is_public,
                    public_address: public_url.as_ref().and_then(Address::of_http_url),
                    secrets,
                    sources,
                    limits,
                    audit_days: audit_days.filter(|days| *days > 0),
                };
                Ok((given, keys))
            }
            _ => Err(ConfigError::Faults(faults.0)),
        }
    }

    /// Adds the secrets kept in the data directory, and generates missing ones. None is generated
    /// if the records are elsewhere: the other services and servers there would not have it.
    pub(crate) fn complete(self) -> Result<Config, ConfigError> {
        let mut made = Vec::new();
        let alone_in = self.database.directory().filter(|_| self.directus.is_none());
        let sources = Sources { kept_in: alone_in.map(Path::to_owned), ..self.sources };
        let SecretSettings { service_secret, previous_service_secrets, jwt_secret } = self.secrets;
        let mut or_kept = |given: Option<SecretString>, name| match given {
            None => alone_in.map(|directory| keep(directory, name, generate_token, &mut made)).transpose(),
            given => Ok(given),
        };
        let service_secret = or_kept(service_secret, SERVICE_SECRET_FILE)?;
        let jwt_secret = or_kept(jwt_secret, JWT_SECRET_FILE)?.filter(|_| self.directus.is_none());
        // The file's content may have been replaced.
        let path = |name| alone_in.map_or_else(PathBuf::new, |directory| directory.join(name));
        let mut faults = Faults::default();
        faults.check_sent(&path(SERVICE_SECRET_FILE).display().to_string(), service_secret.as_ref());
        faults.check_signing(&path(JWT_SECRET_FILE).display().to_string(), jwt_secret.as_ref());
        if !faults.0.is_empty() {
            return Err(ConfigError::Faults(faults.0));
        }
        let service_secrets = service_secret.into_iter().chain(previous_service_secrets).collect();
        Ok(Config {
            tokens: jwt_secret.as_ref().map(TokenSigner::new),
            service_secrets: ServiceSecrets::new(service_secrets),
            host_names: self.host_names,
            is_public: self.is_public,
            public_address: self.public_address,
            limits: self.limits,
            sources,
            made,
        })
    }
}

/// The secret kept in a file of the data directory. Without the file, generates a secret and adds
/// the path to `made`.
fn keep(
    directory: &Path,
    name: &str,
    generate: fn() -> Result<SecretString, getrandom::Error>,
    made: &mut Vec<PathBuf>,
) -> Result<SecretString, ConfigError> {
    let path = directory.join(name);
    let kept = secret_file::read_or_make(directory, name, generate);
    let Kept { secret, is_new } =
        kept.map_err(|error| ConfigError::SecretFile { path: path.clone(), error })?;
    masking::register(&secret);
    made.extend(is_new.then_some(path));
    Ok(secret)
}

/// The host names under which requests are answered.
fn host_names(
    listen: SocketAddr,
    public_host: Option<String>,
    AllowedHosts(allowed): AllowedHosts,
) -> Vec<String> {
    let listen = match listen {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    LOCAL_NAMES.map(str::to_owned).into_iter().chain([listen]).chain(public_host).chain(allowed).collect()
}
