//! Creates the missing collections, fields and relations in a Directus. Existing ones stay
//! unchanged, or are refused before anything changes.

use super::schema::{COLLECTIONS, Collection, Field, Relation};
use super::{Call, Directus, DirectusError};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use thiserror::Error;
use uuid::Uuid;

/// The number of attempts.
const ATTEMPTS: usize = 3;
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Why the collections could not be created.
#[derive(Debug, Error)]
pub(crate) enum BootstrapError {
    #[error("{0}; check that DIRECTUS_ADMIN_TOKEN belongs to an administrator")]
    Refused(DirectusError),
    #[error("{0}; check that DIRECTUS_URL is right and that Directus runs")]
    Unavailable(DirectusError),
    #[error(transparent)]
    Directus(DirectusError),
    #[error("nothing was changed, because of conflicts:\n{}", .0.join("\n"))]
    InTheWay(Vec<String>),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<DirectusError> for BootstrapError {
    fn from(error: DirectusError) -> Self {
        match error {
            DirectusError::Unavailable => Self::Unavailable(error),
            _ if error.is_refusal() => Self::Refused(error),
            _ => Self::Directus(error),
        }
    }
}

/// A collection as Directus describes it.
#[derive(Debug, Deserialize)]
struct FoundCollection {
    collection: String,
    meta: Option<FoundMeta>,
    /// Absent for a folder, which has no table.
    schema: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct FoundMeta {
    accountability: Option<String>,
}

#[derive(Debug, Deserialize)]
struct FoundField {
    field: String,
    r#type: String,
    schema: Option<FoundColumn>,
}

#[derive(Debug, Deserialize)]
struct FoundColumn {
    is_unique: bool,
    is_primary_key: bool,
}

#[derive(Debug, Deserialize)]
struct FoundRelation {
    field: String,
    related_collection: Option<String>,
    schema: Option<FoundForeignKey>,
}

#[derive(Debug, Deserialize)]
struct FoundForeignKey {
    on_delete: Option<String>,
}

#[derive(Debug, Deserialize)]
struct FoundPermission {
    collection: String,
    action: String,
}

/// The parts of a collection that exist.
struct Found {
    is_accountable: bool,
    fields: BTreeMap<String, FoundField>,
    relations: BTreeMap<String, FoundRelation>,
}

/// Creates what is missing and reports each step to `say`, one line each. Safe to run again, even
/// after an interruption or at several places at once.
pub(crate) async fn bootstrap(
    directus: &Directus,
    mut say: impl FnMut(&str) -> io::Result<()>,
) -> Result<(), BootstrapError> {
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        match make(directus, &mut say).await {
            // Another run may be creating the same.
            Err(BootstrapError::Directus(_)) if attempts > 0 => tokio::time::sleep(RETRY_INTERVAL).await,
            done => return done,
        }
    }
}

async fn make(
    directus: &Directus,
    say: &mut impl FnMut(&str) -> io::Result<()>,
) -> Result<(), BootstrapError> {
    let found = find(directus).await?;
    let faults = |wanted: &Collection| found.get(wanted.name).map(|found| faults(wanted, found));
    let faults: Vec<_> = COLLECTIONS.iter().filter_map(faults).flatten().collect();
    if !faults.is_empty() {
        return Err(BootstrapError::InTheWay(faults));
    }
    for wanted in &COLLECTIONS {
        let steps = steps(wanted, found.get(wanted.name));
        if steps.is_empty() {
            say(&format!("{}: already exists", wanted.name))?;
        }
        for step in steps {
            directus.perform(&step.call()).await?;
            say(&format!("{}: {}", wanted.name, step.done))?;
        }
    }
    for FoundPermission { collection, action } in grants(directus).await? {
        say(&format!(
            "warning: a policy grants {action} on {collection}; Stagepass does not need it, so revoke it"
        ))?;
    }
    Ok(())
}

async fn find(directus: &Directus) -> Result<BTreeMap<&'static str, Found>, BootstrapError> {
    let all: Vec<FoundCollection> = directus.call(&Call::search("/collections", json!({}))).await?;
    let mut found = BTreeMap::new();
    for wanted in &COLLECTIONS {
        let Some(collection) = all.iter().find(|collection| collection.collection == wanted.name) else {
            continue;
        };
        if collection.schema.is_none() {
            let fault = format!("{}: is a folder but must be a collection", wanted.name);
            return Err(BootstrapError::InTheWay(vec![fault]));
        }
        let fields: Vec<FoundField> = list(directus, "fields", wanted.name).await?;
        let relations: Vec<FoundRelation> = list(directus, "relations", wanted.name).await?;
        let meta = collection.meta.as_ref();
        found.insert(
            wanted.name,
            Found {
                // A table without settings in Directus has the default, which is to keep revisions.
                is_accountable: meta.is_none_or(|meta| meta.accountability.is_some()),
                fields: fields.into_iter().map(|field| (field.field.clone(), field)).collect(),
                relations: relations.into_iter().map(|found| (found.field.clone(), found)).collect(),
            },
        );
    }
    Ok(found)
}

async fn list<T: serde::de::DeserializeOwned>(
    directus: &Directus,
    what: &str,
    collection: &str,
) -> Result<Vec<T>, DirectusError> {
    // These endpoints have no SEARCH. They ignore the query, but Directus caches by it, so a query
    // never used before is not cached.
    let unheard = Uuid::now_v7().to_string();
    directus.call(&Call::get(&format!("/{what}/{collection}"), &[("search", &unheard)])).await
}

/// Existing parts that Stagepass can't use.
fn faults(wanted: &Collection, found: &Found) -> Vec<String> {
    let of_field = |field: &Field| {
        let there = found.fields.get(field.name)?;
        let accepted = field.kind.accepted_types();
        let column = there.schema.as_ref();
        if !accepted.contains(&there.r#type.as_str()) {
            Some(format!("has the type {} but must have {}", there.r#type, accepted.join(" or ")))
        } else if field.is_unique && !column.is_some_and(|column| column.is_unique) {
            Some("must be unique".to_owned())
        } else if field.name == "id" && !column.is_some_and(|column| column.is_primary_key) {
            Some("must be the primary key".to_owned())
        } else {
            None
        }
    };
    let of_relation = |relation: &Relation| {
        let there = found.relations.get(relation.field)?;
        let is_related = there.related_collection.as_deref() == Some(relation.related);
        let on_delete = there.schema.as_ref().and_then(|key| key.on_delete.as_deref());
        let related = relation.related;
        (!is_related || on_delete != Some("CASCADE"))
            .then(|| format!("must refer to {related} with \"on delete: CASCADE\""))
    };
    let say = |field: &str, fault: String| format!("{}.{field}: {fault}", wanted.name);
    let fields = wanted.fields.iter().filter_map(|field| Some(say(field.name, of_field(field)?)));
    let relations = wanted.relations.iter().filter_map(|one| Some(say(one.field, of_relation(one)?)));
    let is_id_missing = !found.fields.contains_key("id");
    let id =
        is_id_missing.then(|| say("id", "is missing, and a primary key can't be added later".to_owned()));
    fields.chain(relations).chain(id).collect()
}

/// A change to make.
struct Step {
    method: Method,
    path: String,
    body: Value,
    /// The message after the change.
    done: String,
}

impl Step {
    fn post(path: String, body: Value, done: String) -> Self {
        Self { method: Method::POST, path, body, done }
    }

    fn call(&self) -> Call<'_> {
        Call::with_body(self.method.clone(), &self.path, self.body.clone())
    }
}

/// The changes from the existing collection to the wanted one.
fn steps(wanted: &Collection, found: Option<&Found>) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(found) = found {
        if found.is_accountable {
            steps.push(Step {
                method: Method::PATCH,
                path: format!("/collections/{}", wanted.name),
                body: json!({"meta": {"accountability": null}}),
                done: "keeps no revisions from now on; delete the existing ones".to_owned(),
            });
        }
        let missing = wanted.fields.iter().filter(|field| !found.fields.contains_key(field.name));
        steps.extend(missing.map(|field| {
            let path = format!("/fields/{}", wanted.name);
            Step::post(path, field.definition(false), format!("field {} created", field.name))
        }));
    } else {
        steps.push(Step::post("/collections".to_owned(), wanted.definition(), "made".to_owned()));
    }
    let is_there = |relation: &&Relation| found.is_some_and(|f| f.relations.contains_key(relation.field));
    let missing = wanted.relations.iter().filter(|relation| !is_there(relation));
    steps.extend(missing.map(|relation| {
        let done = format!("is deleted with its {}, by {}", relation.related, relation.field);
        Step::post("/relations".to_owned(), relation.definition(wanted.name), done)
    }));
    steps
}

async fn grants(directus: &Directus) -> Result<Vec<FoundPermission>, BootstrapError> {
    let names = COLLECTIONS.map(|collection| collection.name);
    let filter = json!({"collection": {"_in": names}});
    let query = json!({"filter": filter, "fields": "collection,action", "limit": -1});
    Ok(directus.call(&Call::search("/permissions", query)).await?)
}

#[cfg(test)]
mod tests {
    use super::super::schema::Kind;
    use super::*;

    /// A collection as Directus describes it after its creation here.
    fn created(wanted: &Collection) -> Found {
        let field = |field: &Field| FoundField {
            field: field.name.to_owned(),
            r#type: field.kind.accepted_types()[0].to_owned(),
            schema: Some(FoundColumn { is_unique: field.is_unique, is_primary_key: field.kind == Kind::Id }),
        };
        let relation = |relation: &Relation| FoundRelation {
            field: relation.field.to_owned(),
            related_collection: Some(relation.related.to_owned()),
            schema: Some(FoundForeignKey { on_delete: Some("CASCADE".to_owned()) }),
        };
        Found {
            is_accountable: false,
            fields: wanted.fields.iter().map(|one| (one.name.to_owned(), field(one))).collect(),
            relations: wanted.relations.iter().map(|one| (one.field.to_owned(), relation(one))).collect(),
        }
    }

    fn messages(wanted: &Collection, found: Option<&Found>) -> Vec<String> {
        steps(wanted, found).into_iter().map(|step| step.done).collect()
    }

    #[test]
    fn a_created_collection_has_no_fault_and_needs_no_step() {
        for wanted in &COLLECTIONS {
            let found = created(wanted);
            assert!(faults(wanted, &found).is_empty() && messages(wanted, Some(&found)).is_empty());
            assert_eq!(messages(wanted, None)[0], "made");
        }
    }

    #[test]
    fn adds_missing_fields_and_turns_revisions_off() {
        let wanted = &COLLECTIONS[2];
        let mut found = created(wanted);
        found.is_accountable = true;
        found.fields.remove("status");
        found.relations.clear();
        assert!(faults(wanted, &found).is_empty());
        let steps = steps(wanted, Some(&found));
        let paths: Vec<_> = steps.iter().map(|step| (step.method.as_str(), step.path.as_str())).collect();
        let expected = [
            ("PATCH", "/collections/platform_sessions"),
            ("POST", "/fields/platform_sessions"),
            ("POST", "/relations"),
        ];
        assert_eq!(paths, expected);
        assert_eq!(steps[0].body, json!({"meta": {"accountability": null}}));
        // Existing rows have no value for it.
        assert_eq!(steps[1].body["schema"]["is_nullable"], true);
    }

    #[test]
    fn names_all_conflicts() {
        let wanted = &COLLECTIONS[0];
        let mut found = created(wanted);
        let mut change =
            |name: &str, change: fn(&mut FoundField)| change(found.fields.get_mut(name).unwrap());
        change("updated_at", |field| field.r#type = "dateTime".to_owned());
        change("identity_key", |field| {
            field.schema = Some(FoundColumn { is_unique: false, is_primary_key: false })
        });
        change("id", |field| field.schema = Some(FoundColumn { is_unique: true, is_primary_key: false }));
        change("platform", |field| field.r#type = "text".to_owned());
        found.relations.get_mut("user_id").unwrap().schema = None;
        let faults = faults(wanted, &found);
        let conflicts: Vec<_> = faults.iter().map(|fault| fault.split(':').next().unwrap()).collect();
        let expected = ["id", "identity_key", "updated_at", "user_id"];
        assert_eq!(conflicts, expected.map(|name| format!("platform_connections.{name}")));
    }
}
