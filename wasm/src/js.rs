//! JavaScript values from and to serde's types. Knows none of them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsValue;

/// A value is not what was expected. What the library says of it may quote it, and it may
/// be a cookie's, so no more is known.
#[derive(Debug)]
pub(crate) struct Unexpected;

/// A value as plain JavaScript objects.
pub(crate) fn to_js<T: Serialize>(value: &T) -> Result<JsValue, Unexpected> {
    value.serialize(&Serializer::json_compatible()).map_err(|_| Unexpected)
}

/// An argument or an answer from JavaScript.
pub(crate) fn from_js<T: DeserializeOwned>(value: &JsValue) -> Result<T, Unexpected> {
    serde_wasm_bindgen::from_value(value.clone()).map_err(|_| Unexpected)
}
