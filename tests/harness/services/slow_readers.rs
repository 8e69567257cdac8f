//! The largest possible lists, and clients that read them as slowly as allowed.

use crate::services::request_text::{address_of, write_request};
use crate::services::server::Client;
use anyhow::{Context as _, Result, ensure};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// The bytes of one credential's values: nearly the maximum.
pub const CREDENTIAL_BYTES: usize = 120_000;
/// How many fields share them. Lists show them, since they are not sensitive.
const FIELDS: usize = 2;
/// The system's receive buffer for a reader that takes nothing.
const RECEIVE_BUFFER: u32 = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(120);

/// Gives a user `count` credentials of [`CREDENTIAL_BYTES`] each, and adds them to a project,
/// whose id it returns.
///
/// # Errors
/// When the server refuses.
pub async fn add_large_credentials(user: &Client, count: usize) -> Result<String> {
    let project = user.post("/api/v1/projects", &json!({"projectName": "All of them"})).await?.body;
    let fields: Vec<_> = (0..FIELDS)
        .map(|number| {
            json!({"fieldName": format!("part{number}"), "fieldLabel": format!("Part {number}"),
                "fieldType": "string", "required": false, "sensitive": false})
        })
        .collect();
    let of =
        user.post("/api/v1/credential-types", &json!({"typeName": "Large", "fields": fields})).await?.body;
    let fields = of["fields"].as_array().with_context(|| of.to_string())?;
    let keys = fields
        .iter()
        .map(|field| json!({"fieldId": field["id"], "keyValue": "v".repeat(CREDENTIAL_BYTES / FIELDS)}));
    let keys: Vec<Value> = keys.collect();
    for number in 0..count {
        let new = json!({"credentialName": format!("Large {number}"), "credentialTypeId": of["id"],
            "projectIds": [project["id"]], "keys": keys});
        let made = user.post("/api/v1/app-credentials", &new).await?;
        ensure!(made.status == 201, "{}", made.body);
    }
    Ok(project["id"].as_str().with_context(|| project.to_string())?.to_owned())
}

/// A client that has requested something large.
#[derive(Debug)]
pub struct SlowReader {
    stream: TcpStream,
    received: Vec<u8>,
}

impl SlowReader {
    /// Sends the request, and waits only for the beginning of the answer.
    ///
    /// # Errors
    /// When the server does not begin to answer.
    pub async fn ask(request: RequestBuilder) -> Result<Self> {
        let request = request.header("connection", "close").build()?;
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        let mut reader = Self { stream: socket.connect(address_of(&request)?).await?, received: Vec::new() };
        reader.stream.write_all(&write_request(&request)?).await?;
        reader.read_some().await?;
        ensure!(reader.received.starts_with(b"HTTP/1.1 200 "), "{} is refused", request.url());
        Ok(reader)
    }

    /// Reads just enough for the server to see progress.
    ///
    /// # Errors
    /// When the answer has ended already.
    pub async fn read_some(&mut self) -> Result<()> {
        let mut space = [0; 4096];
        let read = timeout(PATIENCE, self.stream.read(&mut space)).await.context("nothing comes")??;
        ensure!(read > 0, "the answer has ended");
        self.received.extend_from_slice(&space[..read]);
        Ok(())
    }

    /// Reads the rest at once; returns the size of the complete answer.
    ///
    /// # Errors
    /// When the answer is cut off.
    pub async fn finish(mut self) -> Result<usize> {
        timeout(PATIENCE, self.stream.read_to_end(&mut self.received)).await.context("no end comes")??;
        ensure!(self.received.ends_with(b"\r\n0\r\n\r\n"), "the answer is cut off");
        Ok(self.received.len())
    }
}
