//! The cookies and the origin storage in the body of `store-platform-session`.

use crate::body::Value;
use crate::error::Error;
use crate::request::Fields;
use serde_json::value::RawValue;
use stagepass_core::OriginStorage;
use stagepass_core::cookie::{Cookie, MAX_COOKIES, unkept_members};
use stagepass_core::origin_storage;

/// At most 1,000 valid cookies.
pub(crate) struct GivenCookies {
    pub(super) cookies: Vec<Cookie>,
    /// The parts that are not stored, in words.
    pub(super) warnings: Vec<String>,
}

impl Value for GivenCookies {
    fn optional(fields: &mut Fields, name: &str) -> Result<Option<Self>, Error> {
        let given = fields.cookies(name)?;
        if given.len() > MAX_COOKIES {
            return Err(Error::BadRequest(format!("{name} must hold at most {MAX_COOKIES} cookies")));
        }
        let warnings = unkept_members(&given);
        let check = |(index, cookie)| {
            let checked = Cookie::try_from(cookie);
            checked.map_err(|fault| Error::BadRequest(format!("{name}[{index}]: {fault}")))
        };
        let cookies = given.into_iter().enumerate().map(check).collect::<Result<_, _>>()?;
        Ok(Some(Self { cookies, warnings }))
    }
}

/// Valid origin storage.
pub(crate) struct GivenOrigins {
    /// Empty if none of them has an entry.
    pub(super) origins: Vec<OriginStorage>,
    /// The parts that are not stored, in words.
    pub(super) warnings: Vec<String>,
}

impl Value for GivenOrigins {
    fn optional(fields: &mut Fields, name: &str) -> Result<Option<Self>, Error> {
        let given = fields.take::<Vec<Box<RawValue>>>(name, "an array")?;
        let read = |(index, origin): (usize, &RawValue)| {
            // serde_json's message may quote a value.
            let fault =
                || Error::BadRequest(format!("{name}[{index}]: holds a text or number that can't be read"));
            serde_json::from_str(origin.get()).map_err(|_| fault())
        };
        let given = given.iter().flatten().map(AsRef::as_ref).enumerate().map(read);
        let given = given.collect::<Result<Vec<_>, _>>()?;
        let warnings = origin_storage::unkept_members(&given);
        let mut origins =
            origin_storage::read(given).map_err(|fault| Error::BadRequest(fault.to_string()))?;
        if origin_storage::entry_count(&origins) == 0 {
            origins.clear();
        }
        Ok(Some(Self { origins, warnings }))
    }
}
