//! A native host of which a test decides every byte: the browser starts a script that only
//! passes messages to and from the test.

use crate::stage::main_job::Stage;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_core::host::{CHROMIUM_EXTENSION_ID, HOST_NAME};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Passes everything on, in both directions.
const RELAY: &str = r#"#!/usr/bin/env python3
import os, socket, sys, threading
link = socket.create_connection(("127.0.0.1", PORT))
def to_test():
    while data := os.read(0, 65536):
        link.sendall(data)
    os._exit(0)
threading.Thread(target=to_test, daemon=True).start()
while data := link.recv(65536):
    while data:
        data = data[os.write(1, data):]
"#;
/// How long the browser may take to start it, and to send something.
const SOON: Duration = Duration::from_secs(60);

/// Waits for browsers that start the host.
#[derive(Debug)]
pub struct ScriptedHosts {
    listener: TcpListener,
    _folder: tempfile::TempDir,
}

/// A host that a browser has started.
#[derive(Debug)]
pub struct ScriptedHost(TcpStream);

impl ScriptedHosts {
    /// Registers the script in place of the native host.
    ///
    /// # Errors
    /// When a file can't be written.
    pub async fn install(stage: &Stage) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let folder = tempfile::tempdir()?;
        let script = folder.path().join("host");
        std::fs::write(&script, RELAY.replace("PORT", &listener.local_addr()?.port().to_string()))?;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
        let manifest = json!({"name": HOST_NAME, "description": "a script", "path": script, "type": "stdio",
            "allowed_origins": [format!("chrome-extension://{CHROMIUM_EXTENSION_ID}/")]});
        let hosts = stage.profile.native_messaging_hosts();
        std::fs::create_dir_all(&hosts)?;
        std::fs::write(hosts.join(format!("{HOST_NAME}.json")), manifest.to_string())?;
        Ok(Self { listener, _folder: folder })
    }

    /// The next host that a browser starts.
    ///
    /// # Errors
    /// When no host is started.
    pub async fn next(&self) -> Result<ScriptedHost> {
        let started = tokio::time::timeout(SOON, self.listener.accept()).await;
        Ok(ScriptedHost(started.context("the browser has started no host")??.0))
    }
}

impl ScriptedHost {
    /// The browser's next message.
    ///
    /// # Errors
    /// When none comes.
    pub async fn receive(&mut self) -> Result<Value> {
        let read = async {
            let length = self.0.read_u32_le().await?;
            let mut content = vec![0; usize::try_from(length)?];
            self.0.read_exact(&mut content).await?;
            anyhow::Ok(serde_json::from_slice(&content)?)
        };
        tokio::time::timeout(SOON, read).await.context("the browser says nothing")?
    }

    /// Sends a message to the browser.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn send(&mut self, message: &Value) -> Result<()> {
        let content = message.to_string();
        let length = u32::try_from(content.len())?;
        self.send_bytes(&[&length.to_le_bytes()[..], content.as_bytes()].concat()).await
    }

    /// Sends any bytes to the browser.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.0.write_all(bytes).await?)
    }

    /// Sends a message, and returns the answer.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn ask(&mut self, message: &Value) -> Result<Value> {
        self.send(message).await?;
        self.receive().await
    }
}
