//! The parts of request bodies. Each body is one struct beside its handler, declared with
//! [`body!`], which generates both its reader and its schema. This module must not know any handler.

mod cookies;
mod origins;
mod values;

pub(crate) use cookies::{Cookie, GivenCookie};
pub(crate) use origins::{GivenOrigin, Origin, RequestHeader, SessionStorage, StorageState};
pub(crate) use values::*;

use crate::api::MAX_BODY_BYTES;
use crate::error::Error;
use crate::request::{Fields, is_json, parse_id, read_body};
use crate::words::Word;
use axum::extract::{FromRequest, Request};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::marker::PhantomData;
use utoipa::ToSchema;
use uuid::Uuid;

/// The body of a request, or an object in one.
// Decision: docs/decisions/http.md#a-body-is-one-struct-with-its-handler
pub(crate) trait Body: ToSchema + Sized {
    /// Reads the fields in their order. The error names the first one that is wrong.
    fn read(fields: Fields) -> Result<Self, Error>;
}

/// A value in a body.
pub(crate) trait Value: Sized {
    /// What the error calls it if it is missing, after the field's name.
    const KIND: &'static str = "";

    /// Reads a field; `None` if it is absent or null.
    fn optional(fields: &mut Fields, name: &str) -> Result<Option<Self>, Error>;

    /// Reads a field that must be there.
    fn required(fields: &mut Fields, name: &str) -> Result<Self, Error> {
        Self::optional(fields, name)?.ok_or_else(|| required(name, Self::KIND))
    }
}

/// A value written as a text of at most 1,024 visible characters. A required text must not be
/// blank.
pub(crate) trait FromText: Sized {
    fn from_text(text: String, name: &str) -> Result<Self, Error>;
}

impl<T: FromText> Value for T {
    fn optional(fields: &mut Fields, name: &str) -> Result<Option<Self>, Error> {
        fields.text(name)?.map(|text| T::from_text(text, name)).transpose()
    }

    fn required(fields: &mut Fields, name: &str) -> Result<Self, Error> {
        let text = fields.text(name)?.filter(|text| !text.trim().is_empty());
        T::from_text(text.ok_or_else(|| required(name, ""))?, name)
    }
}

impl<T: Value> Value for Option<T> {
    fn optional(fields: &mut Fields, name: &str) -> Result<Option<Self>, Error> {
        T::optional(fields, name).map(Some)
    }

    fn required(fields: &mut Fields, name: &str) -> Result<Self, Error> {
        T::optional(fields, name)
    }
}

/// A field that is only checked.
pub(crate) type Checked<T> = PhantomData<T>;

impl<T: Value> Value for Checked<T> {
    fn optional(fields: &mut Fields, name: &str) -> Result<Option<Self>, Error> {
        Ok(T::optional(fields, name)?.map(|_| PhantomData))
    }

    fn required(fields: &mut Fields, name: &str) -> Result<Self, Error> {
        T::required(fields, name).map(|_| PhantomData)
    }
}

/// A field of an edit; `None` if it is absent, so that the stored value stays.
pub(crate) struct Change<T>(pub(crate) Option<T>);

impl<T: Value> Value for Change<T> {
    fn optional(fields: &mut Fields, name: &str) -> Result<Option<Self>, Error> {
        Self::required(fields, name).map(Some)
    }

    fn required(fields: &mut Fields, name: &str) -> Result<Self, Error> {
        fields.has(name).then(|| T::required(fields, name)).transpose().map(Self)
    }
}

impl<T: Body> Value for Vec<T> {
    const KIND: &'static str = " array";

    fn optional(fields: &mut Fields, name: &str) -> Result<Option<Self>, Error> {
        let Some(objects) = fields.objects(name)? else { return Ok(None) };
        let read =
            |(index, object)| T::read(object).map_err(|error| error.in_place(&format!("{name}[{index}]")));
        objects.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Some)
    }
}

impl Value for bool {
    fn optional(fields: &mut Fields, name: &str) -> Result<Option<Self>, Error> {
        fields.take(name, "a boolean")
    }
}

impl FromText for Uuid {
    fn from_text(text: String, name: &str) -> Result<Self, Error> {
        parse_id(&text, name)
    }
}

impl<T: Word> FromText for T {
    fn from_text(text: String, name: &str) -> Result<Self, Error> {
        let words: Vec<_> = T::ALL.iter().map(|word| word.as_str()).collect();
        let (last, others) = words.split_last().ok_or(Error::Internal("no words to choose from"))?;
        let fault = || Error::BadRequest(format!("{name} must be {} or {last}", others.join(", ")));
        T::parse(&text).ok_or_else(fault)
    }
}

fn required(name: &str, kind: &str) -> Error {
    Error::BadRequest(format!("{name}{kind} required"))
}

/// Declares the body of a request:
///
/// ```text
/// body! {
///     /// The body of `reveal`.
///     #[schema(examples(json!({"creatorProfileId": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f"})))]
///     lenient struct RevealRequest { creator_profile_id as "creatorProfileId": Uuid }
/// }
/// ```
///
/// A `lenient` body ignores unknown fields, a `strict` one refuses them. An `edit` refuses them too,
/// with an error that says which fields can be changed.
macro_rules! body {
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $json:tt) => { $json };
    (@ $others:ident [$(#[$attribute:meta])*] $name:ident {
        $($(#[$of_field:meta])* $field:ident $(as $json:tt)?: $type:ty),* $(,)?
    }) => {
        #[derive(utoipa::ToSchema)]
        $(#[$attribute])*
        pub(crate) struct $name {
            $($(#[$of_field])* $(#[schema(rename = $json)])? pub(crate) $field: $type,)*
        }

        impl $crate::body::Body for $name {
            fn read(mut fields: $crate::request::Fields) -> Result<Self, $crate::error::Error> {
                let names = [$($crate::body::body!(@name $field $($json)?)),*];
                fields.check_names(&names, $crate::request::Others::$others)?;
                Ok(Self {
                    $($field: $crate::body::Value::required(
                        &mut fields,
                        $crate::body::body!(@name $field $($json)?),
                    )?,)*
                })
            }
        }
    };
    ($(#[$attribute:meta])* lenient struct $name:ident $members:tt $($rest:tt)*) => {
        $crate::body::body!(@ Ignored [$(#[$attribute])*] $name $members);
        $crate::body::body!($($rest)*);
    };
    ($(#[$attribute:meta])* strict struct $name:ident $members:tt $($rest:tt)*) => {
        $crate::body::body!(@ Unknown [$(#[$attribute])* #[serde(deny_unknown_fields)]] $name $members);
        $crate::body::body!($($rest)*);
    };
    ($(#[$attribute:meta])* edit struct $name:ident $members:tt $($rest:tt)*) => {
        $crate::body::body!(@ Fixed [$(#[$attribute])* #[serde(deny_unknown_fields)]] $name $members);
        $crate::body::body!($($rest)*);
    };
    () => {};
}
pub(crate) use body;

/// A received body of at most `MOST` bytes. A handler reads it after it has checked that the caller may act: no one else
/// may learn what is wrong with it.
pub(crate) struct JsonBody<T, const MOST: usize = MAX_BODY_BYTES> {
    fields: Fields,
    as_what: PhantomData<fn() -> T>,
}

impl<T: Body, const MOST: usize> JsonBody<T, MOST> {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, Error> {
        Ok(Self { fields: Fields::parse(json, member_names::<T>)?, as_what: PhantomData })
    }

    pub(crate) fn read(self) -> Result<T, Error> {
        T::read(self.fields)
    }
}

impl<T: Body, const MOST: usize, S: Send + Sync> FromRequest<S> for JsonBody<T, MOST> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        if !is_json(request.headers()) {
            return Err(Error::UnsupportedMediaType);
        }
        Self::parse(&read_body(request, MOST).await?)
    }
}

/// The names of all documented fields, including those of objects in the body.
pub(crate) fn member_names<T: ToSchema>() -> BTreeSet<String> {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    let mut names = BTreeSet::new();
    for (_, schema) in schemas {
        add_names(&serde_json::to_value(schema).unwrap_or_default(), &mut names);
    }
    names
}

fn add_names(schema: &Json, names: &mut BTreeSet<String>) {
    match schema {
        Json::Object(members) => {
            let properties = members.get("properties").and_then(Json::as_object);
            names.extend(properties.into_iter().flat_map(|properties| properties.keys().cloned()));
            members.values().for_each(|inner| add_names(inner, names));
        }
        Json::Array(schemas) => schemas.iter().for_each(|inner| add_names(inner, names)),
        _ => {}
    }
}
