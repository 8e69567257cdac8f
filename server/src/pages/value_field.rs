//! A value in a form: a control for its field's type, and the submitted value as the API reads it.
//! Browsers alter some texts in a control, so a value that no one edited is restored.

use crate::app_credentials::values::KeyResponse;
use crate::error::Error;
use crate::store::{FieldType, TypeField};
use maud::{Markup, html};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Number;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// A value as someone would type it into its field: a text without its quotation marks, unless the
/// field takes any JSON.
pub(super) fn text(field: &TypeField, key: &KeyResponse) -> Zeroizing<String> {
    let json = key.key_value.as_ref().map_or("", |shown| shown.json());
    let text = if field.field_type == FieldType::Json { None } else { serde_json::from_str(json).ok() };
    Zeroizing::new(text.unwrap_or_else(|| json.to_owned()))
}

pub(super) fn name(field: &TypeField) -> String {
    format!("key-{}", field.id)
}

/// The input of a field: as JSON if it already is JSON of the field's type, unchanged; otherwise as
/// a text, which the API refuses. `stored` is the value that was shown for editing.
pub(super) fn read(
    field: &TypeField,
    typed: &SecretString,
    stored: Option<&KeyResponse>,
) -> Result<Box<RawValue>, Error> {
    // Exposed for the body that the API reads.
    let (typed, bare) = (typed.expose_secret(), typed.expose_secret().trim());
    let shown = stored.filter(|_| !field.sensitive);
    if let Some(json) = shown.and_then(|key| key.key_value.as_ref())
        && shown.is_some_and(|key| typed == sent_back(&text(field, key)))
    {
        return RawValue::from_string(json.json().to_owned()).map_err(|_| not_json(field));
    }
    let is_bare = match field.field_type {
        FieldType::Number => serde_json::from_str::<Number>(bare).is_ok(),
        FieldType::Boolean => matches!(bare, "true" | "false"),
        FieldType::Json => true,
        _ => false,
    };
    if bare.is_empty() {
        Ok(RawValue::NULL.to_owned())
    } else if is_bare {
        RawValue::from_string(bare.to_owned()).map_err(|_| not_json(field))
    } else {
        serde_json::value::to_raw_value(typed).map_err(|_| not_json(field))
    }
}

fn not_json(field: &TypeField) -> Error {
    Error::BadRequest(format!("{} must be JSON", field.field_label))
}

/// What a browser makes of a text in an unedited control (HTML, sections 4.10.11 and 13.2.3.5),
/// with line breaks as [`super::filled::Filled`] returns them.
fn sent_back(shown: &str) -> String {
    shown.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}")
}

/// The control for a field.
pub(super) fn control(field: &TypeField, shown: &str, is_required: bool, hint: Option<&str>) -> Markup {
    let name = name(field);
    let has_lines =
        shown.contains(['\n', '\r']) || (field.sensitive && field.field_type == FieldType::String);
    let is_hidden = field.sensitive || field.field_type == FieldType::Password;
    let input_mode = match field.field_type {
        FieldType::Number => Some("decimal"),
        FieldType::Url => Some("url"),
        _ => None,
    };
    html! {
        @if field.field_type == FieldType::Boolean {
            select id=(name) name=(name) required[is_required] aria-describedby=[hint] {
                @for (value, label) in [("", "–"), ("true", "yes"), ("false", "no")] {
                    option value=(value) selected[value == shown] { (label) }
                }
            }
        } @else if field.field_type == FieldType::Json || has_lines {
            textarea id=(name) name=(name) rows="4" required[is_required] aria-describedby=[hint]
                autocomplete="off" spellcheck="false" {
                // A browser drops the first line break.
                "\n" (shown)
            }
        } @else {
            input id=(name) name=(name) required[is_required] aria-describedby=[hint] value=(shown)
                type=(if is_hidden { "password" } else { "text" }) inputmode=[input_mode]
                autocomplete=(if is_hidden { "new-password" } else { "off" }) spellcheck="false";
        }
    }
}
