//! A real nginx as a reverse proxy before a server, with connections to it that are kept.

use crate::process::{Program, debian_program};
use anyhow::{Context as _, Result};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;

const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Others may take a port between its choice and its use.
const ATTEMPTS: usize = 5;

/// A running nginx; dropping it ends it.
#[derive(Debug)]
pub struct Nginx {
    program: Program,
    address: SocketAddr,
    _folder: TempDir,
}

impl Nginx {
    /// Starts one before the server at this host and port.
    ///
    /// # Errors
    /// Where nginx is missing or does not start.
    pub async fn before(server: &str) -> Result<Self> {
        for _ in 1..ATTEMPTS {
            if let Ok(nginx) = Self::start(server).await {
                return Ok(nginx);
            }
        }
        Self::start(server).await
    }

    async fn start(server: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?;
        let config = folder.path().join("nginx.conf");
        fs::write(&config, configuration(server, address))?;
        let mut command = Command::new(debian_program("nginx")?);
        command.arg("-p").arg(folder.path()).arg("-c").arg(&config).args(["-e", "stderr"]);
        let mut program = Program::spawn(&mut command)?;
        program.wait_for_port(address, START_TIMEOUT).await.with_context(|| {
            format!("nginx says: {}", String::from_utf8_lossy(&program.stderr()).into_owned())
        })?;
        Ok(Self { program, address, _folder: folder })
    }

    /// The URL that it answers under.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.program.stderr()).into_owned()
    }
}

/// One process in the foreground that writes nowhere but below its own folder.
fn configuration(server: &str, listen: SocketAddr) -> String {
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr;
         events {{ worker_connections 256; }}
         http {{
             access_log off;
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
             uwsgi_temp_path uwsgi; scgi_temp_path scgi;
             upstream server {{ server {server}; keepalive 16; }}
             server {{
                 listen {listen};
                 client_max_body_size 8m;
                 location / {{
                     proxy_pass http://server;
                     proxy_http_version 1.1;
                     proxy_set_header Connection \"\";
                     proxy_set_header Host localhost;
                 }}
             }}
         }}"
    )
}
