//! What a server's answers mean. Nothing in them is believed before it is checked.

use super::fault::AskFault;
use super::transport::Answer;
use super::{HandedOut, ServedSession};
use crate::utc_time::UtcTime;
use serde::de::DeserializeOwned;
use stagepass_core::api::{ErrorResponse, GetPlatformSessionResponse};
use stagepass_core::bridge::{check_origins, check_owned, check_user_agent};
use stagepass_core::cookie::MAX_COOKIES;
use stagepass_core::{PublicSuffixes, Site};

/// The longest wait that is told to a person, whatever the server says.
const MAX_RETRY_AFTER_S: u64 = 3600;

/// The session in an answer to `get-platform-session`.
pub(super) fn session(answer: &Answer, asked: &Asked<'_>) -> Result<ServedSession, AskFault> {
    let served: GetPlatformSessionResponse = read(answer, asked)?;
    check(&served, asked.platform)
        .map_err(|fault| AskFault::BadSession { platform: asked.platform.to_owned(), fault })?;
    let expires_at = served.expires_at.map(UtcTime::try_from).transpose();
    Ok(ServedSession {
        handed_out: HandedOut {
            platform: asked.platform.to_owned(),
            connection: asked.connection.to_owned(),
            id: served.id,
        },
        cookies: served.cookies,
        origins: served.origins,
        user_agent: served.user_agent,
        expires_at: expires_at.map_err(|_| AskFault::UnknownForm)?,
    })
}

/// Checks an answer to `update-platform-session`.
pub(super) fn written_back(answer: &Answer, asked: &Asked<'_>) -> Result<(), AskFault> {
    if read::<Success>(answer, asked)?.success { Ok(()) } else { Err(AskFault::UnknownForm) }
}

/// What was asked for.
pub(super) struct Asked<'a> {
    pub(super) verb: &'static str,
    pub(super) platform: &'a str,
    pub(super) connection: &'a str,
}

/// Each answer has it.
#[derive(serde::Deserialize)]
struct Success {
    success: bool,
}

/// The same checks as for a hand-over by a browser.
fn check(served: &GetPlatformSessionResponse, platform: &str) -> Result<(), String> {
    if served.cookies.len() > MAX_COOKIES {
        return Err(format!("it has more than {MAX_COOKIES} cookies"));
    }
    let site = Site::of_id(platform, PublicSuffixes::built_in()).map_err(|fault| fault.to_string())?;
    let user_agent = served.user_agent.as_deref();
    check_owned(&site, &served.cookies)
        .and_then(|()| check_origins(&site, &served.origins))
        .and_then(|()| user_agent.map_or(Ok(()), check_user_agent))
        .map_err(|fault| fault.to_string())
}

/// The content of a successful answer. A parser's message could quote it, so no fault has one.
fn read<T: DeserializeOwned>(answer: &Answer, asked: &Asked<'_>) -> Result<T, AskFault> {
    match answer.status {
        200 => {
            let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&answer.body).is_ok();
            let read = serde_json::from_slice(&answer.body);
            read.map_err(|_| if is_json { AskFault::UnknownForm } else { AskFault::NotJson(200) })
        }
        300..400 => Err(AskFault::Redirect),
        status => match serde_json::from_slice::<ErrorResponse>(&answer.body) {
            Ok(ErrorResponse { error, .. }) => Err(refusal(answer, &error, asked)),
            Err(_) => Err(AskFault::NotJson(status)),
        },
    }
}

/// Why the server refuses. Its words are only compared.
fn refusal(answer: &Answer, error: &str, asked: &Asked<'_>) -> AskFault {
    let Asked { verb, platform, connection } = *asked;
    let platform = platform.to_owned();
    match (answer.status, error) {
        (401, _) => AskFault::UnknownToken,
        (403, "Write-back not allowed by owner") => AskFault::WriteBackNotAllowed(platform),
        (403, _) => AskFault::NoRight { verb, platform },
        (404, "No active platform session" | "Platform session revoked") => AskFault::NoSession(platform),
        (404, "Platform session expired") => AskFault::Expired(platform),
        (404, "Not found") => AskFault::NoConnection { connection: connection.to_owned(), platform },
        (409, "Session was superseded") => AskFault::Superseded(platform),
        (409, "Different account") => AskFault::DifferentAccount(platform),
        (413, _) => AskFault::TooLarge(platform),
        (421, _) => AskFault::HostName,
        (429, _) => {
            let wait = answer.retry_after_s.filter(|wait_s| (1..=MAX_RETRY_AFTER_S).contains(wait_s));
            let when = wait.map(|wait_s| format!("; it takes them in {wait_s} seconds"));
            AskFault::TooOften(platform, when.unwrap_or_default())
        }
        (status @ 500.., _) => AskFault::Busy(status),
        (status, _) => AskFault::Refused(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use zeroize::Zeroizing;

    const ASKED: Asked<'static> =
        Asked { verb: "get-platform-session", platform: "x", connection: "0198c5a2" };

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after_s: Some(42), body: Zeroizing::new(body.as_bytes().to_vec()) }
    }

    fn served(change: &Value) -> Result<ServedSession, String> {
        let mut body = json!({"success": true, "id": "i", "platform": "x", "captured_at": "2026-01-15T10:30:00.000Z",
            "expires_at": "2099-01-15T10:30:00.000Z", "user_agent": "Sample/1.0",
            "cookies": [{"name": "auth_token", "value": "planted", "domain": ".x.com"}]});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        session(&answer(200, &body.to_string()), &ASKED).map_err(|fault| fault.to_string())
    }

    #[test]
    fn reads_a_session_and_refuses_one_of_another_site() {
        let session = served(&json!({})).unwrap();
        assert_eq!((session.handed_out.id.as_str(), session.cookies.len()), ("i", 1));
        assert_eq!(session.expires_at.unwrap().to_string(), "2099-01-15T10:30:00.000Z");
        assert!(served(&json!({"expires_at": null, "user_agent": null})).is_ok());

        let cookie = |domain: &str, value: &str| json!({"name": "n", "value": value, "domain": domain});
        for (change, word) in [
            (json!({"cookies": [cookie(".evilx.com", "planted")]}), "does not belong to x"),
            (json!({"cookies": [cookie("planted.example", "planted")]}), "does not belong to x"),
            (
                json!({"cookies": vec![cookie(".x.com", "planted"); MAX_COOKIES + 1]}),
                "more than 1000 cookies",
            ),
            (
                json!({"origins": [{"origin": "https://example.org", "localStorage": []}]}),
                "does not belong to x",
            ),
            (json!({"user_agent": "planted\r\nX: y"}), "user_agent must have"),
            (json!({"cookies": [cookie(".x.com", "planted\n")]}), "a form that this version doesn't know"),
            (json!({"cookies": "planted"}), "a form that this version doesn't know"),
            (json!({"expires_at": "planted"}), "a form that this version doesn't know"),
            (json!({"id": 1}), "a form that this version doesn't know"),
        ] {
            let fault = served(&change).unwrap_err();
            assert!(fault.contains(word) && !fault.contains("planted"), "{fault}");
        }
    }

    #[test]
    fn each_refusal_has_its_message_without_the_servers_words() {
        let error = |text: &str| json!({"success": false, "error": text}).to_string();
        for (status, body, word) in [
            (401, error("planted"), "doesn't know the token"),
            (403, error("Forbidden planted"), "doesn't let this token use get-platform-session for x"),
            (403, error("Write-back not allowed by owner"), "its owner has not allowed that"),
            (404, error("Not found"), "has no connection 0198c5a2 of x"),
            (404, error("No active platform session"), "has no session of x"),
            (404, error("Platform session expired"), "only an expired session of x"),
            (409, error("Session was superseded"), "a newer session of x"),
            (409, error("Different account"), "not of the same login"),
            (413, error("planted"), "as large as this one"),
            (421, error("planted"), "STAGEPASS_ALLOWED_HOSTS"),
            (429, error("planted"), "in 42 seconds"),
            (503, error("planted"), "can't answer now (status 503)"),
            (400, error("planted"), "refuses the request (status 400)"),
            (409, error("planted"), "refuses the request (status 409)"),
            (302, "planted".to_owned(), "answers with a redirect"),
            (200, "<html>planted</html>".to_owned(), "without JSON (status 200)"),
            (502, "<html>planted</html>".to_owned(), "without JSON (status 502)"),
            (200, "{\"planted\": 1}".to_owned(), "a form that this version doesn't know"),
            (404, "{\"planted\": 1}".to_owned(), "without JSON (status 404)"),
        ] {
            let fault = session(&answer(status, &body), &ASKED).unwrap_err().to_string();
            assert!(fault.contains(word) && !fault.contains("planted"), "{status} {body}: {fault}");
        }
    }
}
