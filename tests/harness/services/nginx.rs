//! A real nginx as a reverse proxy in front of servers. It keeps its connections to them, except
//! for requests that ask for a connection of their own.

use crate::system::process::{Program, debian_program};
use anyhow::{Context as _, Result};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;

const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Another program may take a port between its choice and its use.
const ATTEMPTS: usize = 5;

/// The header of a request that needs a connection of its own, with the value 1.
pub const NEW_CONNECTION: &str = "x-new-connection";

/// A running nginx; dropping it ends it.
#[derive(Debug)]
pub struct Nginx {
    program: Program,
    address: SocketAddr,
    _folder: TempDir,
}

impl Nginx {
    /// Starts one in front of the servers at these hosts and ports. It asks them in turn, and
    /// skips a server that it can't connect to.
    ///
    /// # Errors
    /// When nginx is missing or does not start.
    pub async fn before(servers: &[&str]) -> Result<Self> {
        for _ in 1..ATTEMPTS {
            if let Ok(nginx) = Self::start(servers).await {
                return Ok(nginx);
            }
        }
        Self::start(servers).await
    }

    async fn start(servers: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?;
        let config = folder.path().join("nginx.conf");
        fs::write(&config, configuration(servers, address))?;
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

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.program.stderr()).into_owned()
    }
}

/// One process in the foreground that only writes below its own folder.
fn configuration(servers: &[&str], listen: SocketAddr) -> String {
    let servers: String = servers.iter().map(|server| format!("server {server} max_fails=0;")).collect();
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr;
         events {{ worker_connections 256; }}
         http {{
             access_log off;
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
             uwsgi_temp_path uwsgi; scgi_temp_path scgi;
             upstream kept {{ {servers} keepalive 16; }}
             upstream new {{ {servers} }}
             map $http_x_new_connection $servers {{ default kept; 1 new; }}
             server {{
                 listen {listen};
                 client_max_body_size 8m;
                 location / {{
                     proxy_pass http://$servers;
                     proxy_http_version 1.1;
                     proxy_set_header Connection \"\";
                     proxy_set_header Host localhost;
                 }}
             }}
         }}"
    )
}
