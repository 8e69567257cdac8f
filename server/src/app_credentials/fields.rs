//! Reading what requests for app credentials bring.

use crate::error::Error;
use crate::request::{Fields, parse_id};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A member as it is given; where an edit leaves it out, as it was kept.
pub(super) fn given_or<T>(
    fields: &mut Fields,
    field: &str,
    kept: Option<T>,
    read: impl FnOnce(&mut Fields) -> Result<T, Error>,
) -> Result<T, Error> {
    kept.filter(|_| !fields.has(field)).map_or_else(|| read(fields), Ok)
}

/// A name that must be there, without the white space around it.
pub(super) fn name(fields: &mut Fields, field: &str) -> Result<String, Error> {
    fields.trimmed(field)?.ok_or_else(|| Error::BadRequest(format!("{field} required")))
}

/// An id that must be there.
pub(super) fn id(fields: &mut Fields, field: &str) -> Result<Uuid, Error> {
    parse_id(&fields.required_text(field)?, field)
}

/// A list of ids, none of them twice; `None` where it is absent.
pub(super) fn ids(fields: &mut Fields, field: &str, most: usize) -> Result<Option<Vec<Uuid>>, Error> {
    let Some(texts) = fields.texts(field)? else { return Ok(None) };
    if texts.len() > most {
        return Err(Error::BadRequest(format!("{field} must have at most {most} ids")));
    }
    let ids = texts.iter().map(|text| parse_id(text, field)).collect::<Result<BTreeSet<_>, _>>()?;
    if ids.len() < texts.len() {
        return Err(Error::BadRequest(format!("{field} names an id twice")));
    }
    Ok(Some(ids.into_iter().collect()))
}

/// A description; none where it is empty.
pub(super) fn description(fields: &mut Fields) -> Result<Option<String>, Error> {
    Ok(fields.text("description")?.filter(|text| !text.is_empty()))
}
