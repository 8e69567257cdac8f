//! A schema as HTML: an object as a list of its members, anything else in words.

use super::prose;
use maud::{Markup, html};
use serde_json::Value;
use std::collections::BTreeSet;

const SCHEMAS: &str = "#/components/schemas/";
/// A schema's rules for a value, in words.
const RULES: [(&str, &str); 9] = [
    ("format", "format"),
    ("minLength", "characters from"),
    ("maxLength", "characters to"),
    ("minimum", "from"),
    ("maximum", "to"),
    ("exclusiveMaximum", "below"),
    ("minItems", "items from"),
    ("maxItems", "items to"),
    ("default", "default"),
];

/// The members of an object with their details, or else its kind.
pub(super) fn render_schema(schema: &Value) -> Markup {
    if let Some(parts) = schema["allOf"].as_array() {
        return html! { @for part in parts { (render_schema(part)) } };
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return html! {
            @for (index, choice) in choices.iter().enumerate() {
                div.either {
                    p.quiet { (if index == 0 { "Either" } else { "or" }) }
                    (render_schema(choice))
                }
            }
        };
    }
    if !schema["properties"].is_object() {
        return html! { p.kind { (render_kind(schema)) } };
    }
    html! {
        dl {
            @for (name, member, is_required) in members(schema) {
                dt {
                    code { (name) }
                    " " span.kind { (render_kind(member)) @if !is_required { ", optional" } }
                }
                dd {
                    (prose(description(member)))
                    @for inner in [member, &member["items"]] {
                        @if inner["properties"].is_object() { (render_schema(inner)) }
                    }
                }
            }
        }
    }
}

/// An object's members and whether they are required: those first, in the order of their
/// declaration.
fn members(schema: &Value) -> Vec<(&str, &Value, bool)> {
    let required: Vec<_> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let all = schema["properties"].as_object().into_iter().flatten();
    let optional = all.filter(|(name, _)| !required.contains(&name.as_str()));
    let optional = optional.map(|(name, member)| (name.as_str(), member, false));
    let required = required.iter().map(|name| (*name, &schema["properties"][*name], true));
    required.chain(optional).collect()
}

/// A member's description, which is in its value if that can be null.
fn description(member: &Value) -> &Value {
    member.get("description").unwrap_or(&member["oneOf"][0]["description"])
}

/// A schema in words.
pub(super) fn render_kind(schema: &Value) -> Markup {
    if let Some(name) = name_of_reference(schema) {
        return html! { a href=(format!("#schema-{name}")) { (name) } };
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return html! {
            @for (index, choice) in choices.iter().enumerate() { @if index > 0 { " or " } (render_kind(choice)) }
        };
    }
    html! {
        (types(&schema["type"]))
        @if let Some(items) = schema.get("items") { " of " (render_kind(items)) }
        @for (key, words) in RULES {
            @if let Some(rule) = schema.get(key) { ", " (words) " " (in_words(rule)) }
        }
        @if let Some(values) = schema["enum"].as_array() {
            ": " (values.iter().map(in_words).collect::<Vec<_>>().join(", "))
        }
        @if let Some(pattern) = schema["pattern"].as_str() { ", " code { (pattern) } }
    }
}

fn types(value: &Value) -> String {
    match value {
        Value::Array(types) => types.iter().map(in_words).collect::<Vec<_>>().join(" or "),
        Value::String(kind) => kind.clone(),
        _ => "anything".to_owned(),
    }
}

fn in_words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The name of the schema to which this one refers.
pub(super) fn name_of_reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix(SCHEMAS)
}

/// The names of the schemas to which others refer.
pub(super) fn referenced(document: &Value) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut waiting = vec![&document["components"]["schemas"]];
    while let Some(value) = waiting.pop() {
        names.extend(name_of_reference(value));
        match value {
            Value::Object(members) => waiting.extend(members.values()),
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    names
}
