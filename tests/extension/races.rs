//! Two things at once: what is asked for last counts, whichever answer comes first.

use crate::storage_choice::{entry_box, on_unknown_site, open_choice};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::stage::main_job::outcome;
use stagepass_tests::stage::renewal::{RenewalStage, SOON, wait_for_renewal};

/// Keeps the worker's next session from the server until `release` is called.
pub(crate) const HOLD_NEXT_SESSION: &str = "{ \
    const send = fetch; \
    globalThis.fetch = (request, ...rest) => { \
      if (!request.url?.endsWith('/store-platform-session')) return send(request, ...rest); \
      globalThis.fetch = send; \
      globalThis.isHeld = true; \
      const patient = new Request(request, {signal: null}); \
      return new Promise((resolve) => { globalThis.release = resolve; }).then(() => send(patient)); \
    }; }";

/// The server's newest session.
pub(crate) async fn newest(renewal: &RenewalStage) -> Result<Value> {
    let body = renewal.stage.server.user().await?.get("/api/platform-sessions").await?.body;
    Ok(body["data"][0]["id"].clone())
}

/// Waits until the capture has been stored or waits for the renewal that is under way.
async fn wait_for_capture(worker: &Attachment) -> Result<()> {
    let is_there = "Promise.all([navigator.locks.query(), chrome.storage.session.get('outcome.capture')])\
        .then(([{pending}, {'outcome.capture': outcome}]) => outcome?.status === 'done' \
          || (outcome?.status === 'running' && pending.some(({name}) => name === 'renewal')))";
    worker.wait_for("the capture", SOON, is_there).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_by_a_click_is_newer_than_a_renewal_that_began_before_it() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    let worker = renewal.worker().await?;
    worker.evaluate(HOLD_NEXT_SESSION).await?;
    renewal.rotate().await?;
    worker.wait_for("the renewal", SOON, "globalThis.isHeld").await?;
    // What the renewal has read is no longer what the browser holds.
    renewal.rotate().await?;
    let popup = renewal.popup().await?;
    // So that the outcome of the first capture is not taken for this one's.
    worker.evaluate("chrome.storage.session.remove('outcome.capture')").await?;
    popup.click("#capture").await?;
    wait_for_capture(&worker).await?;
    worker.evaluate("release()").await?;
    assert_eq!(outcome(&popup, "#outcome").await?, "captured");
    renewal.wait_for_sessions(3).await?;
    let captured = worker.evaluate("chrome.storage.session.get('outcome.capture')").await?;
    let captured = captured["outcome.capture"]["session_id"].clone();
    assert!(captured.is_string(), "{captured}");
    assert_eq!(newest(&renewal).await?, captured);
    assert_eq!(renewal.kept(&worker).await?["sessionId"], captured);
    wait_for_renewal(&popup, "on").await.context("renewal goes on")?;
    assert_eq!(json!(renewal.sessions().await?.0), 3);
    Ok(())
}

/// Keeps the answer to the popup's next question for a preview until `release` is called.
const HOLD_NEXT_PREVIEW: &str = "{ \
    const send = chrome.runtime.sendMessage.bind(chrome.runtime); \
    chrome.runtime.sendMessage = async (message) => { \
      if (message.type !== 'preview') return send(message); \
      chrome.runtime.sendMessage = send; \
      const answer = await send(message); \
      globalThis.isHeld = true; \
      await new Promise((resolve) => { globalThis.release = resolve; }); \
      setTimeout(() => { globalThis.isReleased = true; }); \
      return answer; \
    }; }";

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_that_comes_late_does_not_replace_a_newer_one() -> Result<()> {
    let (_stage, _browser, _tab, popup) = on_unknown_site().await?;
    open_choice(&popup).await?;
    popup.evaluate(HOLD_NEXT_PREVIEW).await?;
    let shown =
        "[...document.querySelectorAll('#entry-table tbody th')].map(({firstChild}) => firstChild.data)";
    let getter = entry_box(&popup, "getItem").await?;
    popup.click(&getter).await?;
    popup.wait_for("the first preview", SOON, "globalThis.isHeld").await?;
    popup.click(&getter).await?;
    popup.click(&entry_box(&popup, "length").await?).await?;
    popup.wait_for("the newest preview", SOON, &format!("String({shown}) === 'length'")).await?;
    popup.evaluate("release()").await?;
    popup.wait_for("the first preview", SOON, "globalThis.isReleased").await?;
    assert_eq!(popup.evaluate(shown).await?, json!(["length"]));
    Ok(())
}
