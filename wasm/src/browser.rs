//! The browser's functions that this crate calls: `chrome.*`, which Firefox
//! knows by the same name, and `fetch`, which pages and workers share.

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;
use web_sys::Request;

// These are not declared async: such an import catches a rejected promise, but
// not a function that throws at once, as Chromium does for a bad argument.
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

    /// `chrome.runtime.Port`, open to the native host.
    pub type Port;

    #[wasm_bindgen(method, catch, js_name = postMessage)]
    fn post_message_to_port(this: &Port, message: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(catch, js_name = fetch)]
    fn global_fetch(request: &Request) -> Result<Promise, JsValue>;
}

/// Every cookie that fits `details`.
pub(crate) async fn get_all_cookies(details: &JsValue) -> Result<JsValue, JsValue> {
    JsFuture::from(cookies_get_all(details)?).await
}

/// Whether the extension holds `permissions`.
pub(crate) async fn has_permissions(permissions: &JsValue) -> Result<JsValue, JsValue> {
    JsFuture::from(permissions_contains(permissions)?).await
}

/// Starts the host, sends it one message and gives its answer.
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

/// Puts a cookie into a store; gives null where the browser does not take it.
pub(crate) async fn set_cookie(details: &JsValue) -> Result<JsValue, JsValue> {
    JsFuture::from(cookies_set(details)?).await
}

/// Sends a request and gives the response.
pub(crate) async fn fetch(request: &Request) -> Result<JsValue, JsValue> {
    JsFuture::from(global_fetch(request)?).await
}
