//! The values in bodies: how each is read, and its schema. Types without a value exist only for
//! their schema.

use super::{FromText, Value};
use crate::clock::{parse_ms, render_ms};
use crate::error::Error;
use crate::request::{Fields, MAX_KEY_BYTES, MAX_NAME_CHARS, MAX_REASON_CHARS, MAX_TEXT_CHARS, parse_id};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::SecretString;
use serde::{Serialize, Serializer};
use stagepass_core::cookie::{MAX_EXPIRES, MAX_PATH_BYTES, serialize_exposed};
use stagepass_core::platform::{PLATFORM_ID_PATTERN, check_platform_id};
use stagepass_core::url_host::is_unambiguous_https;
use stagepass_core::{PublicSuffixes, Site};
use std::collections::BTreeSet;
use url::Url;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{KnownFormat, Ref, RefOr, Schema};
use uuid::Uuid;

/// The most ids in one list.
const MAX_IDS: usize = 1000;
/// The length of the nonce for a proof of the server's identity.
pub(crate) const NONCE_BYTES: usize = 32;

/// A class of all visible characters except the given ones, as far as a pattern can express it: it
/// can't name characters beyond the Basic Multilingual Plane, nor those that are refused only where
/// they have no meaning.
macro_rules! visible {
    ($also:literal) => {
        concat!(
            "[^",
            $also,
            r"\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180e\u200b",
            r"\u200e-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe03-\ufe0d\ufeff\uffa0\ufff0-\ufffb]",
        )
    };
}

/// Any text of visible characters.
const VISIBLE: &str = concat!("^", visible!(""), "*$");
/// The same, but not only white space.
const NOT_BLANK: &str = concat!("^", visible!(""), "*", visible!(r"\s"), visible!(""), "*$");
const UUID: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
/// A host name, a domain with a leading dot, or an IPv6 address in brackets.
const COOKIE_DOMAIN: &str = r"^(\.?[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*|\[[0-9A-Fa-f:]{2,39}\])$";
/// Without separators, control characters or spaces at either end.
const COOKIE_NAME: &str =
    r"^[^\u0000-\u0020\u007f-\u009f;=]([^\u0000-\u001f\u007f-\u009f;=]*[^\u0000-\u0020\u007f-\u009f;=])?$";
const COOKIE_VALUE: &str =
    r"^([^\u0000-\u0020\u007f-\u009f;]([^\u0000-\u001f\u007f-\u009f;]*[^\u0000-\u0020\u007f-\u009f;])?)?$";
/// A line of a Netscape cookie file: seven fields.
macro_rules! cookie_line {
    () => {
        concat!(
            r"(#HttpOnly_)?(\.[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\tTRUE|",
            r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\tFALSE)",
            r"\t/[!-:<-~]*\t(TRUE|FALSE)\t([0-9]{1,11}(\.[0-9]{1,9})?)?\t[!-:<>-~]+\t[!-:<-~]*",
        )
    };
}
/// A Netscape cookie file: comments, empty lines and at least one cookie.
const COOKIE_FILE: &str =
    concat!(r"^\ufeff?(#[ -~]*\r?\n)*", cookie_line!(), r"(\r?\n(#[ -~]*|", cookie_line!(), r")?)*$");
/// A date of RFC 3339 or of a `Set-Cookie` header, or nothing.
const DATE: &str = concat!(
    r"^((19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])",
    r"|(Mon|Tue|Wed|Thu|Fri|Sat|Sun), (0[1-9]|[12][0-9]|3[01])",
    r"( (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) |-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-)",
    r"(19[7-9][0-9]|[2-9][0-9]{3}) ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9] GMT)?$",
);
const COOKIE_PATH: &str = r"^/([^\u0000-\u001f\u007f-\u009f;]*[^\u0000-\u0020\u007f-\u009f;])?$";

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn secret() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
}

/// A reference to a type's schema. `openapi.rs` must list the type if no body does.
pub(crate) fn of<T: ToSchema>() -> RefOr<Schema> {
    Ref::from_schema_name(T::name()).into()
}

pub(crate) fn or_null<T: ToSchema>() -> OneOfBuilder {
    OneOfBuilder::new().item(of::<T>()).item(ObjectBuilder::new().schema_type(Type::Null))
}

/// Declares types of values: the content of each, how it is read (`from` a text that a function
/// parses, or `by` a method of [`Fields`]), and its schema.
macro_rules! values {
    ($(
        #[doc = $description:literal]
        $name:ident $(($inner:ty) $($how:ident $read:path)?)?: $schema:expr;
    )*) => {$(
        $crate::body::values!(@type $description $name $(($inner) $($how $read)?)?);

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $schema.description(Some($description.trim())).into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )*};
    (@type $description:literal $name:ident) => {
        #[doc = $description]
        pub(crate) enum $name {}
    };
    (@type $description:literal $name:ident ($inner:ty)) => {
        #[doc = $description]
        #[derive(Clone, Debug)]
        pub(crate) struct $name(pub(crate) $inner);
    };
    (@type $description:literal $name:ident ($inner:ty) from $read:path) => {
        $crate::body::values!(@type $description $name ($inner));

        impl $crate::body::FromText for $name {
            fn from_text(text: String, name: &str) -> Result<Self, $crate::error::Error> {
                $read(text, name).map(Self)
            }
        }
    };
    (@type $description:literal $name:ident ($inner:ty) by $read:path) => {
        $crate::body::values!(@type $description $name ($inner));

        impl $crate::body::Value for $name {
            fn optional(
                fields: &mut $crate::request::Fields,
                name: &str,
            ) -> Result<Option<Self>, $crate::error::Error> {
                Ok($read(fields, name)?.map(Self))
            }
        }
    };
}
pub(crate) use values;

values! {
    /// A platform such as instagram, a site such as example.org, a single label such as localhost, or an IPv4 address. A public suffix such as com, co.uk or github.io is refused; only records of earlier versions can have one.
    Platform(String) from platform: text().pattern(Some(PLATFORM_ID_PATTERN)).examples(["instagram"]);
    /// A text of visible characters.
    Text(String) from any: text().pattern(Some(VISIBLE)).max_length(Some(MAX_TEXT_CHARS));
    /// The account's name; not empty.
    Username(String) by username: text()
        .pattern(Some(VISIBLE))
        .min_length(Some(1))
        .max_length(Some(MAX_TEXT_CHARS));
    /// The reason for the request, in plain text for the owner.
    Reason(String) from reason: text().pattern(Some(VISIBLE)).max_length(Some(MAX_REASON_CHARS));
    /// An e-mail address.
    Email: text().pattern(Some(NOT_BLANK)).max_length(Some(MAX_TEXT_CHARS)).examples(["creator@example.org"]);
    /// 32 random bytes in base64.
    Nonce([u8; NONCE_BYTES]) from nonce: text().pattern(Some("^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$"));
    /// 65 bytes in base64.
    PublicKey: text().pattern(Some("^[A-Za-z0-9+/]{86}[AEIMQUYcgkosw048]=$"));
    /// 64 bytes in base64.
    Signature: text().pattern(Some("^[A-Za-z0-9+/]{85}[AQgw]==$"));
    /// A moment, RFC 3339; in answers always in UTC with milliseconds.
    Time(i64) from time: text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .examples(["2026-01-15T10:30:00.000Z"]);
    /// An https URL without a user name and a password; the headers depend on its host and path.
    HttpsUrl(Url) from https_url: text()
        .pattern(Some(r"^https://[A-Za-z0-9._:\[\]-]+([/?#].*)?$"))
        .max_length(Some(MAX_TEXT_CHARS))
        .examples(["https://www.instagram.com/accounts/edit/"]);
    /// Always true.
    True: ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true]));
    /// When the cookie expires: Unix seconds (fractions are rounded down), or a date as in RFC 3339 or a Set-Cookie header. Absent, null, 0, -1 and an empty text mean a session cookie.
    GivenExpires: ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Number, Type::String, Type::Null]))
        .minimum(Some(-1))
        .exclusive_maximum(Some(MAX_EXPIRES + 1))
        .pattern(Some(DATE));
    /// Unix seconds; absent for a session cookie.
    Expires: ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(MAX_EXPIRES));
    /// The `SameSite` attribute in the words of browsers and their extensions, in upper or lower case; the last three mean no attribute.
    GivenSameSite: text().enum_values(Some([
        "lax", "strict", "none", "no_restriction", "unspecified", "default", "",
    ]));
    /// The browser's cookie store; not stored.
    StoreId: ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    /// The cookie's partition; not stored, with a warning.
    PartitionKey: ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Object, Type::Null]));
    /// A host, or with a leading dot a domain with all hosts below it; at most 253 bytes.
    CookieDomain: text().pattern(Some(COOKIE_DOMAIN));
    /// The `SameSite` attribute.
    SameSite: text().enum_values(Some(["lax", "strict", "none"]));
    /// The name; together with the value at most 4,096 bytes.
    CookieName: text().pattern(Some(COOKIE_NAME));
    /// The value; a secret.
    CookieValue: secret().pattern(Some(COOKIE_VALUE));
    /// A Netscape cookie file with at least one cookie; a secret. It is stored unchanged. Reading is as lenient as in yt-dlp, curl and Python: the header line is optional, and lines without a cookie are ignored. If no line has a cookie, the error names the first bad one.
    CookieFile: secret().pattern(Some(COOKIE_FILE));
    /// A whole Netscape cookie file; a secret.
    WrittenCookieFile: secret().pattern(Some("^# Netscape HTTP Cookie File\n"));
    /// Any text; a secret.
    Secret(SecretString) by Fields::secret: secret();
    /// Any text that is not empty; a secret.
    Password: secret().min_length(Some(1));
    /// A master password: at least 8 characters, not all of them white space.
    NewPassword(SecretString) by Fields::secret: secret()
        .pattern(Some(r"\S"))
        .min_length(Some(8))
        .max_length(Some(1024));
    /// The token of a vault session.
    VaultToken: secret().pattern(Some("^fn_sess_[0-9a-f]{64}$"));
    /// The service that an API key is for.
    VaultService: text()
        .pattern(Some(r"^(openai|anthropic|binance|custom\.[A-Za-z0-9._-]{1,64})$"))
        .examples(["openai"]);
    /// The name of an API key, for people.
    VaultName: text().pattern(Some(NOT_BLANK)).max_length(Some(MAX_NAME_CHARS)).examples(["production"]);
    /// An API key, token or other secret of at most 16,384 bytes.
    VaultApiKey(SecretString) by Fields::trimmed_secret: secret()
        .pattern(Some(r"\S"))
        .max_length(Some(MAX_KEY_BYTES));
    /// A name; not only white space. White space around it is removed.
    Name(String) by Fields::trimmed: text().pattern(Some(NOT_BLANK)).max_length(Some(MAX_NAME_CHARS));
    /// A field's id.
    FieldId: text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).pattern(Some(UUID));
    /// A value of the field's type; at most 65,536 bytes, and 131,072 for all values of a credential. Null and blank mean no value.
    KeyValue(Option<SecretString>): ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    /// Any object; all of it is secret.
    Credentials(SecretString) by Fields::object: ObjectBuilder::new().schema_type(Type::Object);
    /// The path; `/` if absent.
    CookiePath: text().pattern(Some(COOKIE_PATH)).max_length(Some(MAX_PATH_BYTES));
    /// Ends the sign-in of the session cookie.
    SessionMode: text().enum_values(Some(["session"]));
    /// A login with a password.
    PasswordType: text().enum_values(Some(["password"]));
    /// A login with cookies.
    CookiesType: text().enum_values(Some(["cookies"]));
}

/// A text in the form of a platform. Look-ups need no more, because earlier versions stored some
/// platforms that are refused now.
pub(crate) struct StoredPlatform(pub(crate) String);

impl FromText for StoredPlatform {
    fn from_text(text: String, _: &str) -> Result<Self, Error> {
        check_platform_id(&text).map_err(|fault| Error::BadRequest(fault.to_string()))?;
        Ok(Self(text))
    }
}

/// Refuses unknown platforms before anything is stored.
fn platform(text: String, _: &str) -> Result<String, Error> {
    let site = Site::of_id(&text, PublicSuffixes::built_in());
    site.map(drop).map_err(|fault| Error::BadRequest(fault.to_string()))?;
    Ok(text)
}

fn any(text: String, _: &str) -> Result<String, Error> {
    Ok(text)
}

fn username(fields: &mut Fields, name: &str) -> Result<Option<String>, Error> {
    Ok(fields.text(name)?.filter(|text| !text.is_empty()))
}

fn https_url(text: String, name: &str) -> Result<Url, Error> {
    // The library's error could quote the URL.
    let url = Url::parse(&text).ok().filter(|_| is_unambiguous_https(&text));
    url.ok_or_else(|| {
        let fault = "must be an https URL such as https://www.instagram.com/accounts/edit/, its host in ASCII and \
                     without a user name";
        Error::BadRequest(format!("{name} {fault}"))
    })
}

fn reason(text: String, name: &str) -> Result<String, Error> {
    if text.chars().count() > MAX_REASON_CHARS {
        return Err(Error::BadRequest(format!("{name} must have at most {MAX_REASON_CHARS} characters")));
    }
    Ok(text)
}

fn nonce(text: String, name: &str) -> Result<[u8; NONCE_BYTES], Error> {
    let nonce = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    nonce.ok_or_else(|| Error::BadRequest(format!("{name} must be base64 of exactly {NONCE_BYTES} bytes")))
}

fn time(text: String, name: &str) -> Result<i64, Error> {
    let fault =
        "must be an ISO 8601 time with its offset and before 9999-12-30, such as 2026-12-31T23:59:59Z";
    parse_ms(&text).ok_or_else(|| Error::BadRequest(format!("{name} {fault}")))
}

impl Text {
    /// The text, unless it is empty.
    pub(crate) fn unless_empty(text: Option<Self>) -> Option<String> {
        text.map(|Self(text)| text).filter(|text| !text.is_empty())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&render_ms(self.0))
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_exposed(&self.0, serializer)
    }
}

/// Ids without duplicates.
pub(crate) struct Ids(pub(crate) Vec<Uuid>);

impl Value for Ids {
    const KIND: &'static str = " array";

    fn optional(fields: &mut Fields, name: &str) -> Result<Option<Self>, Error> {
        let texts = fields.take::<Vec<String>>(name, "an array of strings")?;
        let Some(texts) = texts else { return Ok(None) };
        if texts.len() > MAX_IDS {
            return Err(Error::BadRequest(format!("{name} must have at most {MAX_IDS} ids")));
        }
        let ids = texts.iter().map(|text| parse_id(text, name)).collect::<Result<BTreeSet<_>, _>>()?;
        if ids.len() < texts.len() {
            return Err(Error::BadRequest(format!("{name} has a duplicate id")));
        }
        Ok(Some(Self(ids.into_iter().collect())))
    }
}
