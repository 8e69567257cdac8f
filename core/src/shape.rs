//! The credentials objects that backends expect for a platform, filled in from a captured session.

use crate::cookie::{Cookie, serialize_exposed};
use crate::login::part_of;
use crate::platform::{Part, Site};
use crate::session::Session;
use secrecy::{ExposeSecret as _, SecretString};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// What fills in a field.
#[derive(Clone, Copy)]
enum Filling {
    /// The cookie with this name.
    Cookie(&'static str),
    /// The cookie whose name begins like this.
    CookieBeginning(&'static str),
    /// A part of the catalogue's storage entry with this name.
    Entry(&'static str, Part),
    /// The capturing browser's user agent.
    UserAgent,
}

/// Pairs of a field and what fills it in.
type Fields = &'static [(&'static str, Filling)];

/// A credentials object: the fields, and all cookies.
#[derive(Debug, Default)]
pub struct Credentials<'a>(Option<Shape<'a>>);

#[derive(Debug)]
struct Shape<'a> {
    fields: Vec<(&'static str, SecretString)>,
    cookies: &'a [Cookie],
}

impl Serialize for Credentials<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Named<'a> {
            name: &'a str,
            #[serde(serialize_with = "serialize_exposed")]
            value: &'a SecretString,
            domain: &'a str,
        }
        let mut object = serializer.serialize_map(None)?;
        if let Some(Shape { fields, cookies }) = &self.0 {
            for (field, value) in fields {
                // The value leaves its wrapper: the object is meant to contain it.
                object.serialize_entry(field, value.expose_secret())?;
            }
            let mut named = Vec::new();
            for Cookie { name, value, domain, .. } in *cookies {
                named.push(Named { name, value, domain });
            }
            object.serialize_entry("cookies", &named)?;
        }
        object.end()
    }
}

/// Whether the platform has a documented shape.
#[must_use]
pub fn is_known(platform_id: &str) -> bool {
    fields(platform_id).is_some()
}

fn fields(platform_id: &str) -> Option<Fields> {
    use Filling::{Cookie, CookieBeginning, Entry, UserAgent};
    match platform_id {
        "fansly" => Some(&[
            ("authToken", Entry("session_active_session", Part::Json("/token"))),
            ("userAgent", UserAgent),
        ]),
        "instagram" => Some(&[
            ("sessionid", Cookie("sessionid")),
            ("csrftoken", Cookie("csrftoken")),
            ("ds_user_id", Cookie("ds_user_id")),
        ]),
        "onlyfans" => Some(&[
            ("sessionToken", Cookie("sess")),
            ("authId", Cookie("auth_id")),
            // OnlyFans appends the user's number to the name of this cookie.
            ("authUid", CookieBeginning("auth_uid_")),
            ("xBc", Entry("bcTokenSha", Part::Whole)),
            ("userAgent", UserAgent),
        ]),
        _ => None,
    }
}

/// The credentials object for `create-profile`: empty unless the platform has a documented shape
/// (fansly, instagram and onlyfans), without the fields that the session can't fill in.
/// `user_agent` is the capturing browser's.
#[must_use]
pub fn credentials<'a>(site: &Site, session: Session<'a>, user_agent: &str) -> Credentials<'a> {
    let Some(fields) = fields(site.id()) else { return Credentials::default() };
    // The values leave their wrappers to be put into others.
    let cookie = |is_meant: &dyn Fn(&str) -> bool| {
        let held = session.cookies.iter().filter(|cookie| is_meant(&cookie.name));
        let mut values = held.map(|cookie| cookie.value.expose_secret());
        values.find(|value| !value.is_empty()).map(str::to_owned)
    };
    let fill_in = |filling| match filling {
        Filling::Cookie(name) => cookie(&|held| held == name),
        Filling::CookieBeginning(beginning) => cookie(&|held| held.starts_with(beginning)),
        Filling::Entry(name, part) => {
            let wanted = site.login_entries().iter().find(|entry| entry.name == name)?;
            let held = session.entry(wanted.origin, wanted.area, wanted.name)?;
            part_of(held, part).map(|part| part.into_owned())
        }
        Filling::UserAgent => Some(user_agent.to_owned()),
    };
    let filled_in = fields.iter().filter_map(|(field, filling)| Some((*field, fill_in(*filling)?.into())));
    Credentials(Some(Shape { fields: filled_in.collect(), cookies: session.cookies }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin_storage::{self, OriginStorage};
    use crate::public_suffix::PublicSuffixes;
    use serde_json::{Value, json};

    fn cookie(name: &str, value: &str, domain: &str) -> Cookie {
        Cookie::from_json(json!({"name": name, "value": value, "domain": domain})).unwrap()
    }

    fn shape(id: &str, cookies: &[Cookie], origins: &[OriginStorage]) -> Value {
        let site = Site::of_id(id, PublicSuffixes::built_in()).unwrap();
        serde_json::to_value(credentials(&site, Session { cookies, origins }, "UA")).unwrap()
    }

    fn storage(origin: &str, name: &str, value: &str) -> Vec<OriginStorage> {
        let entry = json!({"name": name, "value": value});
        origin_storage::read(vec![json!({"origin": origin, "localStorage": [entry]})]).unwrap()
    }

    #[test]
    fn fills_the_documented_shapes() {
        let cookies =
            [cookie("sessionid", "s", ".instagram.com"), cookie("ds_user_id", "7", ".instagram.com")];
        assert_eq!(
            shape("instagram", &cookies, &[]),
            json!({
                "sessionid": "s", "ds_user_id": "7",
                "cookies": [
                    {"name": "sessionid", "value": "s", "domain": ".instagram.com"},
                    {"name": "ds_user_id", "value": "7", "domain": ".instagram.com"},
                ],
            })
        );
        let cookies = [cookie("sess", "s", ".onlyfans.com"), cookie("auth_uid_7", "u", ".onlyfans.com")];
        assert_eq!(
            shape("onlyfans", &cookies, &storage("https://onlyfans.com", "bcTokenSha", "0123")),
            json!({
                "sessionToken": "s", "authUid": "u", "xBc": "0123", "userAgent": "UA",
                "cookies": [
                    {"name": "sess", "value": "s", "domain": ".onlyfans.com"},
                    {"name": "auth_uid_7", "value": "u", "domain": ".onlyfans.com"},
                ],
            })
        );
        let session = r#"{"id": "1", "accountId": "7", "token": "t"}"#;
        assert_eq!(
            shape("fansly", &[], &storage("https://fansly.com", "session_active_session", session)),
            json!({"authToken": "t", "userAgent": "UA", "cookies": []})
        );
        assert_eq!(shape("fansly", &[], &[]), json!({"userAgent": "UA", "cookies": []}));
    }

    #[test]
    fn other_platforms_have_no_shape() {
        assert_eq!(shape("youtube", &[], &[]), json!({}));
        assert!(is_known("onlyfans") && !is_known("youtube"));
    }
}
