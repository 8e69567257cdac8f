//! Converts between JavaScript values and Rust types. Knows none of the types.

use js_sys::Reflect;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsValue;

/// A value has an unexpected form. The library's message is dropped, because it may quote a
/// cookie's value.
// Decision: docs/decisions/extension.md#serde-wasm-bindgen-reads-and-writes-javascript-values
#[derive(Debug)]
pub(crate) struct Unexpected;

/// Converts a value into plain JavaScript objects.
pub(crate) fn to_js<T: Serialize>(value: &T) -> Result<JsValue, Unexpected> {
    value.serialize(&Serializer::json_compatible()).map_err(|_| Unexpected)
}

/// Reads an argument or an answer from JavaScript.
pub(crate) fn from_js<T: DeserializeOwned>(value: &JsValue) -> Result<T, Unexpected> {
    serde_wasm_bindgen::from_value(value.clone()).map_err(|_| Unexpected)
}

/// A member of an object; `None` if it is not a text.
pub(crate) fn text(object: &JsValue, name: &str) -> Option<String> {
    Reflect::get(object, &name.into()).ok()?.as_string()
}
