//! Values of a credential: reads, checks, seals and opens them.

use super::NOT_FOUND;
use super::types::usable;
use crate::app::App;
use crate::body::{Checked, KeyValue, Text, Value, body};
use crate::error::Error;
use crate::request::Fields;
use crate::sealing::{self, SealedAt, Version};
use crate::store::{AppCredential, CredentialType, FieldType, SealedValue, TypeField, value_id};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::Number;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest value, in bytes of JSON.
pub(crate) const MAX_VALUE_BYTES: usize = 64 * 1024;

/// The most bytes of one credential's values together, because lists contain many credentials.
pub(crate) const MAX_BYTES_OF_CREDENTIAL: usize = 128 * 1024;

/// The accepted schemes of URLs, which a refusal lists: for the web, databases, brokers, file
/// stores, directories and mail servers.
// Decision: docs/decisions/app-credentials.md#a-url-field-accepts-only-listed-schemes
const SCHEMES: &str = "http, https, ws, wss, jdbc, postgres, postgresql, mysql, mysql2, mariadb, sqlite, \
                       libsql, sqlserver, mssql, oracle, db2, snowflake, cockroachdb, clickhouse, mongodb, \
                       couchdb, couchbase, couchbases, elasticsearch, cassandra, neo4j, bolt, redis, rediss, \
                       memcached, amqp, amqps, kafka, nats, mqtt, mqtts, stomp, pulsar, grpc, grpcs, tcp, \
                       rtsp, s3, s3a, gs, abfss, hdfs, smb, git, ftp, ftps, sftp, ssh, ldap, ldaps, smtp, \
                       smtps, imap, imaps, pop3, pop3s";

/// The values in a request by field, as JSON; `None` if blank.
pub(super) type GivenValues = BTreeMap<Uuid, Option<SecretString>>;

body! {
    /// A value for a field.
    strict struct KeyRequest {
        field_id as "fieldId": Uuid,
        key_value as "keyValue": KeyValue,
        /// As in an answer; it changes nothing.
        #[schema(value_type = Option<Text>)]
        field_name as "fieldName": Checked<Option<Text>>,
        /// As in an answer; it changes nothing.
        #[schema(value_type = Option<bool>)]
        has_value as "hasValue": Checked<Option<bool>>,
    }
}

impl Value for KeyValue {
    fn optional(fields: &mut Fields, name: &str) -> Result<Option<Self>, Error> {
        let given = fields.json(name);
        let given = given.ok_or_else(|| Error::BadRequest(format!("{name} required; it can be null")))?;
        let value = Some(given).filter(|value| !is_blank(value));
        if value.as_ref().is_some_and(|value| value.expose_secret().len() > MAX_VALUE_BYTES) {
            return Err(Error::BadRequest(format!("{name} must have at most {MAX_VALUE_BYTES} bytes")));
        }
        Ok(Some(Self(value)))
    }
}

/// The values in `keys`, at most one for each field.
pub(super) fn by_field(keys: Vec<KeyRequest>) -> Result<GivenValues, Error> {
    let mut given = GivenValues::new();
    for (index, KeyRequest { field_id, key_value: KeyValue(value), .. }) in keys.into_iter().enumerate() {
        if given.insert(field_id, value).is_some() {
            return Err(Error::BadRequest(format!("keys[{index}]: fieldId given twice")));
        }
    }
    Ok(given)
}

/// Null, or text that is empty or white space.
fn is_blank(json: &SecretString) -> bool {
    let text = serde_json::from_str::<Option<SecretString>>(json.expose_secret());
    text.is_ok_and(|text| text.is_none_or(|text| text.expose_secret().trim().is_empty()))
}

/// Seals the given values of a credential. A sensitive field without a given value keeps its own.
pub(super) fn seal(
    app: &App,
    credential: &AppCredential,
    of: &CredentialType,
    given: &GivenValues,
) -> Result<Vec<SealedValue>, Error> {
    if let Some(unknown) = given.keys().find(|id| of.fields.iter().all(|field| field.id != **id)) {
        return Err(Error::BadRequest(format!("keys: {unknown} is not a field of this credential type")));
    }
    let mut sealed = Vec::new();
    let mut bytes = 0;
    for field in &of.fields {
        let kept = credential.values.iter().find(|value| value.field_id == field.id);
        match given.get(&field.id).and_then(Option::as_ref) {
            Some(value) => {
                check(field, value)?;
                bytes += value.expose_secret().len();
                sealed.push(seal_one(app, credential, field.id, value)?);
            }
            None => match kept.filter(|_| field.sensitive) {
                Some(kept) => {
                    bytes += sealing::sealed_bytes(&kept.blob).unwrap_or_default();
                    sealed.push(kept.clone());
                }
                None if field.required => {
                    return Err(Error::BadRequest(format!("{} required", field.field_name)));
                }
                None => {}
            },
        }
    }
    if bytes > MAX_BYTES_OF_CREDENTIAL {
        let fault = format!("keys: values must have at most {MAX_BYTES_OF_CREDENTIAL} bytes together");
        return Err(Error::BadRequest(fault));
    }
    Ok(sealed)
}

/// Checks a value against the type of its field.
fn check(field: &TypeField, json: &SecretString) -> Result<(), Error> {
    // Only inspected: a fault says what was expected and not what was given.
    let json = json.expose_secret();
    let text = || serde_json::from_str::<SecretString>(json).ok();
    let (fits, expected) = match field.field_type {
        FieldType::String | FieldType::Password => (text().is_some(), "a string"),
        FieldType::Number => (serde_json::from_str::<Number>(json).is_ok(), "a number"),
        FieldType::Boolean => (serde_json::from_str::<bool>(json).is_ok(), "a boolean"),
        FieldType::Url => {
            (text().is_some_and(|text| leads_to_service(text.expose_secret())), "an absolute URL")
        }
        FieldType::Json => (true, "JSON"),
    };
    if fits {
        return Ok(());
    }
    let mut fault = format!("{} must be {expected}", field.field_name);
    if field.field_type == FieldType::Url {
        fault = format!("{fault} with one of the schemes {SCHEMES}");
    }
    Err(Error::BadRequest(fault))
}

/// Whether it is a URL of a service, and not one that a browser would run (`javascript:`, `data:`)
/// or open from the disk (`file:`). A driver's name may follow the scheme, as in `mysql+pymysql`.
fn leads_to_service(text: &str) -> bool {
    // Parsing ignores some of these characters, but the text is stored as it is. A line end that
    // was copied along is harmless.
    let Ok(url) = Url::parse(text) else { return false };
    if text.trim().contains(char::is_control) {
        return false;
    }
    let scheme = url.scheme().split('+').next();
    SCHEMES.split(", ").any(|known| Some(known) == scheme)
}

fn sealed_at(credential: &AppCredential, field_id: Uuid) -> SealedAt {
    SealedAt {
        table: "app_credential_keys",
        column: "encrypted_value",
        record_id: value_id(credential.id, field_id),
        owner_id: credential.owner_id,
    }
}

fn seal_one(
    app: &App,
    credential: &AppCredential,
    field_id: Uuid,
    value: &SecretString,
) -> Result<SealedValue, Error> {
    // Exposed for sealing.
    let value = value.expose_secret().as_bytes();
    let blob = sealing::seal(&app.keys, Version::V2, &sealed_at(credential, field_id), value);
    let blob = blob.map_err(|_| Error::Internal("sealing failed"))?;
    Ok(SealedValue { field_id, blob, is_new: true })
}

/// A field of a credential and its value.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyResponse {
    pub(crate) field_id: Uuid,
    pub(crate) field_name: String,
    /// Null if there is none or it is hidden.
    #[schema(required, value_type = Option<serde_json::Value>)]
    pub(crate) key_value: Option<Shown>,
    /// Whether there is a value.
    pub(crate) has_value: bool,
}

/// A value as JSON in an answer that is meant to show it.
#[derive(Debug)]
pub(crate) struct Shown(SecretString);

impl Shown {
    /// The value as JSON, for a page that is meant to show it.
    pub(crate) fn json(&self) -> &str {
        self.0.expose_secret()
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(self.json()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// Which values to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Showing {
    /// Only those of fields that are not sensitive.
    Harmless,
    All,
}

/// A credential's fields in the order of its type, with the values to show.
pub(super) fn show(
    app: &App,
    credential: &AppCredential,
    of: &CredentialType,
    showing: Showing,
) -> Result<Vec<KeyResponse>, Error> {
    let keys = of.fields.iter().map(|field| {
        let value = credential.values.iter().find(|value| value.field_id == field.id);
        let shown = value.filter(|_| showing == Showing::All || !field.sensitive);
        Ok(KeyResponse {
            field_id: field.id,
            field_name: field.field_name.clone(),
            key_value: shown.map(|value| open(app, credential, value)).transpose()?,
            has_value: value.is_some(),
        })
    });
    keys.collect()
}

fn open(app: &App, credential: &AppCredential, value: &SealedValue) -> Result<Shown, Error> {
    let opened = sealing::open(&app.keys, Version::V2, &sealed_at(credential, value.field_id), &value.blob);
    let opened = opened.map_err(|error| {
        tracing::error!(record_id = %credential.id, field_id = %value.field_id, %error, "a value can't be decrypted");
        Error::Undecryptable
    })?;
    // Checked now, and not halfway through writing an answer.
    let is_json = serde_json::from_str::<&RawValue>(opened.expose_secret()).is_ok();
    is_json.then_some(Shown(opened)).ok_or(Error::Internal("a sealed value is not JSON"))
}

/// The type of a credential.
pub(super) async fn type_of(app: &App, credential: &AppCredential) -> Result<CredentialType, Error> {
    usable(app, credential.owner_id, credential.credential_type_id).await?.ok_or(NOT_FOUND)
}
