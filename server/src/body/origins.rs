//! The schemas of origin storage, and of the formats that hold it. Their types are in `core`, which
//! has no OpenAPI library.

use super::cookies::named_cookie;
use super::values::{CookiePath, of, values};
use serde_json::json;
use stagepass_core::cookie::MAX_EXPIRES;
use stagepass_core::origin_storage::MAX_ENTRIES;
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};

/// A scheme, a host and perhaps a port, as browsers write them.
const ORIGIN: &str =
    r"^https?://([a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*|\[[0-9a-f:]{2,39}\])(:[1-9][0-9]{0,4})?$";

values! {
    /// What one origin keeps in the browser. Unknown members, such as Playwright's `indexedDB`, are not stored; the answer's `warnings` name them.
    GivenOrigin: object()
        .property("origin", origin())
        .required("origin")
        .property("localStorage", entries(&[Type::Array, Type::Null]))
        .property("sessionStorage", entries(&[Type::Array, Type::Null]));
    /// What one origin kept in the browser.
    Origin: object()
        .property("origin", origin())
        .required("origin")
        .property("localStorage", entries(&[Type::Array]))
        .required("localStorage")
        .property("sessionStorage", entries(&[Type::Array]))
        .required("sessionStorage")
        .examples([json!({
            "origin": "https://www.instagram.com", "localStorage": [{"name": "theme", "value": "dark"}],
            "sessionStorage": []
        })]);
    /// The argument `storageState` of Playwright's `newContext`.
    StorageState: object()
        .property("cookies", ArrayBuilder::new().items(playwright_cookie()))
        .required("cookies")
        .property("origins", ArrayBuilder::new().items(kept("localStorage")))
        .required("origins")
        .examples([json!({
            "cookies": [{
                "name": "sessionid", "value": "123456789%3AabcXYZ%3A28", "domain": ".instagram.com", "path": "/",
                "expires": 1_798_761_599, "httpOnly": true, "secure": true, "sameSite": "Lax"
            }],
            "origins": [{
                "origin": "https://www.instagram.com", "localStorage": [{"name": "theme", "value": "dark"}]
            }]
        })]);
    /// The sessionStorage of one origin.
    SessionStorage: kept("sessionStorage");
    /// A request header.
    RequestHeader: object()
        .property("name", text())
        .required("name")
        .property("value", secret())
        .required("value")
        .examples([json!({"name": "Cookie", "value": "sessionid=123456789%3AabcXYZ%3A28"})]);
}

fn object() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn secret() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
}

fn origin() -> ObjectBuilder {
    text().pattern(Some(ORIGIN)).examples(["https://www.instagram.com"])
}

/// One area of an origin.
fn kept(area: &str) -> ObjectBuilder {
    let entries = entries(&[Type::Array]);
    object().property("origin", origin()).required("origin").property(area, entries).required(area)
}

fn entries(types: &[Type]) -> ArrayBuilder {
    let entry =
        object().property("name", text()).required("name").property("value", secret()).required("value");
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter(types.iter().cloned()))
        .items(entry)
        .max_items(Some(MAX_ENTRIES))
        .description(Some("The entries, each name once."))
}

fn playwright_cookie() -> ObjectBuilder {
    let expires = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(-1))
        .maximum(Some(MAX_EXPIRES))
        .description(Some("Unix seconds; -1 for a session cookie."));
    let flag = || ObjectBuilder::new().schema_type(Type::Boolean);
    named_cookie()
        .property("path", of::<CookiePath>())
        .required("path")
        .property("expires", expires)
        .required("expires")
        .property("httpOnly", flag())
        .required("httpOnly")
        .property("secure", flag())
        .required("secure")
        .property("sameSite", text().enum_values(Some(["Strict", "Lax", "None"])))
        .required("sameSite")
}
