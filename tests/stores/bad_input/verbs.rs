//! Every verb with a valid body, and what each of its fields must be, so that a refusal is
//! caused by the one thing that a test changed.

use super::stage::{Stage, download, request};
use crate::{cookie, session};
use serde_json::{Value, json};
use stagepass_tests::services::server::Client;

/// What a field must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Id,
    Platform,
    /// One of a few texts, with the message for any other.
    Choice(&'static str),
    Time,
    Boolean,
    Credentials,
    Cookies,
    /// Cookies that a service returns, possibly none.
    RotatedCookies,
    Origins,
}

pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) is_required: bool,
}

pub(crate) struct Verb<'a> {
    pub(crate) name: &'static str,
    /// Whether services call it, or users.
    pub(crate) is_services: bool,
    pub(crate) client: &'a Client,
    pub(crate) body: Value,
    /// In the order in which missing fields are named.
    pub(crate) fields: Vec<Field>,
}

const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, is_required: true }
}

const fn optional(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, is_required: false }
}

const AUTH_TYPE: Kind = Kind::Choice("auth_type must be password or cookies");
const FORMAT: Kind = Kind::Choice("format must be json, netscape, playwright or header");

pub(crate) fn verbs(stage: &Stage) -> Vec<Verb<'_>> {
    [user_verbs(stage), service_verbs(stage)].into_iter().flatten().collect()
}

fn user_verbs(stage: &Stage) -> Vec<Verb<'_>> {
    let (client, connection) = (&stage.user, &stage.connection);
    let verb = |name, body, fields| Verb { name, is_services: false, client, body, fields };
    vec![
        verb(
            "create-profile",
            json!({"platform": "tiktok", "platform_username": "fitcreator99", "credentials": {"a": 1}}),
            vec![
                required("platform", Kind::Platform),
                required("credentials", Kind::Credentials),
                optional("platform_username", Kind::Text),
            ],
        ),
        verb(
            "update-profile-creds",
            json!({"creator_profile_id": connection, "credentials": {"a": 1}, "platform_username": "renamed"}),
            vec![
                required("creator_profile_id", Kind::Id),
                required("credentials", Kind::Credentials),
                optional("platform_username", Kind::Text),
            ],
        ),
        verb(
            "create-download-cred",
            download(connection),
            vec![
                required("platform", Kind::Platform),
                required("creator_profile_id", Kind::Id),
                required("auth_type", AUTH_TYPE),
                required("credentials", Kind::Credentials),
                optional("username", Kind::Text),
                optional("display_name", Kind::Text),
            ],
        ),
        verb(
            "store-platform-session",
            session(connection),
            vec![
                required("creator_profile_id", Kind::Id),
                required("platform", Kind::Platform),
                required("cookies", Kind::Cookies),
                optional("origins", Kind::Origins),
                optional("renews", Kind::Id),
                optional("keep_origins_of", Kind::Id),
                optional("user_agent", Kind::Text),
                optional("expires_at", Kind::Time),
            ],
        ),
        verb("revoke-platform-session", json!({"id": stage.session}), vec![required("id", Kind::Id)]),
    ]
}

fn service_verbs(stage: &Stage) -> Vec<Verb<'_>> {
    let (client, connection) = (&stage.service, &stage.connection);
    let verb = |name, body, fields| Verb { name, is_services: true, client, body, fields };
    vec![
        verb(
            "store",
            json!({"creatorProfileId": connection, "credentials": {"a": 1}}),
            vec![required("creatorProfileId", Kind::Id), required("credentials", Kind::Credentials)],
        ),
        verb("reveal", json!({"creatorProfileId": connection}), vec![required("creatorProfileId", Kind::Id)]),
        verb("reveal-download-cred", json!({"id": stage.download}), vec![required("id", Kind::Id)]),
        verb(
            "get-platform-session",
            json!({"creator_profile_id": connection, "platform": "instagram", "format": "json",
                "drop_expired": false}),
            vec![
                required("creator_profile_id", Kind::Id),
                required("platform", Kind::Platform),
                optional("format", FORMAT),
                optional("drop_expired", Kind::Boolean),
                optional("url", Kind::Text),
            ],
        ),
        verb(
            "update-platform-session",
            stage.update.clone(),
            vec![
                required("id", Kind::Id),
                required("creator_profile_id", Kind::Id),
                required("platform", Kind::Platform),
                required("cookies", Kind::RotatedCookies),
            ],
        ),
        verb(
            "request-capture",
            request(connection),
            vec![
                required("creator_profile_id", Kind::Id),
                required("platform", Kind::Platform),
                optional("reason", Kind::Text),
            ],
        ),
    ]
}

impl Verb<'_> {
    /// The field that names the record whose owner is checked.
    pub(crate) fn id_field(&self) -> Option<&'static str> {
        let ids = || self.fields.iter().filter(|field| field.kind == Kind::Id).map(|field| field.name);
        ids().find(|name| *name == "creator_profile_id").or_else(|| ids().next())
    }

    /// The most bytes of its body.
    pub(crate) fn body_limit(&self) -> usize {
        if matches!(self.name, "store-platform-session" | "update-platform-session") {
            4 << 20
        } else {
            1 << 20
        }
    }

    /// The body with a field changed or removed.
    pub(crate) fn body_with(&self, field: &str, value: Option<Value>) -> Value {
        let mut body = self.body.clone();
        match value {
            Some(value) => body[field] = value,
            None => drop(body.as_object_mut().and_then(|members| members.remove(field))),
        }
        body
    }
}

impl Field {
    /// Values that this field refuses, each with its message; `None` stands for a missing field.
    pub(crate) fn bad_values(&self) -> Vec<(Option<Value>, String)> {
        let mut bad = Vec::new();
        if self.is_required {
            bad.extend([None, Some(Value::Null)].map(|value| (value, self.required_words())));
        }
        match self.kind {
            Kind::Credentials | Kind::Cookies | Kind::RotatedCookies => {
                bad.extend(self.bad_values_of_structure())
            }
            Kind::Origins => {
                let values = [json!("text"), json!(7), json!(true), json!({})];
                bad.extend(values.map(|value| (Some(value), format!("{} must be an array", self.name))));
            }
            Kind::Boolean => {
                let values = [json!("yes"), json!(1), json!([]), json!({})];
                bad.extend(values.map(|value| (Some(value), format!("{} must be a boolean", self.name))));
            }
            _ => bad.extend(self.bad_texts()),
        }
        bad
    }

    fn required_words(&self) -> String {
        match self.kind {
            Kind::Credentials => "credentials object required".to_owned(),
            Kind::Cookies | Kind::RotatedCookies => "cookies array required".to_owned(),
            _ => format!("{} required", self.name),
        }
    }

    fn bad_values_of_structure(&self) -> Vec<(Option<Value>, String)> {
        let mut bad: Vec<_> = [json!("text"), json!(7), json!(true)].into();
        let is_list = matches!(self.kind, Kind::Cookies | Kind::RotatedCookies);
        bad.push(if is_list { json!({}) } else { json!([]) });
        let mut bad: Vec<_> = bad.into_iter().map(|value| (Some(value), self.required_words())).collect();
        if self.kind == Kind::Cookies {
            let neither = "cookies or origins required: a session has at least one cookie or one entry of origin storage";
            bad.push((Some(json!([])), neither.to_owned()));
        }
        if is_list {
            let too_many = "cookies must hold at most 1000 cookies".to_owned();
            bad.push((Some(json!(vec![cookie(); 1001])), too_many));
        }
        bad
    }

    fn bad_texts(&self) -> Vec<(Option<Value>, String)> {
        let name = self.name;
        let no_text = [json!(7), json!(true), json!([]), json!({})];
        let mut bad: Vec<_> = no_text.map(|value| (Some(value), format!("{name} must be a string"))).into();
        let mut refuse = |texts: &[&str], words: String| {
            bad.extend(texts.iter().map(|text| (Some(json!(text)), words.clone())));
        };
        if self.is_required {
            refuse(&["", "  "], format!("{name} required"));
        }
        refuse(&[&"x".repeat(1025)], format!("{name} must have at most 1024 characters"));
        refuse(&["a\nb", "a\0b", "\u{85}"], format!("{name} must not hold control characters"));
        let hidden = ["a\u{202e}b", "\u{200b}", "a\u{2028}b", "a\u{ad}b", "a\u{e0041}"];
        refuse(&hidden, format!("{name} must not hold invisible characters"));
        match self.kind {
            Kind::Id => refuse(&NO_UUIDS, format!("{name} must be a UUID")),
            Kind::Platform => refuse(
                &["Insta Gram", "INSTAGRAM", "insta/gram", "é", &"x".repeat(65)],
                "platform must have 1 to 64 characters of a-z, 0-9, '.', '_' and '-'".to_owned(),
            ),
            Kind::Choice(words) => refuse(&["token", "JSON", "Password"], words.to_owned()),
            Kind::Time => refuse(
                &["", "soon", "2026-12-31", "2026-12-31T23:59:59", "2026-02-30T00:00:00Z", "1735689600"],
                "expires_at must be an ISO 8601 time with its offset and before 9999-12-30, such as 2026-12-31T23:59:59Z"
                    .to_owned(),
            ),
            _ => {}
        }
        bad
    }
}

/// Invalid ids, some of which a lenient reader would accept.
pub(crate) const NO_UUIDS: [&str; 7] = [
    "session-uuid-123",
    "a1b2c3d4-5e6f-7g8h-9i0j-k1l2m3n4o5p6",
    "00000000000040008000000000000000",
    "{00000000-0000-4000-8000-000000000000}",
    "urn:uuid:00000000-0000-4000-8000-000000000000",
    " 00000000-0000-4000-8000-000000000000",
    "00000000-0000-4000-8000-00000000000é",
];
