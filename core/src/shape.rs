//! The credentials objects that backends expect of a platform, filled in from
//! captured cookies.

use crate::api::Credentials;
use crate::cookie::Cookie;
use secrecy::ExposeSecret;
use serde_json::{Map, json};

/// Each field of the shape, and the cookie that fills it.
type Fields = &'static [(&'static str, &'static str)];

/// Whether the platform has a documented shape that cookies can fill.
#[must_use]
pub fn is_known(platform_id: &str) -> bool {
    fields(platform_id).is_some()
}

fn fields(platform_id: &str) -> Option<Fields> {
    match platform_id {
        "instagram" => {
            Some(&[("sessionid", "sessionid"), ("csrftoken", "csrftoken"), ("ds_user_id", "ds_user_id")])
        }
        "onlyfans" => Some(&[("sessionToken", "sess"), ("authId", "auth_id"), ("authUid", "auth_uid_")]),
        _ => None,
    }
}

/// The credentials object for `create-profile`, where the platform has a
/// documented shape that cookies can fill (instagram and onlyfans); otherwise
/// an empty object. `user_agent` is the capturing browser's.
#[must_use]
pub fn credentials(platform_id: &str, cookies: &[Cookie], user_agent: &str) -> Credentials {
    let Some(fields) = fields(platform_id) else { return Credentials::default() };
    let value_of = |name: &str| {
        // onlyfans ends the name of one cookie with the user's number.
        let is_named = |held: &str| if name.ends_with('_') { held.starts_with(name) } else { held == name };
        cookies.iter().find(|cookie| is_named(&cookie.name)).map(|cookie| cookie.value.expose_secret())
    };
    let mut shape = Map::new();
    for (key, name) in fields {
        if let Some(value) = value_of(name) {
            shape.insert((*key).to_owned(), value.into());
        }
    }
    if platform_id == "onlyfans" {
        shape.insert("userAgent".to_owned(), user_agent.into());
    }
    let cookies = cookies.iter().map(
        |cookie| json!({"name": cookie.name, "value": cookie.value.expose_secret(), "domain": cookie.domain}),
    );
    shape.insert("cookies".to_owned(), cookies.collect());
    Credentials(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn cookie(name: &str, value: &str, domain: &str) -> Cookie {
        Cookie::from_json(json!({"name": name, "value": value, "domain": domain})).unwrap()
    }

    #[test]
    fn fills_the_documented_shapes() {
        let cookies =
            [cookie("sessionid", "s", ".instagram.com"), cookie("ds_user_id", "7", ".instagram.com")];
        assert_eq!(
            Value::Object(credentials("instagram", &cookies, "UA").0),
            json!({
                "sessionid": "s", "ds_user_id": "7",
                "cookies": [
                    {"name": "sessionid", "value": "s", "domain": ".instagram.com"},
                    {"name": "ds_user_id", "value": "7", "domain": ".instagram.com"},
                ],
            })
        );
        let cookies = [cookie("sess", "s", ".onlyfans.com"), cookie("auth_uid_7", "u", ".onlyfans.com")];
        let shape = credentials("onlyfans", &cookies, "UA").0;
        assert_eq!(
            (&shape["sessionToken"], &shape["authUid"], &shape["userAgent"]),
            (&json!("s"), &json!("u"), &json!("UA"))
        );
        assert!(!shape.contains_key("authId"));
    }

    #[test]
    fn other_platforms_have_no_shape() {
        assert!(credentials("youtube", &[], "UA").0.is_empty() && !is_known("youtube"));
        assert!(is_known("onlyfans"));
    }
}
