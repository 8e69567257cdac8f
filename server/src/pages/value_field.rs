//! A value in a form: the control that takes what its field may hold, and what is
//! sent from there as the API reads it. A browser alters some texts on the way
//! through a control; a value that nobody touched is put back as it was.

use crate::app_credentials::types::TypeFieldResponse;
use crate::app_credentials::values::KeyResponse;
use crate::error::Error;
use maud::{Markup, html};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Number;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// A value as somebody would type it into its field: a text without its quotation
/// marks, unless any JSON may be there.
pub(super) fn text(field: &TypeFieldResponse, key: &KeyResponse) -> Zeroizing<String> {
    let json = key.key_value.as_ref().map_or("", |shown| shown.json());
    let text = if field.field_type == "json" { None } else { serde_json::from_str(json).ok() };
    Zeroizing::new(text.unwrap_or_else(|| json.to_owned()))
}

pub(super) fn name(field: &TypeFieldResponse) -> String {
    format!("key-{}", field.id)
}

/// What is typed into a field, as JSON of its type where it is that, to the letter;
/// else as a text, which the API finds not to fit. `stored` is what was there to be
/// edited.
pub(super) fn read(
    field: &TypeFieldResponse,
    typed: &SecretString,
    stored: Option<&KeyResponse>,
) -> Result<Box<RawValue>, Error> {
    // It leaves its wrapper to be put into the body that the API reads.
    let (typed, bare) = (typed.expose_secret(), typed.expose_secret().trim());
    let shown = stored.filter(|_| !field.sensitive);
    if let Some(json) = shown.and_then(|key| key.key_value.as_ref())
        && shown.is_some_and(|key| typed == sent_back(&text(field, key)))
    {
        return RawValue::from_string(json.json().to_owned()).map_err(|_| not_json(field));
    }
    let is_bare = match field.field_type {
        "number" => serde_json::from_str::<Number>(bare).is_ok(),
        "boolean" => matches!(bare, "true" | "false"),
        "json" => true,
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

fn not_json(field: &TypeFieldResponse) -> Error {
    Error::BadRequest(format!("{} must be JSON", field.field_label))
}

/// What a browser makes of a text in a control that nobody touches (HTML, sections
/// 4.10.11 and 13.2.3.5), its line breaks as [`super::filled::Filled`] has them.
fn sent_back(shown: &str) -> String {
    shown.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}")
}

/// The control for a field.
pub(super) fn control(
    field: &TypeFieldResponse,
    shown: &str,
    is_required: bool,
    hint: Option<&str>,
) -> Markup {
    let name = name(field);
    let has_lines = shown.contains(['\n', '\r']) || (field.sensitive && field.field_type == "string");
    let is_hidden = field.sensitive || field.field_type == "password";
    let input_mode = match field.field_type {
        "number" => Some("decimal"),
        "url" => Some("url"),
        _ => None,
    };
    html! {
        @if field.field_type == "boolean" {
            select id=(name) name=(name) required[is_required] aria-describedby=[hint] {
                @for (value, label) in [("", "–"), ("true", "yes"), ("false", "no")] {
                    option value=(value) selected[value == shown] { (label) }
                }
            }
        } @else if field.field_type == "json" || has_lines {
            textarea id=(name) name=(name) rows="4" required[is_required] aria-describedby=[hint]
                autocomplete="off" spellcheck="false" {
                // A browser drops the line break that comes first.
                "\n" (shown)
            }
        } @else {
            input id=(name) name=(name) required[is_required] aria-describedby=[hint] value=(shown)
                type=(if is_hidden { "password" } else { "text" }) inputmode=[input_mode]
                autocomplete=(if is_hidden { "new-password" } else { "off" }) spellcheck="false";
        }
    }
}
