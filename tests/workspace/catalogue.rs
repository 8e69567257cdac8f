//! What the catalogue of platforms says about yt-dlp, against the release that the tests install.

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Map, json};
use stagepass_core::Platform;
use stagepass_core::platform::CATALOGUE;
use stagepass_tests::tools::yt_dlp::YtDlp;
use std::collections::BTreeSet;
use std::path::Path;

/// Where a source shows an extractor of yt-dlp.
const EXTRACTORS: &str = "https://github.com/yt-dlp/yt-dlp/blob/master/yt_dlp/extractor/";

/// Prints which platforms have an extractor, and the files with extractors. Each extractor has
/// sample addresses.
const SCRIPT: &str = r#"
import json
import pathlib
import sys
from urllib.parse import urlsplit
from yt_dlp import extractor as package

platforms = json.loads(sys.argv[1])
supported = set()
for extractor in package.list_extractor_classes():
    # yt-dlp does not list those that only refuse, and the generic one takes every address.
    if extractor.IE_DESC is False or extractor.ie_key() == "Generic":
        continue
    for case in extractor.get_testcases(include_onlymatching=True):
        host = "." + (urlsplit(case["url"]).hostname or "")
        for platform, domains in platforms.items():
            is_own = any(host.endswith("." + domain) for domain in domains)
            if is_own and extractor.suitable(case["url"]):
                supported.add(platform)
folder = pathlib.Path(package.__file__).parent
files = [path.relative_to(folder).as_posix() for path in folder.rglob("*.py")]
print(json.dumps({"supported": sorted(supported), "files": files}))
"#;

/// What the script prints.
#[derive(Deserialize)]
struct Found {
    supported: BTreeSet<String>,
    files: BTreeSet<String>,
}

fn sources(platform: &Platform) -> Vec<&'static str> {
    [
        platform.other_hosts.sources(),
        platform.login_url.sources(),
        platform.login_cookies.sources(),
        platform.account_cookie.sources(),
        platform.rotating_cookies.sources(),
        platform.device_bound_cookies.sources(),
        platform.storage.sources(),
        platform.headers.sources(),
        platform.bound_to_user_agent.sources(),
        platform.yt_dlp.sources(),
        platform.gallery_dl.sources(),
    ]
    .concat()
}

#[tokio::test]
async fn yt_dlp_has_an_extractor_exactly_where_the_catalogue_says_so() -> Result<()> {
    let domains = CATALOGUE.iter().map(|platform| (platform.id.to_owned(), json!(platform.domains)));
    let domains = json!(domains.collect::<Map<_, _>>()).to_string();
    let yt_dlp = YtDlp::prepare().await?;
    let found: Found = serde_json::from_str(&yt_dlp.python(SCRIPT, &[Path::new(&domains)]).await?.stdout)?;

    let said = CATALOGUE.iter().filter(|platform| platform.yt_dlp.get() == Some(true));
    assert_eq!(said.map(|platform| platform.id.to_owned()).collect::<BTreeSet<_>>(), found.supported);
    for platform in CATALOGUE {
        for source in sources(platform) {
            let is_there = source.strip_prefix(EXTRACTORS).is_none_or(|file| found.files.contains(file));
            assert!(is_there, "{}: yt-dlp has no file {source}", platform.id);
        }
    }
    Ok(())
}
