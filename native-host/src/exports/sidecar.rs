//! The sidecar of a cookie file: its platform and label, and when it was exported. It contains no
//! secret and is optional.

use super::NewExport;
use super::key::ExportKey;
use crate::ownership::{self, Closed};
use crate::utc_time::UtcTime;
use serde::{Deserialize, Serialize};
use std::path::Path;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sidecar {
    pub(super) platform: String,
    pub(super) label: String,
    pub(super) exported_at: UtcTime,
    /// Absent if nothing has changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) updated_at: Option<UtcTime>,
    pub(super) expires_at: Option<UtcTime>,
    /// The browser's; absent in exports of version 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user_agent: Option<String>,
}

/// When an export was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) exported_at: UtcTime,
    pub(super) updated_at: Option<UtcTime>,
}

impl Times {
    /// A new export.
    pub(super) fn of_new() -> Self {
        Self { exported_at: UtcTime::now(), updated_at: None }
    }

    /// An older export that is updated now.
    // Decision: docs/decisions/yt-dlp.md#a-run-does-not-make-an-export-newer
    pub(super) fn of_updated(exported_at: UtcTime) -> Self {
        Self { exported_at, updated_at: Some(UtcTime::now()) }
    }
}

impl Sidecar {
    pub(super) fn new(export: &NewExport, times: Times) -> Self {
        Self {
            platform: export.key.platform().to_owned(),
            label: export.key.label().to_owned(),
            exported_at: times.exported_at,
            updated_at: times.updated_at,
            expires_at: export.expires_at,
            user_agent: export.user_agent.clone(),
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        // Serialising strings never fails, and an empty sidecar would be ignored.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// The sidecar at `path`, if it is valid and belongs to `stem`.
    pub(super) fn read(path: &Path, stem: &str) -> Option<Self> {
        let json = ownership::read(path, Closed::ToWriting).ok()??;
        let sidecar: Self = serde_json::from_slice(&json).ok()?;
        let key = ExportKey::new(sidecar.platform.clone(), sidecar.label.clone()).ok()?;
        (key.file_stem() == stem).then_some(sidecar)
    }
}
