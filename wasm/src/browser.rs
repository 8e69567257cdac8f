//! The browser functions that this crate calls: `chrome.*`, which Firefox has too, and
//! `fetch`, which pages and workers share.

use js_sys::{Array, Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;
use web_sys::Request;

// These functions are not declared async: an async import catches a rejected promise, but not a
// synchronous throw, which Chromium does for a bad argument.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["chrome", "cookies"], js_name = getAll)]
    fn cookies_get_all(details: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["chrome", "permissions"], js_name = contains)]
    fn permissions_contains(permissions: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["chrome", "runtime"], js_name = sendNativeMessage)]
    fn runtime_send_native_message(host: &str, message: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["chrome", "runtime"], js_name = connectNative)]
    fn runtime_connect_native(host: &str) -> Result<Port, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["chrome", "cookies"], js_name = set)]
    fn cookies_set(details: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["chrome", "scripting"], js_name = executeScript)]
    fn scripting_execute_script(injection: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, delay_ms: u32);

    /// `chrome.runtime.Port`, open to the native host.
    pub type Port;

    #[wasm_bindgen(method, catch, js_name = postMessage)]
    fn post_message_to_port(this: &Port, message: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(catch, js_name = fetch)]
    fn global_fetch(request: &Request) -> Result<Promise, JsValue>;
}

/// Every cookie that matches `details`.
pub(crate) async fn get_all_cookies(details: &JsValue) -> Result<JsValue, JsValue> {
    JsFuture::from(cookies_get_all(details)?).await
}

/// Whether the extension holds `permissions`.
pub(crate) async fn has_permissions(permissions: &JsValue) -> Result<JsValue, JsValue> {
    JsFuture::from(permissions_contains(permissions)?).await
}

/// Starts the host, sends it one message and returns its answer.
pub(crate) async fn send_native_message(host: &str, message: &JsValue) -> Result<JsValue, JsValue> {
    JsFuture::from(runtime_send_native_message(host, message)?).await
}

/// Starts the host and keeps it running.
pub(crate) fn connect_native(host: &str) -> Result<Port, JsValue> {
    runtime_connect_native(host)
}

impl Port {
    /// Sends the host a message.
    pub(crate) fn post_message(&self, message: &JsValue) -> Result<(), JsValue> {
        self.post_message_to_port(message)
    }
}

/// Writes a cookie into a store; returns null if the browser refuses it.
pub(crate) async fn set_cookie(details: &JsValue) -> Result<JsValue, JsValue> {
    JsFuture::from(cookies_set(details)?).await
}

/// Runs a function in a page; returns undefined if there is no answer within the time.
pub(crate) async fn execute_script(injection: &JsValue, timeout_ms: u32) -> Result<JsValue, JsValue> {
    let timeout = Promise::new(&mut |resolve, _| set_timeout(&resolve, timeout_ms));
    let answer = scripting_execute_script(injection)?;
    JsFuture::from(Promise::race(&Array::of2(&answer, &timeout))).await
}

/// Sends a request and returns the response.
pub(crate) async fn fetch(request: &Request) -> Result<JsValue, JsValue> {
    JsFuture::from(global_fetch(request)?).await
}
