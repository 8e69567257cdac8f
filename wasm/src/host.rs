//! Handing cookies to yt-dlp: through the native host, or as a file to
//! download where no host is installed.

use crate::browser::send_native_message;
use crate::capture::{read_signed_in, site_of};
use crate::failure::{Failure, browser_message, says};
use crate::js::{from_js, to_js};
use js_sys::{Array, Object, Reflect, Uint8Array};
use secrecy::ExposeSecret;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use stagepass_core::host::{Answer, ExportRequest, HOST_NAME};
use stagepass_core::netscape::{Dialect, render};
use stagepass_core::visible::printable_line;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Blob, BlobPropertyBag, Url};

/// What `export_for_yt_dlp` is asked for.
#[derive(Debug, Deserialize)]
struct ExportForYtDlp {
    platform: String,
    label: String,
    store_id: String,
}

/// Where the popup finds a cookie file to download.
#[derive(Debug, Serialize)]
struct CookieFile {
    /// A `blob:` URL of the calling page, which is to revoke it.
    url: String,
    cookie_count: usize,
    /// What the file can't carry, in words.
    losses: Vec<String>,
}

/// Exports the session of a cookie store through the native host and gives its answer.
///
/// # Errors
/// A [`Failure`].
#[wasm_bindgen]
pub async fn export_for_yt_dlp(request: JsValue) -> Result<JsValue, JsValue> {
    let request: ExportForYtDlp = from_js(&request)?;
    let site = site_of(&request.platform)?;
    let capture = read_signed_in(&site, &request.store_id).await?;
    let message = to_js(&ExportRequest {
        id: "export",
        kind: "export",
        platform: site.id(),
        // The server may know a name that the host refuses.
        label: &printable_line(&request.label),
        cookies: &capture.cookies,
        expires: capture.report.expires,
    })?;
    let answer = send_native_message(HOST_NAME, &message).await;
    let answer = answer.map_err(|error| of_unanswered(&browser_message(&error)))?;
    accepted(from_js(&answer)?)?;
    // The answer's own fields are left.
    for envelope in ["id", "type", "ok"] {
        Reflect::delete_property(answer.unchecked_ref::<Object>(), &envelope.into())?;
    }
    Ok(answer)
}

/// The session of a cookie store as a cookie file behind a `blob:` URL, so that its text
/// stays out of the extension's JavaScript. Only a page can make such a URL;
/// a service worker can't.
///
/// # Errors
/// A [`Failure`].
#[wasm_bindgen]
pub async fn cookie_file(platform: String, store_id: String) -> Result<JsValue, JsValue> {
    let site = site_of(&platform)?;
    let capture = read_signed_in(&site, &store_id).await?;
    let rendered = render(&capture.cookies, Dialect::HttpOnlyPrefix);
    let bytes = Uint8Array::from(rendered.text.expose_secret().as_bytes());
    let options = BlobPropertyBag::new();
    options.set_type("text/plain");
    let blob = Blob::new_with_u8_array_sequence_and_options(&Array::of1(&bytes), &options)?;
    let url = Url::create_object_url_with_blob(&blob)?;
    let losses = rendered.losses.iter().map(ToString::to_string).collect();
    Ok(to_js(&CookieFile { url, cookie_count: capture.cookies.len(), losses })?)
}

/// Nothing, or the host's refusal.
fn accepted(answer: Answer<IgnoredAny>) -> Result<(), Failure> {
    if answer.ok {
        return Ok(());
    }
    let (host_code, reason) = answer.error.map_or_else(
        || ("unknown".to_owned(), "no reason given".to_owned()),
        |error| (error.code, error.message),
    );
    Err(Failure::HostRefused { host_code, reason })
}

/// What the browser says where no answer comes. The words are all that tells
/// these cases apart; they have been the same for years in both browsers.
pub(crate) fn of_unanswered(reason: &str) -> Failure {
    if says(reason, "host not found") || says(reason, "No such native application") {
        Failure::NoHost
    } else if says(reason, "forbidden") {
        Failure::HostForbidden
    } else {
        Failure::HostFailed { reason: reason.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tells_a_missing_host_apart_from_a_failing_one() {
        let chromium = "Specified native messaging host not found.";
        let firefox = "No such native application app.stagepass.native_host";
        for reason in [chromium, firefox] {
            assert!(matches!(of_unanswered(reason), Failure::NoHost), "{reason}");
        }
        let reason = "Access to the specified native messaging host is forbidden.";
        assert!(matches!(of_unanswered(reason), Failure::HostForbidden));
        assert!(matches!(of_unanswered("Native host has exited."), Failure::HostFailed { .. }));
    }

    #[test]
    fn passes_the_hosts_own_words_on() {
        let answer = json!({
            "id": "export", "type": "export", "ok": false,
            "error": {"code": "not_writable", "message": "/media/full: no space left"},
        });
        let failure = accepted(serde_json::from_value(answer).unwrap()).unwrap_err();
        assert_eq!(failure.to_string(), "the native host refused: /media/full: no space left");
    }

    #[test]
    fn takes_what_the_host_has_done() {
        let answer = json!({"id": "export", "type": "export", "ok": true, "path": "p", "cookie_count": 2});
        accepted(serde_json::from_value(answer).unwrap()).unwrap();
    }
}
