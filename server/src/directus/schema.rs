//! The collections that Stagepass keeps in Directus, as data.

use serde_json::{Value, json};

/// A collection and what must be in it.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) name: &'static str,
    note: &'static str,
    pub(super) fields: &'static [Field],
    pub(super) relations: &'static [Relation],
}

/// A field and its type.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether a row without it makes no sense.
    is_required: bool,
    pub(super) is_unique: bool,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The record's own id.
    Id,
    /// Another record's id.
    Reference,
    /// Text of at most so many characters.
    Text(u16),
    /// A sealed blob, which the app does not show.
    Sealed,
    /// A point in time with its zone.
    Time,
    Integer,
}

/// Rows that go when the one they refer to goes.
#[derive(Debug)]
pub(super) struct Relation {
    pub(super) field: &'static str,
    pub(super) related: &'static str,
}

/// The longest text that the API takes.
const LONG: u16 = 1024;
/// The longest platform identifier, and the length of a hash in hexadecimal.
const SHORT: u16 = 64;

const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, is_required: true, is_unique: false }
}

const fn optional(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, is_required: false, is_unique: false }
}

const CONNECTION: Relation = Relation { field: "creator_profile_id", related: "platform_connections" };

/// All of them, each after those that it refers to.
pub(super) const COLLECTIONS: [Collection; 3] = [
    Collection {
        name: "platform_connections",
        note: "Accounts on platforms, with sealed credentials",
        fields: &[
            required("id", Kind::Id),
            required("user_id", Kind::Reference),
            // Rows of other writers have none until Stagepass meets them.
            Field { is_unique: true, ..optional("identity_key", Kind::Text(SHORT)) },
            required("platform", Kind::Text(SHORT)),
            optional("platform_username", Kind::Text(LONG)),
            optional("encrypted_credentials", Kind::Sealed),
            optional("credentials_version", Kind::Text(SHORT)),
            optional("credentials_updated_at", Kind::Time),
            optional("created_at", Kind::Time),
            optional("updated_at", Kind::Time),
        ],
        relations: &[Relation { field: "user_id", related: "directus_users" }],
    },
    Collection {
        name: "download_credentials",
        note: "What yt-dlp signs in with, sealed",
        fields: &[
            required("id", Kind::Id),
            required("user_id", Kind::Reference),
            required("creator_profile_id", Kind::Reference),
            required("platform", Kind::Text(SHORT)),
            required("auth_type", Kind::Text(SHORT)),
            optional("username", Kind::Text(LONG)),
            optional("display_name", Kind::Text(LONG)),
            optional("encrypted_credentials", Kind::Sealed),
            optional("credentials_version", Kind::Text(SHORT)),
            optional("created_at", Kind::Time),
            optional("updated_at", Kind::Time),
        ],
        relations: &[CONNECTION],
    },
    Collection {
        name: "platform_sessions",
        note: "Captured browser sessions, with sealed cookies",
        fields: &[
            required("id", Kind::Id),
            required("user_id", Kind::Reference),
            required("creator_profile_id", Kind::Reference),
            required("platform", Kind::Text(SHORT)),
            optional("encrypted_cookies", Kind::Sealed),
            optional("credentials_version", Kind::Text(SHORT)),
            optional("cookie_count", Kind::Integer),
            optional("user_agent", Kind::Text(LONG)),
            required("status", Kind::Text(SHORT)),
            required("captured_at", Kind::Time),
            optional("expires_at", Kind::Time),
            optional("revoked_at", Kind::Time),
            optional("superseded_at", Kind::Time),
        ],
        relations: &[CONNECTION],
    },
];

impl Collection {
    /// What makes the collection with all its fields. Without accountability
    /// Directus keeps no revisions, and so no blob that was replaced or erased.
    pub(super) fn definition(&self) -> Value {
        let fields: Vec<_> = self.fields.iter().map(|field| field.definition(field.is_required)).collect();
        json!({
            "collection": self.name,
            "schema": {},
            "meta": {"accountability": null, "icon": "key", "note": self.note},
            "fields": fields,
        })
    }
}

impl Field {
    /// What makes the field. In a collection that may have rows it can't be
    /// required.
    pub(super) fn definition(&self, is_required: bool) -> Value {
        let mut schema = json!({"is_nullable": !is_required});
        match self.kind {
            Kind::Id => schema["is_primary_key"] = json!(true),
            Kind::Reference => schema["is_indexed"] = json!(true),
            Kind::Text(max_length) => schema["max_length"] = json!(max_length),
            Kind::Sealed | Kind::Time | Kind::Integer => {}
        }
        if self.is_unique {
            schema["is_unique"] = json!(true);
        }
        let is_hidden = matches!(self.kind, Kind::Id | Kind::Sealed);
        let mut meta = json!({"hidden": is_hidden, "readonly": true, "searchable": !is_hidden});
        if self.kind == Kind::Id {
            // Another writer may leave the id to Directus.
            meta["special"] = json!(["uuid"]);
        }
        json!({"field": self.name, "type": self.kind.accepted_types()[0], "schema": schema, "meta": meta})
    }
}

impl Kind {
    /// Directus's types that will do; the first is the one we make.
    pub(super) fn accepted_types(self) -> &'static [&'static str] {
        match self {
            Self::Id | Self::Reference => &["uuid"],
            Self::Text(_) => &["string", "text"],
            Self::Sealed => &["text"],
            // The other types of times have no zone.
            Self::Time => &["timestamp"],
            Self::Integer => &["integer", "bigInteger"],
        }
    }
}

impl Relation {
    /// What makes the relation.
    pub(super) fn definition(&self, collection: &str) -> Value {
        json!({
            "collection": collection,
            "field": self.field,
            "related_collection": self.related,
            "schema": {"on_delete": "CASCADE"},
            "meta": {"one_deselect_action": "delete"},
        })
    }
}
