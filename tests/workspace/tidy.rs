//! Rules of the workspace that no compiler checks.

mod decisions;
mod english;
mod imports;
mod lengths;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stagepass_tests::system::process::our_program;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The dependencies of each package of the workspace, except those for tests.
fn dependencies() -> Result<BTreeMap<String, BTreeSet<String>>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(cargo).current_dir(root()).args(arguments).output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().context("no packages")?;
    Ok(packages
        .iter()
        .map(|package| {
            let all = package["dependencies"].as_array().into_iter().flatten();
            (name(package), all.filter(|dependency| dependency["kind"].is_null()).map(name).collect())
        })
        .collect())
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn programs_depend_on_the_core_and_not_on_each_other() -> Result<()> {
    let dependencies = dependencies()?;
    let ours: BTreeSet<_> = dependencies.keys().cloned().collect();
    assert_eq!(
        ours,
        set(&[
            "stagepass-core",
            "stagepass-private-files",
            "stagepass-wasm",
            "stagepass-native-host",
            "stagepass-server",
            "stagepass-tests",
            "xtask"
        ])
    );
    let shared = ["stagepass-core", "stagepass-private-files"];
    for (package, known) in [
        ("stagepass-private-files", &[][..]),
        ("stagepass-wasm", &shared[..1]),
        ("stagepass-native-host", &shared),
        ("stagepass-server", &shared),
    ] {
        let inner: BTreeSet<_> = dependencies[package].intersection(&ours).cloned().collect();
        assert_eq!(inner, set(known), "{package}");
    }
    Ok(())
}

#[test]
fn the_core_stays_pure() -> Result<()> {
    assert_eq!(
        dependencies()?["stagepass-core"],
        set(&["cookie", "secrecy", "serde", "serde_json", "thiserror"])
    );
    let impure =
        ["std::fs", "std::net", "std::io", "std::env", "std::time", "std::process", "async fn", "println!"];
    for (path, text) in sources("core/src", &["rs"])? {
        for word in impure {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
    }
    Ok(())
}

/// The vault and the Credentials API are modules of one program that can't open what the
/// other has sealed: neither names anything that would allow it.
#[test]
fn the_vault_and_the_credentials_api_know_nothing_of_each_others_keys() -> Result<()> {
    let all = sources("server/src", &["rs"])?;
    let of = |module: &str| {
        let (file, folder) = (format!("server/src/{module}.rs"), format!("server/src/{module}/"));
        let is_its = move |path: &Path| {
            path.to_string_lossy().ends_with(&file) || path.to_string_lossy().contains(&folder)
        };
        let files: Vec<_> = all.iter().filter(|(path, _)| is_its(path)).collect();
        assert!(!files.is_empty(), "{module} has no files");
        files
    };
    for (module, foreign) in [
        ("vault", &["crate::sealing", "crate::credentials", "app.keys", "app.records", ".blob_version"][..]),
        ("credentials", &["crate::vault", "app.vault", "VaultStore"]),
        ("app_credentials", &["crate::vault", "app.vault", "VaultStore", "app.records"]),
        ("sealing", &["crate::vault", "VaultStore"]),
        ("key_rotation", &["crate::vault", "VaultStore"]),
    ] {
        for (path, text) in of(module) {
            for word in foreign {
                assert!(!text.contains(word), "{} has {word}", path.display());
            }
        }
    }
    Ok(())
}

#[test]
fn migrations_are_never_edited_once_they_have_landed() -> Result<()> {
    let sqlite: &[_] = &[
        ("0001_initial.sql", "7b4e252749e062df28c02cecce6c793298d648d0ba718c34262e15799edae0b6"),
        (
            "0002_download_credentials_and_capture_requests.sql",
            "6141fc2d4c9a89a8551c48df4ed61cde53d424de4f7596d63900e38195c4ffa4",
        ),
        ("0003_service_tokens.sql", "117b1d7ed4f1c03fb6eb158759e9bdbe9e2d8d59ee484f8a6cae7233c818bc1f"),
        ("0004_audit_log.sql", "27a1b45b679cca20b00c3471b0ae293ae5a195324fcf270b7f9a28892457f9c5"),
        ("0005_retired_keys.sql", "70a46f1a4dc40622803699bff6f9b789738736f83e6d80399c102f811b1bdf43"),
        ("0006_vault.sql", "5625f1cc4c566f0a205daf1d5ffa9236ff358f67372be64a0804eafe87cc8d12"),
        ("0007_app_credentials.sql", "ae1a1c5bfba9233065a64a6052aea047075e7035092663e782dcba1f0c139213"),
        ("0008_fold_dotted_i.sql", "e61d06579e578853bc200eba9bfd0d23d4c9942df8b55e3497ca8e2ae08260cd"),
        ("0009_own_keys.sql", "d69273fcfca2e7251f6536993ce28a30555cbdd7b86912a56fd0a8290f7cdd5c"),
        ("0010_owner_usage.sql", "263e6d87ba24c55de1ed6be00731f2cb16370dad3031c0ad486ef5c63e4d0104"),
        ("0011_signed_rows.sql", "54d22b64bb001cf4b82e9c426781ac254d4860a0ca608f5f11a79aa0a57c8f70"),
        ("0012_growth.sql", "042d342be0fd7664cda26fc33c77333ff8a59eb7d438c3597b8da21667e25a14"),
        ("0013_audit_anchors.sql", "77f80c1e428c13dbeffae784bcdc18ff717a144c75860a6f3ddca7f9c432204a"),
        ("0014_ended_sessions.sql", "3cdeccf893b93c63ce67fa7f4711528e5a1c236d7e2818b2d31e8caed8d4fea8"),
        (
            "0015_origin_storage_and_write_back.sql",
            "5aa6df00ef04660f6c1f64351653b7e8d932f302ba52974c61ba13e54811e51a",
        ),
    ];
    let postgres: &[_] = &[
        ("0001_initial.sql", "2d09c28b5c48ccc6a3356bc450f94b3a501194b8878dd989803f16b3368d8e27"),
        ("0002_retired_keys.sql", "01212f271fd62c2ee2e9ea02912696537bdefcdf00044e69bdb56e47e00c6bf3"),
        ("0003_vault.sql", "21ec3b8bbbaa76727f110055a3f46401cd1e78c2455fbf898503fff74ff624e4"),
        ("0004_put_sessions.sql", "84a1b219ef3f975f460b07c1f3329d0c16feff461f1b1329186d249ce5817136"),
        ("0005_app_credentials.sql", "5232fb678c857a4f9883367506423691f5315962598bb6cc3118bd6fac3ed86d"),
        ("0006_fold_dotted_i.sql", "06473f8cc4c7b7ca5a9b6fb513e2186a3a83402697425854b3b5a2f8e1d2c5eb"),
        ("0007_own_keys.sql", "96fe996399dd7ab3d8d84d037c24d86d73ac167c6e6d55093d63ecd8c985bbaf"),
        ("0008_owner_usage.sql", "8d20a2fe6897937e9a3a399848cd70299067b2e9bd4d781c6ec9b0bcdc2b88b4"),
        ("0009_signed_rows.sql", "9d2426af3486166cda31089879dc927488e7faefc0994ae4eefeea553596527e"),
        ("0010_growth.sql", "3bbbae7527b28dbd0da44eb4d86bcbbfd2e908e5e2f5fb1584be2025962bd159"),
        ("0011_audit_anchors.sql", "6e4646acd940f5489d278b17cd0dbeb8282d2ca2d5b5a1c925cd8117c016d426"),
        ("0012_ended_sessions.sql", "98de9b4dbd85ebcd0006d6d26587abf3dd4e71377ef1495c71b24683b81b8ec6"),
        (
            "0013_origin_storage_and_write_back.sql",
            "80890b04ece18e6ca9f7857c5f7496f67ed2a7970dd2c4ad7c012c22bc2d230f",
        ),
    ];
    for (store, landed) in [("sqlite", sqlite), ("postgres", postgres)] {
        let folder = root().join("server/migrations").join(store);
        for (name, sha256) in landed {
            let digest = hex::encode(Sha256::digest(fs::read(folder.join(name))?));
            assert_eq!(digest, *sha256, "{store}/{name} was edited: add a new migration instead");
        }
        assert_eq!(fs::read_dir(&folder)?.count(), landed.len(), "list the new migration of {store} here");
    }
    Ok(())
}

#[test]
fn the_extension_asks_for_no_more_than_it_says() -> Result<()> {
    let manifest: Value = serde_json::from_str(&fs::read_to_string(root().join("manifest.json"))?)?;
    let permissions = manifest["permissions"].as_array().context("no permissions")?;
    let expected =
        ["activeTab", "alarms", "contextualIdentities", "cookies", "nativeMessaging", "scripting", "storage"];
    assert_eq!(*permissions, expected.map(|name| json!(name)));
    assert_eq!(manifest["optional_permissions"], json!(["notifications"]));
    assert_eq!(manifest["optional_host_permissions"], json!(["*://*/*"]));
    for absent in
        ["host_permissions", "externally_connectable", "web_accessible_resources", "content_scripts"]
    {
        assert!(manifest.get(absent).is_none(), "{absent}");
    }
    let policy = manifest["content_security_policy"]["extension_pages"].as_str().context("no CSP")?;
    assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval'"), "{policy}");
    assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
    Ok(())
}

/// What pages store goes from the browser into the core, and nowhere else.
#[test]
fn only_the_core_reads_pages() -> Result<()> {
    let mut readers = Vec::new();
    for (path, text) in [sources("extension", &["js"])?, sources("wasm/src", &["rs"])?].concat() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with(['/', '*']));
        if code.filter(|line| line.contains("executeScript")).count() > 0 {
            readers.push(path.file_name().context("no name")?.to_string_lossy().into_owned());
        }
    }
    assert_eq!(readers, ["browser.rs"]);
    Ok(())
}

/// A request with a secret goes through `server.js` or the core, which make the server prove
/// its key first. The other two requests carry nothing: they only check who answers.
#[test]
fn no_part_of_the_extension_bypasses_the_proof() -> Result<()> {
    let (mut senders, mut users) = (BTreeSet::new(), BTreeSet::new());
    for (path, text) in sources("extension", &["js"])? {
        let name = path.file_name().context("no name")?.to_string_lossy().into_owned();
        if ["fetch(", "XMLHttpRequest", "WebSocket", "EventSource", "sendBeacon"]
            .iter()
            .any(|way| text.contains(way))
        {
            senders.insert(name.clone());
        }
        if text.contains("/http.js\"") {
            users.insert(name);
        }
    }
    assert_eq!(senders, set(&["core.js", "http.js"]));
    let core = fs::read_to_string(root().join("extension/background/core.js"))?;
    assert_eq!(core.matches("fetch(").count(), 1, "core.js only fetches a file of the extension");
    assert!(core.contains("fetch(chrome.runtime.getURL(\"public-suffixes.txt\"))"));
    assert_eq!(users, set(&["proof.js", "server.js", "tasks.js"]));
    let tasks = fs::read_to_string(root().join("extension/background/tasks.js"))?;
    assert_eq!(tasks.matches("request(`").count(), 1, "tasks.js only asks /healthz");
    assert!(tasks.contains("request(`${address.url}/healthz`)"));
    for (path, text) in sources("wasm/src", &["rs"])? {
        let is_of_server = path.ends_with("server.rs") || path.ends_with("browser.rs");
        assert!(is_of_server || !text.contains("fetch("), "{} sends without the core", path.display());
    }
    Ok(())
}

#[test]
fn the_server_only_writes_to_its_outputs_in_a_few_safe_places() -> Result<()> {
    // Output of commands; the log; the set-up token, for the person at the terminal.
    let allowed = ["cli/output.rs", "telemetry.rs", "vault/set_up_file.rs"];
    for (path, text) in sources("server/src", &["rs"])? {
        let is_allowed = allowed.iter().any(|allowed| path.ends_with(allowed));
        let writes = ["io::stdout()", "io::stderr()", "println!", "print!("];
        let found = writes.iter().find(|write| text.contains(*write));
        assert!(is_allowed || found.is_none(), "{} has {}", path.display(), found.unwrap_or(&""));
    }
    Ok(())
}

#[test]
fn every_text_of_the_manifest_is_in_the_messages() -> Result<()> {
    let messages: Value =
        serde_json::from_str(&fs::read_to_string(root().join("extension/_locales/en/messages.json"))?)?;
    let manifest = fs::read_to_string(root().join("manifest.json"))?;
    for key in manifest.split("__MSG_").skip(1).filter_map(|rest| rest.split("__").next()) {
        assert!(messages[key]["message"].is_string(), "{key}");
    }
    Ok(())
}

#[test]
fn every_command_that_the_extension_names_exists() -> Result<()> {
    const COMMAND: &str = "stagepass";
    let help = Command::new(our_program(COMMAND)?).arg("--help").output()?;
    let help = String::from_utf8(help.stdout)?;
    let (_, commands) = help.split_once("Commands:").context("no commands")?;
    let (commands, _) = commands.split_once("Options:").context("no options")?;
    let commands: BTreeSet<_> = commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains("install"), "{commands:?}");
    let mut named = 0;
    for (path, text) in sources("extension", &["js", "json", "html"])? {
        for rest in text.split(&format!("{COMMAND} ")).skip(1) {
            // The same word begins the bytes that a server signs.
            if rest.starts_with("server proof") {
                continue;
            }
            let is_other = |letter: char| !letter.is_ascii_alphabetic() && letter != '-';
            let command = rest.split(is_other).next().unwrap_or_default();
            assert!(commands.contains(command), "{}: {COMMAND} {command}", path.display());
            named += 1;
        }
    }
    assert!(named > 10, "only {named}");
    Ok(())
}

#[test]
fn exactly_the_shown_pictures_exist() -> Result<()> {
    let mut shown = BTreeSet::new();
    let documents = fs::read_dir(root().join("docs"))?.map(|entry| Ok(entry?.path()));
    let documents: Vec<_> = documents.collect::<Result<_>>()?;
    for text in documents.iter().filter(|path| path.is_file()).chain([&root().join("README.md")]) {
        let text = fs::read_to_string(text)?;
        let names = text.split("pictures/").skip(1).filter_map(|rest| rest.split('"').next());
        shown.extend(names.filter(|name| name.ends_with(".png")).map(str::to_owned));
    }
    let copies = root().join("docs/pictures");
    let mut there = BTreeSet::new();
    for kind in fs::read_dir(&copies)? {
        for picture in fs::read_dir(kind?.path())? {
            let path = picture?.path();
            there.insert(path.strip_prefix(&copies)?.to_string_lossy().into_owned());
        }
    }
    assert!(shown.len() > 40, "{shown:?}");
    let differing: Vec<_> = there.symmetric_difference(&shown).collect();
    assert!(differing.is_empty(), "{differing:?}: `cargo xtask pictures` updates them");
    Ok(())
}

/// Files below a folder with one of these extensions, and their text.
fn sources(folder: &str, extensions: &[&str]) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted))
            {
                let text = fs::read_to_string(&path)?;
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} holds nothing");
    Ok(found)
}
