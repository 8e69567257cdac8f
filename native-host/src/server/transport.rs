//! Sends one request with the token to a server, and reads the answer up to a limit. Knows nothing of
//! what is in them.
//!
//! The token goes to the server's own address alone: redirects are not followed, and proxies of the
//! environment are not used.

use super::fault::{AskFault, ServerFault};
use secrecy::SecretString;
use std::time::Instant;
use url::Url;
use zeroize::Zeroizing;

/// A request.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "no server is asked there"))]
pub(super) struct Call<'a> {
    pub(super) address: &'a Url,
    /// Begins with a slash.
    pub(super) path: &'a str,
    pub(super) token: &'a SecretString,
    /// JSON.
    pub(super) body: Zeroizing<Vec<u8>>,
    pub(super) deadline: Instant,
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after_s: Option<u64>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

#[cfg(target_os = "linux")]
pub(super) use linux::post;

/// Fails where no server can be asked.
pub(super) fn check_supported() -> Result<(), ServerFault> {
    #[cfg(target_os = "linux")]
    return Ok(());
    #[cfg(not(target_os = "linux"))]
    Err(ServerFault::OnlyOnLinux)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn post(_call: &Call<'_>) -> Result<Answer, AskFault> {
    Err(AskFault::NoClient("this system is not supported".to_owned()))
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{Answer, AskFault, Call, Zeroizing};
    use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
    use reqwest::{Client, Response, redirect};
    use secrecy::ExposeSecret;
    use stagepass_core::visible::printable_start;
    use std::error::Error;
    use std::io;
    use tokio::runtime;
    use tokio::time::timeout_at;

    /// The header that services use.
    const SECRET_HEADER: &str = "x-rbac-sync-secret";
    /// The largest answer to read: a session has at most 4 MiB, and then its wrapping.
    const MAX_ANSWER_BYTES: usize = 6 * 1024 * 1024;
    /// The most characters shown of the system's reason.
    const MAX_SHOWN_CHARS: usize = 200;

    /// Sends JSON with POST, and waits until the deadline at most.
    // Decision: docs/decisions/bridge.md#the-token-goes-to-one-address
    pub(in super::super) fn post(call: &Call<'_>) -> Result<Answer, AskFault> {
        let client = client(call)?;
        let no_runtime = |fault: io::Error| AskFault::NoClient(fault.to_string());
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(no_runtime)?;
        let answer =
            runtime.block_on(async { timeout_at(call.deadline.into(), exchange(&client, call)).await });
        // Looking up a name may take longer than the deadline, and nobody waits for it.
        runtime.shutdown_background();
        answer.unwrap_or(Err(AskFault::Slow))
    }

    fn client(call: &Call<'_>) -> Result<Client, AskFault> {
        let builder = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("stagepass/", env!("CARGO_PKG_VERSION")))
            // Another user may listen at [::1].
            .resolve("localhost", ([127, 0, 0, 1], 0).into());
        // A container may have no certificates, and http needs none.
        let builder = if call.address.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
        builder.build().map_err(|fault| AskFault::NoClient(shown(deepest(&fault))))
    }

    async fn exchange(client: &Client, call: &Call<'_>) -> Result<Answer, AskFault> {
        let mut url = call.address.clone();
        url.set_path(call.path);
        // The token leaves its type for the server that it belongs to. A body may have secrets, too;
        // the library's own copies are not wiped.
        let unfit = |_| AskFault::NoClient("the token fits into no header".to_owned());
        let mut token = HeaderValue::try_from(call.token.expose_secret()).map_err(unfit)?;
        token.set_sensitive(true);
        let request = client.post(url).header(SECRET_HEADER, token).header(CONTENT_TYPE, "application/json");
        let mut response = request.body(call.body.to_vec()).send().await.map_err(|fault| fault_of(&fault))?;
        let retry_after_s =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let status = response.status().as_u16();
        Ok(Answer { status, retry_after_s, body: read_bounded(&mut response).await? })
    }

    async fn read_bounded(response: &mut Response) -> Result<Zeroizing<Vec<u8>>, AskFault> {
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|fault| fault_of(&fault))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(AskFault::TooMuch);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The library's own text names the URL. The deepest cause is the system's reason.
    fn fault_of(fault: &reqwest::Error) -> AskFault {
        let reason = deepest(fault);
        match reason.downcast_ref::<rustls::Error>() {
            Some(rustls::Error::InvalidCertificate(_)) => AskFault::Untrusted(shown(reason)),
            _ => AskFault::Away(shown(reason)),
        }
    }

    fn deepest<'a>(fault: &'a reqwest::Error) -> &'a (dyn Error + 'static) {
        let mut cause: &(dyn Error + 'static) = fault;
        while let Some(next) = next(cause) {
            cause = next;
        }
        cause
    }

    /// What caused a fault. An I/O error may itself be only a wrapping, which its `source` hides.
    fn next<'a>(fault: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
        let wrapped = fault.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| fault.source())
    }

    fn shown(fault: &dyn Error) -> String {
        printable_start(&fault.to_string(), MAX_SHOWN_CHARS)
    }
}
