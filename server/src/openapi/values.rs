//! What values of the API look like: types that are described, never made.
//! Each says in a schema what `request` and the core's cookies check at run time.
#![expect(dead_code, reason = "these types are described and never made")]

use stagepass_core::cookie::{MAX_EXPIRES, MAX_PATH_BYTES};
use stagepass_core::platform::PLATFORM_ID_PATTERN;
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A class of all but what is given and what can't be seen, as far as a pattern says
/// so: it can't name what lies beyond the Basic Multilingual Plane, nor what is refused
/// only where it has no meaning.
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

/// Any text whose characters can all be seen.
const VISIBLE: &str = concat!("^", visible!(""), "*$");
/// The same, and not white space alone.
const NOT_BLANK: &str = concat!("^", visible!(""), "*", visible!(r"\s"), visible!(""), "*$");
const UUID: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
/// A host name, a domain with a leading dot, or an IPv6 address in brackets.
const COOKIE_DOMAIN: &str = r"^(\.?[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*|\[[0-9A-Fa-f:]{2,39}\])$";
/// Neither a separator nor a control character, and no space at either end.
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
/// A Netscape cookie file: comments, empty lines and cookies, one at least.
const COOKIE_FILE: &str =
    concat!(r"^\ufeff?(#[ -~]*\r?\n)*", cookie_line!(), r"(\r?\n(#[ -~]*|", cookie_line!(), r")?)*$");
/// A date of RFC 3339, or one of a `Set-Cookie` header; or nothing.
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

/// Gives a described type the schema that an expression builds.
macro_rules! described {
    ($(#[doc = $description:literal] $name:ident: $schema:expr;)*) => {$(
        #[doc = $description]
        pub(crate) struct $name;
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.description(Some($description.trim())).into()
            }
        }
        impl ToSchema for $name {}
    )*};
}

described! {
    /// A platform such as instagram, a site such as example.org, a single label such as localhost, or an IPv4 address. A public suffix such as com, co.uk or github.io is refused; only records of earlier versions can hold one.
    Platform: text()
        .pattern(Some(PLATFORM_ID_PATTERN))
        .examples(["instagram"]);
    /// A text whose characters can all be seen.
    Text: text().pattern(Some(VISIBLE)).max_length(Some(crate::request::MAX_TEXT_CHARS));
    /// The account's name, which is not empty.
    Username: text()
        .pattern(Some(VISIBLE))
        .min_length(Some(1))
        .max_length(Some(crate::request::MAX_TEXT_CHARS));
    /// Why a capture is asked for, in plain text for the owner.
    Reason: text()
        .pattern(Some(VISIBLE))
        .max_length(Some(crate::request::MAX_REASON_CHARS));
    /// An e-mail address.
    Email: text()
        .pattern(Some(NOT_BLANK))
        .max_length(Some(crate::request::MAX_TEXT_CHARS))
        .examples(["creator@example.org"]);
    /// 32 random bytes in base64.
    Nonce: text().pattern(Some("^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$"));
    /// 65 bytes in base64.
    PublicKey: text().pattern(Some("^[A-Za-z0-9+/]{86}[AEIMQUYcgkosw048]=$"));
    /// 64 bytes in base64.
    Signature: text().pattern(Some("^[A-Za-z0-9+/]{85}[AQgw]==$"));
    /// A moment, RFC 3339; in answers always in UTC with milliseconds.
    Time: text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .examples(["2026-01-15T10:30:00.000Z"]);
    /// Always true.
    True: ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true]));
    /// Always false.
    False: ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([false]));
    /// When the cookie ends: Unix seconds, a fraction rounded down, or a date, as RFC 3339 or a Set-Cookie header has it. Absent, null, 0, -1 and an empty text mean a session cookie.
    GivenExpires: ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Number, Type::String, Type::Null]))
        .minimum(Some(-1))
        .exclusive_maximum(Some(MAX_EXPIRES + 1))
        .pattern(Some(DATE));
    /// Unix seconds; absent for a session cookie.
    Expires: ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(MAX_EXPIRES));
    /// The `SameSite` attribute in the words of browsers and their extensions, in any case; the last three mean that there is none.
    GivenSameSite: text().enum_values(Some([
        "lax", "strict", "none", "no_restriction", "unspecified", "default", "",
    ]));
    /// Which of a browser's stores the cookie was in; not kept.
    StoreId: ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    /// The partition that the cookie was in; not kept, of which a warning tells.
    PartitionKey: ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Object, Type::Null]));
    /// A host, or with a leading dot a domain and all hosts below it; at most 253 bytes.
    CookieDomain: text()
        .pattern(Some(COOKIE_DOMAIN));
    /// The name; together with the value at most 4,096 bytes.
    CookieName: text()
        .pattern(Some(COOKIE_NAME));
    /// The value; a secret.
    CookieValue: text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .pattern(Some(COOKIE_VALUE));
    /// A Netscape cookie file with a cookie in it; a secret. It is kept to the letter. It is read as leniently as yt-dlp, curl and Python read it, so a first line is not needed, and lines that hold no cookie are passed over; where none does, a fault names the first of them.
    CookieFile: text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .pattern(Some(COOKIE_FILE));
    /// A whole Netscape cookie file; a secret.
    WrittenCookieFile: text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .pattern(Some("^# Netscape HTTP Cookie File\n"));
    /// Any text; a secret.
    Secret: text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)));
    /// Any text that is not empty; a secret.
    Password: text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .min_length(Some(1));
    /// A master password: at least 8 characters, not all of them white space.
    NewPassword: text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .pattern(Some(r"\S"))
        .min_length(Some(8))
        .max_length(Some(1024));
    /// A session's token.
    VaultToken: text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .pattern(Some("^fn_sess_[0-9a-f]{64}$"));
    /// Whom an API key is for.
    VaultService: text()
        .pattern(Some(r"^(openai|anthropic|binance|custom\.[A-Za-z0-9._-]{1,64})$"))
        .examples(["openai"]);
    /// What an API key is called, for people.
    VaultName: text()
        .pattern(Some(NOT_BLANK))
        .max_length(Some(crate::request::MAX_NAME_CHARS))
        .examples(["production"]);
    /// An API key, token or other secret of at most 16,384 bytes.
    VaultApiKey: text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .pattern(Some(r"\S"))
        .max_length(Some(crate::request::MAX_KEY_BYTES));
    /// A name, which is not white space alone; white space around it is dropped.
    Name: text().pattern(Some(NOT_BLANK)).max_length(Some(crate::request::MAX_NAME_CHARS));
    /// A field's id.
    FieldId: text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).pattern(Some(UUID));
    /// A field's value, as its type has it; at most 65,536 bytes, and 131,072 in all of a credential. Null and blank mean none.
    KeyValue: ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    /// An object of any shape; a secret as a whole.
    Credentials: ObjectBuilder::new().schema_type(Type::Object);
    /// The path, `/` where it is absent.
    CookiePath: text().pattern(Some(COOKIE_PATH)).max_length(Some(MAX_PATH_BYTES));
}

/// What a field's values are.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum FieldType {
    String,
    Password,
    Number,
    Boolean,
    Url,
    Json,
}

/// How a download signs in.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum AuthType {
    Password,
    Cookies,
}

/// Where a session stands.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum SessionStatus {
    Active,
    Superseded,
    Revoked,
}

/// The `SameSite` attribute.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum SameSite {
    Lax,
    Strict,
    None,
}

/// One cookie, under the names that browsers, Playwright, Puppeteer, Selenium and
/// common exporters use. Its end goes by one of three names; where several are given,
/// and `session`, they must agree. A warning names each unknown member.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct GivenCookie {
    name: CookieName,
    value: CookieValue,
    domain: CookieDomain,
    path: Option<CookiePath>,
    #[schema(required = false)]
    expires: GivenExpires,
    #[schema(required = false)]
    expiration_date: GivenExpires,
    #[schema(required = false)]
    expiry: GivenExpires,
    /// Whether the cookie ends with the browser.
    session: Option<bool>,
    /// Hidden from scripts.
    http_only: Option<bool>,
    /// Sent over https alone.
    secure: Option<bool>,
    same_site: Option<GivenSameSite>,
    /// Whether the cookie goes to its exact host alone.
    host_only: Option<bool>,
    #[schema(required = false)]
    store_id: StoreId,
    #[schema(required = false)]
    partition_key: PartitionKey,
}

/// One cookie.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Cookie {
    name: CookieName,
    value: CookieValue,
    domain: CookieDomain,
    path: Option<CookiePath>,
    #[schema(required = false)]
    expires: Expires,
    /// Hidden from scripts.
    http_only: Option<bool>,
    /// Sent over https alone.
    secure: Option<bool>,
    same_site: Option<SameSite>,
    /// Whether the cookie goes to its exact host alone.
    host_only: Option<bool>,
}
