//! The form to add and edit a credential, built from the fields of its type.

use super::credentials::{PART, path};
use super::filled::{Filled, body};
use super::layout::{HtmlPage, alert, done};
use super::value_field;
use crate::app::App;
use crate::app_credentials::credentials::{self, AppCredentialResponse};
use crate::app_credentials::types::{self, CredentialTypeResponse};
use crate::error::Error;
use crate::identity::UserId;
use crate::request::{Id, Parameters, parse_id};
use crate::store;
use crate::store::TypeField;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use uuid::Uuid;
use zeroize::Zeroizing;

/// The type of a new credential.
#[derive(Deserialize)]
pub(super) struct OfType {
    r#type: Option<String>,
}

/// A form for a new or an existing credential.
struct Form<'a> {
    of: &'a CredentialTypeResponse,
    existing: Option<&'a AppCredentialResponse>,
    /// The `ETag` of the edited content.
    tag: &'a str,
    /// The previous input, if it was refused.
    filled: Option<&'a Filled>,
    failure: Option<&'a Error>,
}

/// Asks for the type of a new credential, and then for the rest.
pub(super) async fn new(
    user: UserId,
    State(app): State<Arc<App>>,
    page: store::Page,
    Parameters(OfType { r#type }): Parameters<OfType>,
) -> Result<HtmlPage, Error> {
    if let Some(id) = r#type {
        let Json(of) = types::credential_type(user, State(app), Id(parse_id(&id, "type")?)).await?;
        return Ok(Form { of: &of, existing: None, tag: "", filled: None, failure: None }.page());
    }
    let named = |of: CredentialTypeResponse| (of.id, of.type_name, of.description);
    let types = types::listed(user, app, page).await?.listing(page, named).await?;
    let body = html! {
        p { "What kind of credential is it?" }
        ul.plain { @for (id, name, description) in &types.data {
            li {
                a href=(format!("{PART}/new?type={id}")) { (name) }
                @if let Some(description) = description { " " span.quiet { (description) } }
            }
        } }
        (super::layout::pager(&types, "/app/credentials/new", &[]))
    };
    Ok(HtmlPage::new(PART, "New credential", body))
}

/// Adds a credential.
pub(super) async fn add(
    user: UserId,
    State(app): State<Arc<App>>,
    filled: Filled,
) -> Result<Response, Error> {
    let type_id = parse_id(filled.text("credentialTypeId"), "credentialTypeId")?;
    let Json(of) = types::credential_type(user, State(Arc::clone(&app)), Id(type_id)).await?;
    let adding = async {
        let members = Members { credential_type_id: Some(type_id), ..Members::read(&of, None, &filled)? };
        credentials::add_app_credential(user, State(app), body(&members)?).await
    };
    match adding.await.map_err(|error| in_words_of_form(error, &of)) {
        Ok((_, (_, Json(made)))) => Ok(done(&path(made.id), "created").into_response()),
        Err(error @ (Error::BadRequest(_) | Error::Conflict(_) | Error::OverLimit(_))) => {
            let form =
                Form { of: &of, existing: None, tag: "", filled: Some(&filled), failure: Some(&error) };
            Ok(form.page().into_response())
        }
        Err(error) => Err(error),
    }
}

/// Shows a credential's form.
pub(super) async fn edit(user: UserId, State(app): State<Arc<App>>, Id(id): Id) -> Result<HtmlPage, Error> {
    let ([(_, tag)], Json(existing)) =
        credentials::app_credential(user, State(Arc::clone(&app)), Id(id)).await?;
    let Json(of) = types::credential_type(user, State(app), Id(existing.credential_type_id)).await?;
    Ok(Form { of: &of, existing: Some(&existing), tag: &tag, filled: None, failure: None }.page())
}

/// Changes a credential, unless another edit came in between.
pub(super) async fn update(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    filled: Filled,
) -> Result<Response, Error> {
    let ([(_, tag)], Json(existing)) =
        credentials::app_credential(user, State(Arc::clone(&app)), Id(id)).await?;
    let of_type = Id(existing.credential_type_id);
    let Json(of) = types::credential_type(user, State(Arc::clone(&app)), of_type).await?;
    let updating = async {
        let fields = body(&Members::read(&of, Some(&existing), &filled)?)?;
        credentials::update_app_credential(user, State(app), Id(id), filled.if_match(), fields).await
    };
    match updating.await.map_err(|error| in_words_of_form(error, &of)) {
        Ok(_) => Ok(done(&path(id), "saved").into_response()),
        Err(
            error @ (Error::BadRequest(_)
            | Error::Conflict(_)
            | Error::OverLimit(_)
            | Error::PreconditionFailed),
        ) => {
            let (existing, failure) = (Some(&existing), Some(&error));
            let form = Form { of: &of, existing, tag: &tag, filled: Some(&filled), failure };
            Ok(form.page().into_response())
        }
        Err(error) => Err(error),
    }
}

/// The form as the API's members.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    credential_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_type_id: Option<Uuid>,
    description: &'a str,
    keys: Vec<Key>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    field_id: Uuid,
    key_value: Box<RawValue>,
}

impl<'a> Members<'a> {
    fn read(
        of: &CredentialTypeResponse,
        existing: Option<&AppCredentialResponse>,
        filled: &'a Filled,
    ) -> Result<Self, Error> {
        let key = |field: &TypeField| {
            let typed = filled.secret(&value_field::name(field));
            let key_value =
                value_field::read(field, &typed, existing.and_then(|existing| existing.key(field.id)))?;
            Ok(Key { field_id: field.id, key_value })
        };
        Ok(Self {
            credential_name: filled.text("credentialName"),
            credential_type_id: None,
            description: filled.text("description"),
            keys: of.fields.iter().map(key).collect::<Result<_, Error>>()?,
        })
    }
}

/// The same fault in the words of the form.
fn in_words_of_form(error: Error, of: &CredentialTypeResponse) -> Error {
    let Error::BadRequest(fault) = &error else { return error };
    let fields = of.fields.iter().enumerate().flat_map(|(index, field)| {
        [format!("keys[{index}]: keyValue "), format!("{} ", field.field_name)]
            .map(|api| (api, &*field.field_label))
    });
    let others = [("credentialName", "Name"), ("description", "Description")];
    let others = others.map(|(api, form)| (format!("{api} "), form));
    let found = fields.chain(others).find_map(|(api, form)| Some((fault.strip_prefix(&api)?, form)));
    match found {
        Some((what, form)) => Error::BadRequest(format!("{form} {what}")),
        None => error,
    }
}

impl Form<'_> {
    fn page(&self) -> HtmlPage {
        let action = self.existing.map_or(PART.to_owned(), |existing| path(existing.id));
        let back = self.existing.map_or(PART.to_owned(), |existing| path(existing.id));
        let title = match self.existing {
            Some(existing) => format!("Edit {}", existing.credential_name),
            None => format!("New credential: {}", self.of.type_name),
        };
        let name = self.existing.map_or("", |existing| existing.credential_name.as_str());
        let description =
            self.existing.and_then(|existing| existing.description.as_deref()).unwrap_or_default();
        let body = html! {
            (alert(self.failure))
            @if matches!(self.failure, Some(Error::PreconditionFailed)) {
                p { "Your version is below. Save it again to replace the other one." }
            }
            @if self.filled.is_some() && self.of.fields.iter().any(|field| field.sensitive) {
                p { "Secrets are not shown again: enter them once more." }
            }
            form.narrow method="post" action=(action) {
                @match self.existing {
                    Some(_) => input type="hidden" name="etag" value=(self.tag);,
                    None => input type="hidden" name="credentialTypeId" value=(self.of.id);,
                }
                label for="credentialName" { "Name" }
                input id="credentialName" name="credentialName" required maxlength="200"
                    value=(self.given("credentialName").unwrap_or(name));
                label for="description" { "Description " span.quiet { "(optional)" } }
                input id="description" name="description" maxlength="1024"
                    value=(self.given("description").unwrap_or(description));
                @for field in &self.of.fields { (self.field(field)) }
                div.row {
                    button type="submit" { "Save" }
                    a.button href=(back) { "Cancel" }
                }
            }
        };
        HtmlPage::new(PART, title, body).after(self.failure)
    }

    /// The previous input, unless it is secret.
    fn given(&self, name: &str) -> Option<&str> {
        self.filled.map(|filled| filled.text(name))
    }

    fn field(&self, field: &TypeField) -> Markup {
        let name = value_field::name(field);
        let key = self.existing.and_then(|existing| existing.key(field.id));
        let is_kept = field.sensitive && key.is_some_and(|key| key.has_value);
        let shown = match self.given(&name) {
            _ if field.sensitive => Zeroizing::default(),
            Some(given) => Zeroizing::new(given.to_owned()),
            None => key.map(|key| value_field::text(field, key)).unwrap_or_default(),
        };
        let hint = is_kept.then(|| format!("{name}-hint"));
        html! {
            label for=(name) {
                (field.field_label)
                @if !field.required { " " span.quiet { "(optional)" } }
            }
            (value_field::control(field, &shown, field.required && !is_kept, hint.as_deref()))
            @if let Some(hint) = &hint { p.hint id=(hint) { "A value is stored. Leave this empty to keep it." } }
        }
    }
}
