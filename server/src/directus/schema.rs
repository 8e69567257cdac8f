//! The collections that Stagepass keeps in Directus, as data.

use serde_json::{Value, json};

/// A collection and its required fields.
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
    /// Whether a row is invalid without it.
    is_required: bool,
    pub(super) is_unique: bool,
}

/// The kind of value that a field contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The record's own id.
    Id,
    /// Another record's id.
    Reference,
    /// Text with at most this many characters.
    Text(u16),
    /// A sealed blob, which Directus's app does not show.
    Sealed,
    /// A point in time with its zone.
    Time,
    Integer,
    Flag,
}

/// Rows that are deleted with the row they refer to.
#[derive(Debug)]
pub(super) struct Relation {
    pub(super) field: &'static str,
    pub(super) related: &'static str,
}

/// The longest text that the API accepts.
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

/// All collections, each after those it refers to.
pub(super) const COLLECTIONS: [Collection; 3] = [
    Collection {
        name: "platform_connections",
        note: "Accounts on platforms, with sealed credentials",
        fields: &[
            required("id", Kind::Id),
            required("user_id", Kind::Reference),
            // Rows of other writers have none until Stagepass first uses them.
            Field { is_unique: true, ..optional("identity_key", Kind::Text(SHORT)) },
            required("platform", Kind::Text(SHORT)),
            optional("platform_username", Kind::Text(LONG)),
            optional("encrypted_credentials", Kind::Sealed),
            optional("credentials_version", Kind::Text(SHORT)),
            optional("credentials_updated_at", Kind::Time),
            optional("created_at", Kind::Time),
            optional("updated_at", Kind::Time),
            optional("write_back_allowed", Kind::Flag),
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
        note: "Captured browser sessions, with sealed cookies and origin storage",
        fields: &[
            required("id", Kind::Id),
            required("user_id", Kind::Reference),
            required("creator_profile_id", Kind::Reference),
            required("platform", Kind::Text(SHORT)),
            optional("encrypted_cookies", Kind::Sealed),
            optional("encrypted_origins", Kind::Sealed),
            optional("credentials_version", Kind::Text(SHORT)),
            optional("cookie_count", Kind::Integer),
            optional("entry_count", Kind::Integer),
            optional("user_agent", Kind::Text(LONG)),
            required("status", Kind::Text(SHORT)),
            required("captured_at", Kind::Time),
            optional("expires_at", Kind::Time),
            optional("revoked_at", Kind::Time),
            optional("superseded_at", Kind::Time),
            optional("renewed_by", Kind::Text(LONG)),
        ],
        relations: &[CONNECTION],
    },
];

/// Each collection, with the names of its fields as a query asks for them.
pub(crate) fn fields_of_collections() -> impl Iterator<Item = (&'static str, String)> {
    COLLECTIONS.iter().map(|collection| {
        let names: Vec<_> = collection.fields.iter().map(|field| field.name).collect();
        (collection.name, names.join(","))
    })
}

impl Collection {
    /// The call that creates the collection with all its fields. Without accountability Directus
    /// keeps no revisions, and so no replaced or erased blob.
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
    /// The call that creates the field. In a collection that may have rows it can't be required.
    pub(super) fn definition(&self, is_required: bool) -> Value {
        let mut schema = json!({"is_nullable": !is_required});
        match self.kind {
            Kind::Id => schema["is_primary_key"] = json!(true),
            Kind::Reference => schema["is_indexed"] = json!(true),
            Kind::Text(max_length) => schema["max_length"] = json!(max_length),
            Kind::Sealed | Kind::Time | Kind::Integer | Kind::Flag => {}
        }
        if self.is_unique {
            schema["is_unique"] = json!(true);
        }
        let is_hidden = matches!(self.kind, Kind::Id | Kind::Sealed);
        let mut meta = json!({"hidden": is_hidden, "readonly": true, "searchable": !is_hidden});
        if self.kind == Kind::Id {
            // Another writer may let Directus choose the id.
            meta["special"] = json!(["uuid"]);
        }
        json!({"field": self.name, "type": self.kind.accepted_types()[0], "schema": schema, "meta": meta})
    }
}

impl Kind {
    /// Directus types that are accepted; the first is used for a new field.
    pub(super) fn accepted_types(self) -> &'static [&'static str] {
        match self {
            Self::Id | Self::Reference => &["uuid"],
            Self::Text(_) => &["string", "text"],
            Self::Sealed => &["text"],
            Self::Flag => &["boolean"],
            // Directus's other time types have no zone.
            Self::Time => &["timestamp"],
            Self::Integer => &["integer", "bigInteger"],
        }
    }
}

impl Relation {
    /// The call that creates the relation.
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
