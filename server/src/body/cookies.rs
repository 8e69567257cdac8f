//! The schemas of cookies. Their types are in `core`, which has no OpenAPI library.

use super::values::{
    CookieDomain, CookieName, CookiePath, CookieValue, Expires, GivenExpires, GivenSameSite, PartitionKey,
    SameSite, StoreId, of, or_null, values,
};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

values! {
    /// One cookie, under the names that browsers, Playwright, Puppeteer, Selenium and common exporters use. Its expiry has one of three names; if several of them or `session` are given, they must agree. A warning names each unknown member.
    GivenCookie: attributes()
        .property("expires", of::<GivenExpires>())
        .property("expirationDate", of::<GivenExpires>())
        .property("expiry", of::<GivenExpires>())
        .property("session", flag("Whether the cookie ends with the browser."))
        .property("sameSite", or_null::<GivenSameSite>())
        .property("storeId", of::<StoreId>())
        .property("partitionKey", of::<PartitionKey>());
    /// One cookie.
    Cookie: attributes()
        .property("expires", of::<Expires>())
        .property("sameSite", or_null::<SameSite>());
}

/// What every form of a cookie has.
pub(super) fn named_cookie() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("name", of::<CookieName>())
        .required("name")
        .property("value", of::<CookieValue>())
        .required("value")
        .property("domain", of::<CookieDomain>())
        .required("domain")
}

/// The attributes in both requests and answers.
fn attributes() -> ObjectBuilder {
    named_cookie()
        .property("path", or_null::<CookiePath>())
        .property("httpOnly", flag("Hidden from scripts."))
        .property("secure", flag("Sent only over https."))
        .property("hostOnly", flag("Whether the cookie is sent only to its exact host."))
}

fn flag(description: &str) -> ObjectBuilder {
    let either = SchemaType::from_iter([Type::Boolean, Type::Null]);
    ObjectBuilder::new().schema_type(either).description(Some(description))
}
