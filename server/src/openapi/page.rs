//! The document as one HTML page without scripts or external content.

mod schema;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use schema::{referenced, render_kind, render_schema};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("page.css");
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

/// A page, and the policy under which a browser may show it.
#[derive(Debug)]
pub(crate) struct ApiPage {
    /// The whole text.
    pub(crate) html: String,
    /// For `Content-Security-Policy`: only the page's own style, by its hash.
    pub(crate) policy: String,
}

/// Renders the completed document.
// Decision: docs/decisions/http.md#the-api-document-is-shown-by-a-page-of-our-own
pub(super) fn render(document: &Value) -> ApiPage {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    ApiPage { html: page(document).into_string(), policy }
}

fn page(document: &Value) -> Markup {
    let info = &document["info"];
    let tags = || document["tags"].as_array().into_iter().flatten();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (text(&info["title"])) " API" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (text(&info["title"])) " API" }
                p { (prose(&info["description"])) }
                p.quiet { "Version " (text(&info["version"])) " · " a href="/openapi.json" { "OpenAPI document" } }
                nav aria-label="Operations" {
                    @for tag in tags() {
                        h4 { (text(&tag["name"])) }
                        ul { @for operation in operations(document, tag) { li { (operation.link()) } } }
                    }
                }
                @for tag in tags() {
                    section {
                        h2 { (text(&tag["name"])) }
                        p { (prose(&tag["description"])) }
                        @for operation in operations(document, tag) { (operation.render(document)) }
                    }
                }
                (values(document))
            }
        }
    }
}

/// The schemas to which bodies and answers refer.
fn values(document: &Value) -> Markup {
    let schemas = &document["components"]["schemas"];
    html! {
        section {
            h2 { "Values" }
            @for name in referenced(document) {
                article id=(format!("schema-{name}")) {
                    h3 { (name) }
                    p { (prose(&schemas[name]["description"])) }
                    (render_schema(&schemas[name]))
                }
            }
        }
    }
}

struct Operation<'a> {
    path: &'a str,
    method: &'static str,
    value: &'a Value,
}

/// The operations under a tag, in the order of their paths.
fn operations<'a>(document: &'a Value, tag: &'a Value) -> impl Iterator<Item = Operation<'a>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, item)| {
        METHODS.into_iter().filter_map(move |method| {
            item.get(method).map(|value| Operation { path: path.as_str(), method, value })
        })
    });
    all.filter(|operation| operation.value["tags"][0] == tag["name"])
}

impl Operation<'_> {
    fn id(&self) -> &str {
        text(&self.value["operationId"])
    }

    fn link(&self) -> Markup {
        html! { a href=(format!("#{}", self.id())) { (text(&self.value["summary"])) } }
    }

    fn render(&self, document: &Value) -> Markup {
        let parameters = || self.value["parameters"].as_array().into_iter().flatten();
        let body = &self.value["requestBody"]["content"]["application/json"]["schema"];
        html! {
            article id=(self.id()) {
                h3 { code.method { (self.method.to_uppercase()) } code { (self.path) } }
                p { strong { (text(&self.value["summary"])) } }
                p { (prose(&self.value["description"])) }
                p.quiet { (self.caller()) }
                @if parameters().next().is_some() {
                    h4 { "Parameters" }
                    dl { @for parameter in parameters() { (render_parameter(parameter)) } }
                }
                @if !body.is_null() {
                    h4 { "Body" }
                    (render_schema(resolve(document, body)))
                    (render_examples(resolve(document, body)["examples"].as_array().into_iter().flatten()))
                }
                h4 { "Answers" }
                (self.render_answers(document))
            }
        }
    }

    fn caller(&self) -> String {
        let schemes = self.value["security"].as_array().into_iter().flatten();
        let callers = schemes.map(|scheme| scheme.as_object().and_then(|scheme| scheme.keys().next()));
        let callers: Vec<_> = callers.map(|scheme| who(scheme.map(String::as_str))).collect();
        format!(
            "Called by {}.",
            if callers.is_empty() { who(None).to_owned() } else { callers.join(", and by ") }
        )
    }

    fn render_answers(&self, document: &Value) -> Markup {
        let answers = || self.value["responses"].as_object().into_iter().flatten();
        let successes = || answers().filter(|(status, _)| status.starts_with('2'));
        let failures = || answers().filter(|(status, _)| !status.starts_with('2'));
        html! {
            @for (status, answer) in successes() {
                p { strong { (status) } " " (prose(&answer["description"])) }
                @if let Some(content) = answer["content"].as_object().and_then(|content| content.values().next()) {
                    (render_schema(resolve(document, &content["schema"])))
                    (render_examples([&content["example"]]))
                }
            }
            details {
                summary { "Failures: " (failures().map(|(status, _)| status.as_str()).collect::<Vec<_>>().join(", ")) }
                table {
                    @for (status, answer) in failures() {
                        tr { td { (status) } td { (render_failure(resolve(document, answer))) } }
                    }
                }
            }
        }
    }
}

/// The callers of a security scheme, and what they send.
fn who(scheme: Option<&str>) -> &'static str {
    match scheme {
        Some("user") => "users: Authorization: Bearer <access token>",
        Some("session") => "pages of this server, with the session cookie",
        Some("vault") => "anyone who has opened the vault: Authorization: Bearer <session token>",
        Some("set_up") => "anyone who can read the data directory: Authorization: Bearer <set-up token>",
        Some(_) => "services: X-RBAC-SYNC-SECRET: <secret>",
        None => "anyone",
    }
}

fn render_failure(answer: &Value) -> Markup {
    let headers = answer["headers"].as_object().into_iter().flatten();
    html! {
        (prose(&answer["description"])) "."
        @for (name, header) in headers { " " code { (name) } ": " (prose(&header["description"])) "." }
        br;
        code.kind { (answer["content"]["application/json"]["example"]) }
    }
}

fn render_parameter(parameter: &Value) -> Markup {
    html! {
        dt {
            code { (text(&parameter["name"])) }
            " " span.kind { "in " (text(&parameter["in"])) ", " (render_kind(&parameter["schema"])) }
        }
        dd { (prose(&parameter["description"])) }
    }
}

fn render_examples<'a>(examples: impl IntoIterator<Item = &'a Value>) -> Markup {
    html! {
        @for example in examples.into_iter().filter(|example| !example.is_null()) {
            details { summary { "Example" } pre { (format!("{example:#}")) } }
        }
    }
}

/// The target of a reference; any other value is returned unchanged.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A description. The only Markdown in use is code marks.
fn prose(value: &Value) -> Markup {
    html! {
        @for (index, part) in text(value).split('`').enumerate() {
            @if index % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn escapes_the_documents_text() {
        let document = json!({
            "info": {"title": "<b>T</b>"},
            "tags": [{"name": "A & B"}],
            "paths": {"/<i>": {"get": {"tags": ["A & B"], "summary": "\"S\"", "operationId": "\"><s>"}}},
        });
        let html = render(&document).html;
        for markup in ["<b>", "<i>", "<s>", "A & B"] {
            assert!(!html.contains(markup), "{markup}");
        }
        assert!(html.contains("/&lt;i&gt;") && html.contains("A &amp; B"));
    }
}
