//! Exports cookies for yt-dlp: through the native host, or as a file to download if no host is
//! installed.

use crate::browser::send_native_message;
use crate::browser_session::{Held, Wish, read_signed_in};
use crate::failure::{Failure, browser_message, contains};
use crate::js::{from_js, to_js};
use crate::site::site_of;
use js_sys::{Array, Object, Reflect, Uint8Array};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use stagepass_core::host::{AnswerError, ExportRequest, HOST_NAME};
use stagepass_core::netscape::{Dialect, render};
use stagepass_core::visible::printable_line;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Blob, BlobPropertyBag, Url};

/// The argument of `export_for_yt_dlp`.
#[derive(Debug, Deserialize)]
struct ExportForYtDlp {
    platform: String,
    label: String,
    store_id: String,
    /// The tab that the popup is over.
    tab: Option<u32>,
    user_agent: String,
}

/// The host's answer, as far as this module reads it.
#[derive(Debug, Deserialize)]
struct Answered {
    ok: bool,
    error: Option<AnswerError>,
}

/// A cookie file that the popup can download.
#[derive(Debug, Serialize)]
struct CookieFile {
    /// A `blob:` URL of the calling page, which has to revoke it.
    url: String,
    cookie_count: usize,
    /// What the file can't contain of the cookies, as messages for people.
    losses: Vec<String>,
}

/// Exports the session of a cookie store through the native host and returns its answer, with
/// `old_host` if the host left out the origin storage, and in `unread` why that could not be read.
/// `storage` is what the person has chosen of what a site stores that is not in the catalogue.
///
/// # Errors
/// A [`Failure`].
#[wasm_bindgen]
pub async fn export_for_yt_dlp(request: JsValue, storage: JsValue) -> Result<JsValue, JsValue> {
    let request: ExportForYtDlp = from_js(&request)?;
    let site = site_of(&request.platform)?;
    // yt-dlp uses cookies alone, so they are exported also if storage can't be read.
    let wish = Wish::Session { chosen: &storage, tab: request.tab };
    let Held { capture, unread } = read_signed_in(&site, &request.store_id, wish).await?;
    let message = to_js(&ExportRequest {
        id: "export",
        kind: "export",
        platform: site.id(),
        // The server may have stored a name that the host refuses.
        label: &printable_line(&request.label),
        cookies: &capture.cookies,
        origins: &capture.origins,
        user_agent: Some(&request.user_agent),
        expires: capture.report.expires,
    })?;
    let answer = send_native_message(HOST_NAME, &message).await;
    let answer = answer.map_err(|error| of_unanswered(&browser_message(&error)))?;
    accepted(from_js(&answer)?)?;
    // Release 0.1.0 of the host knows no origin storage.
    let is_left_out = !capture.origins.is_empty() && !Reflect::has(&answer, &"entry_count".into())?;
    if is_left_out && site.is_login_in_storage() {
        return Err(Failure::OldHost.into());
    }
    Reflect::set(&answer, &"old_host".into(), &is_left_out.into())?;
    Reflect::set(&answer, &"unread".into(), &to_js(&unread)?)?;
    // Remove the frame's own fields, so that only those of an export remain.
    for envelope in ["id", "type", "ok"] {
        Reflect::delete_property(answer.unchecked_ref::<Object>(), &envelope.into())?;
    }
    Ok(answer)
}

/// Offers the session of a cookie store as a cookie file at a `blob:` URL, so that its text
/// stays out of the extension's JavaScript. Only a page can create such a URL, and a service
/// worker can't.
///
/// # Errors
/// A [`Failure`].
#[wasm_bindgen]
pub async fn cookie_file(platform: String, store_id: String) -> Result<JsValue, JsValue> {
    let site = site_of(&platform)?;
    let capture = read_signed_in(&site, &store_id, Wish::Account).await?.capture;
    let rendered = render(&capture.cookies, Dialect::HttpOnlyPrefix);
    let bytes = Uint8Array::from(rendered.text.expose_secret().as_bytes());
    let options = BlobPropertyBag::new();
    options.set_type("text/plain");
    let blob = Blob::new_with_u8_array_sequence_and_options(&Array::of1(&bytes), &options)?;
    let url = Url::create_object_url_with_blob(&blob)?;
    let losses = rendered.losses.iter().map(ToString::to_string).collect();
    Ok(to_js(&CookieFile { url, cookie_count: capture.cookies.len(), losses })?)
}

/// Checks for the host's refusal.
fn accepted(answer: Answered) -> Result<(), Failure> {
    if answer.ok {
        return Ok(());
    }
    let (host_code, reason) = answer.error.map_or_else(
        || ("unknown".to_owned(), "no reason given".to_owned()),
        |error| (error.code, error.message),
    );
    // Release 0.1.0 wants cookies even where the login is in storage alone.
    if reason.starts_with("cookies must be 1 to") {
        return Err(Failure::OldHost);
    }
    Err(Failure::HostRefused { host_code, reason })
}

/// Converts the browser's message about a host that didn't answer. Only the message
/// distinguishes these cases; both browsers have kept it for years.
pub(crate) fn of_unanswered(reason: &str) -> Failure {
    if contains(reason, "host not found") || contains(reason, "No such native application") {
        Failure::NoHost
    } else if contains(reason, "forbidden") {
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
    fn distinguishes_a_missing_host_from_a_failing_one() {
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
    fn passes_on_the_hosts_message() {
        let answer = json!({
            "id": "export", "type": "export", "ok": false,
            "error": {"code": "not_writable", "message": "/media/full: no space left"},
        });
        let failure = accepted(serde_json::from_value(answer).unwrap()).unwrap_err();
        assert_eq!(failure.to_string(), "the native host refused: /media/full: no space left");
    }

    #[test]
    fn accepts_a_successful_answer() {
        let answer = json!({"id": "export", "type": "export", "ok": true, "path": "p", "cookie_count": 2});
        accepted(serde_json::from_value(answer).unwrap()).unwrap();
    }
}
