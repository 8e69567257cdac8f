//! What a web page can reach of the extension: nothing.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::browsers::popup;
use stagepass_tests::stage::bridge::BridgeStage;
use stagepass_tests::stage::main_job::built_extension;
use std::fs;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// Everything that a page can try with the extension's id: each entry has its outcome.
const TRY: &str = "(async (origin, id) => {
    const outcome = (promise) => promise.then(() => 'reached', () => 'refused');
    const message = () => new Promise((resolve, reject) => {
        chrome.runtime.sendMessage(id, {type: 'status'}, (answer) => answer ? resolve() : reject());
    });
    const shown = (tag, url) => new Promise((resolve, reject) => {
        const made = Object.assign(document.createElement(tag), {onload: resolve, onerror: reject, src: url});
        document.body.append(made);
    });
    return {
        message: await outcome((async () => message())()),
        fetch: await outcome(fetch(`${origin}popup.html`, {mode: 'no-cors'})),
        script: await outcome(shown('script', `${origin}wasm/stagepass.js`)),
        image: await outcome(shown('img', `${origin}icons/128.png`)),
    };
})";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reaches_nothing_though_it_knows_the_extensions_id() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    bridge.switch_on().await?;
    let id = bridge.browser.extension_id()?;
    let origin = format!("chrome-extension://{id}/");
    let tried = bridge.tab.evaluate(&format!("{TRY}({}, {})", json!(origin), json!(id))).await?;
    let refused = json!({"message": "refused", "fetch": "refused", "script": "refused", "image": "refused"});
    assert_eq!(tried, refused);

    // A frame with the popup shows the browser's own error page.
    let frame = format!(
        "(() => {{ const frame = document.createElement('iframe'); frame.src = {}; \
         frame.onload = () => {{ window.hasLoaded = true; }}; document.body.append(frame); }})()",
        json!(format!("{origin}popup.html"))
    );
    bridge.tab.evaluate(&frame).await?;
    bridge.tab.wait_for("the frame to load something", SOON, "window.hasLoaded").await?;
    let worker = popup::service_worker(&bridge.browser).await?;
    let kinds =
        "chrome.runtime.getContexts({}).then((all) => all.map(({contextType}) => contextType).sort())";
    assert_eq!(
        worker.evaluate(kinds).await?,
        json!(["BACKGROUND", "POPUP"]),
        "one of our pages is in a frame"
    );
    // The same call works from a page that is allowed to make it.
    let own: Value = bridge.popup.evaluate("chrome.runtime.sendMessage({type: 'bridge'})").await?;
    assert_eq!(own["value"]["allowed"][0]["platform"], "instagram");
    Ok(())
}

#[test]
fn nothing_listens_to_pages_or_other_extensions() -> Result<()> {
    let extension = built_extension()?;
    let mut listens = 0;
    for entry in walk(&extension)? {
        let text = fs::read_to_string(&entry).with_context(|| entry.display().to_string())?;
        listens += text.matches("runtime.onMessage.").count();
        for stranger in
            ["onMessageExternal", "onConnectExternal", "onConnect.", "addEventListener(\"message\""]
        {
            assert!(!text.contains(stranger), "{stranger} in {}", entry.display());
        }
    }
    assert_eq!(listens, 1, "each listener checks the sender");
    Ok(())
}

/// The scripts in a folder and below it.
fn walk(folder: &std::path::Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(walk(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "js") {
            found.push(path);
        }
    }
    Ok(found)
}
