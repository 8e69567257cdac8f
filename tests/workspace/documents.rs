//! What the documents say is true: commands, settings, links, and the pages for backends, yt-dlp,
//! the vault and operators, which tests carry out word for word.

use anyhow::{Context as _, Result, ensure};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use serde_json::json;
use stagepass_core::netscape;
use stagepass_tests::platform::proxy::Proxy;
use stagepass_tests::platform::{Platform, VIDEO, VIDEO_URL};
use stagepass_tests::services::server::{EMAIL, PASSWORD, Server, add_user};
use stagepass_tests::stage::host_request::ask_host;
use stagepass_tests::system::process::{clean_environment, our_program};
use stagepass_tests::tools::yt_dlp::YtDlp;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// People read the README first, and need three minutes for it.
const README_WORDS: usize = 900;
/// The map of the code takes five minutes.
const MAP_WORDS: usize = 1_500;
const TOP: [&str; 5] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
/// Fails if other users can read a file that the document creates, unless it is a downloaded video.
const FOR_ITS_OWNER_ALONE: &str =
    "test -z \"$(find . -maxdepth 1 -type f ! -name script ! -name '*.mp4' -perm /077)\"\n";
const DECISIONS: &str = "docs/decisions";
/// The parts of each decision, in this order.
const LABELS: [&str; 3] = ["Context", "Decision", "Consequence"];
/// The endings of our files' names, and the folders to which the documents' paths are relative.
const FILES: [&str; 7] = [".rs", ".js", ".md", ".txt", ".sql", ".json", ".py"];
const FOLDERS: [&str; 5] = ["", "server/src", "extension", "native-host/src", "native-host/src/commands"];
/// The address at which the documents make a server listen.
const LISTEN: &str = "127.0.0.1:3001";

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// All documents for people, with their texts.
fn documents() -> Result<BTreeMap<PathBuf, String>> {
    let mut paths: Vec<_> = TOP.iter().map(|name| root().join(name)).collect();
    for folder in ["docs", DECISIONS] {
        for entry in fs::read_dir(root().join(folder))? {
            paths.push(entry?.path());
        }
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.into_iter().map(|path| Ok((path.clone(), fs::read_to_string(path)?))).collect()
}

fn document(name: &str) -> Result<String> {
    Ok(fs::read_to_string(root().join(name))?)
}

/// The code blocks of a document, each with its language.
fn code_blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut is_code = false;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let CodeBlockKind::Fenced(language) = kind else { continue };
                blocks.push((language.into_string(), String::new()));
                is_code = true;
            }
            Event::End(TagEnd::CodeBlock) => is_code = false,
            Event::Text(text) if is_code => {
                blocks.last_mut().into_iter().for_each(|(_, block)| block.push_str(&text));
            }
            _ => {}
        }
    }
    blocks
}

/// The anchors that viewers make from a document's headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let words = heading.take().unwrap_or_default().to_lowercase().replace(' ', "-");
                anchors.insert(words.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect());
            }
            Event::Text(text) | Event::Code(text) => {
                heading.iter_mut().for_each(|heading| heading.push_str(&text));
            }
            _ => {}
        }
    }
    anchors
}

#[test]
fn readme_and_architecture_are_short() -> Result<()> {
    let words = document("README.md")?.split_whitespace().count();
    ensure!(words <= README_WORDS, "{words} words");
    let words = document("ARCHITECTURE.md")?.split_whitespace().count();
    ensure!(words <= MAP_WORDS, "{words} words of ARCHITECTURE.md");
    Ok(())
}

#[test]
fn each_named_file_exists() -> Result<()> {
    let mut found = 0;
    for (path, text) in documents()? {
        // The list of changes may name files that only a former release had.
        if path.ends_with("CHANGELOG.md") {
            continue;
        }
        for event in Parser::new(&text) {
            let Event::Code(name) = event else { continue };
            let is_source = FILES.iter().any(|extension| name.ends_with(extension));
            if !is_source || !name.contains('/') || name.starts_with('/') || name.contains(' ') {
                continue;
            }
            let is_there = FOLDERS.iter().any(|folder| root().join(folder).join(&*name).exists());
            ensure!(is_there, "{}: {name}", path.display());
            found += 1;
        }
    }
    ensure!(found > 100, "{found} files");
    Ok(())
}

#[test]
fn each_link_leads_somewhere() -> Result<()> {
    let mut followed = 0;
    for (path, text) in documents()? {
        let folder = path.parent().context("a folder")?;
        for event in Parser::new(&text) {
            let Event::Start(Tag::Link { dest_url: link, .. }) = event else { continue };
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { path.clone() } else { folder.join(file) };
            ensure!(target.exists(), "{}: {link}", path.display());
            let is_there = anchor.is_empty() || anchors(&fs::read_to_string(&target)?).contains(anchor);
            ensure!(is_there, "{}: {link}", path.display());
            followed += 1;
        }
    }
    ensure!(followed > 10, "{followed} links");
    Ok(())
}

#[test]
fn each_decision_has_context_decision_and_consequence() -> Result<()> {
    let folder = root().join(DECISIONS);
    let mut read = 0;
    for (path, text) in documents()? {
        if path.parent() != Some(folder.as_path()) || path.ends_with("README.md") {
            continue;
        }
        for decision in text.split("\n## ").skip(1) {
            let heading = decision.lines().next().unwrap_or_default();
            let labelled = decision.lines().filter_map(|line| line.strip_prefix("**")?.split_once(".** "));
            let labels: Vec<_> = labelled.map(|(label, _)| label).collect();
            ensure!(labels == LABELS, "{}: {heading}: {labels:?}", path.display());
            read += 1;
        }
    }
    ensure!(read > 100, "{read} decisions");
    Ok(())
}

async fn help(program: &str, words: &[&str]) -> Result<String> {
    let home = tempfile::tempdir()?;
    let mut command = Command::new(our_program(program)?);
    command.env_clear().envs(clean_environment(home.path())).args(words).arg("--help");
    let output = command.output().await?;
    ensure!(output.status.success(), "{program} {words:?}: {output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test]
async fn each_setting_is_documented_with_its_default() -> Result<()> {
    let help = help("stagepass-server", &["serve"]).await?;
    let mut known = BTreeMap::new();
    for option in help.split("\n      --").skip(1) {
        let option = option.split_whitespace().collect::<Vec<_>>().join(" ");
        let of =
            |name: &str| option.split_once(&format!("[{name}: "))?.1.split_once(']').map(|found| found.0);
        let Some(setting) = of("env") else { continue };
        // A default in words is compared with the text.
        let default = of("default").filter(|default| !default.contains(' ')).unwrap_or_default();
        known.insert(setting.trim_end_matches('=').to_owned(), default.to_owned());
    }
    let text = document("docs/operating.md")?;
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeMap<_, _> = rows
        .filter_map(|row| {
            let (setting, rest) = row.split_once("` | ")?;
            let default = rest.split_once('|')?.0.trim().trim_matches('`');
            Some((setting.to_owned(), default.to_owned()))
        })
        .collect();
    ensure!(known.len() > 20, "{known:?}");
    assert_eq!(documented, known);
    Ok(())
}

#[tokio::test]
async fn the_programs_know_each_documented_command() -> Result<()> {
    let mut commands = BTreeSet::new();
    for (path, text) in documents()? {
        for line in code_blocks(&text).iter().flat_map(|(_, block)| block.lines()) {
            let line = line.split(" #").next().unwrap_or_default();
            for program in ["stagepass-server", "stagepass", "cargo xtask"] {
                let Some((before, arguments)) = line.split_once(&format!("{program} ")) else { continue };
                // A folder of that name.
                if before.ends_with('/') {
                    continue;
                }
                let arguments: Vec<_> =
                    arguments.split([' ', ')', '"']).filter(|word| !word.is_empty()).collect();
                let is_word = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
                let words = arguments.iter().take_while(is_word).take_while(|word| !word.starts_with('-'));
                let words: Vec<_> = words.copied().collect();
                let name = program.replace("cargo ", "");
                // Other words are values, such as a platform's name.
                let (mut known, mut said) = (Vec::new(), help(&name, &[]).await?);
                for word in words {
                    if !said.lines().any(|line| line.split_whitespace().next() == Some(word)) {
                        break;
                    }
                    known.push(word);
                    said = help(&name, &known).await?;
                }
                ensure!(!known.is_empty() || arguments[0].starts_with('-'), "{}: {line}", path.display());
                // After a "--" come another program's.
                let own = arguments.iter().take_while(|word| **word != "--");
                for flag in own.filter(|word| word.starts_with("--")) {
                    ensure!(said.contains(flag), "{}: {line}: {flag} is not known", path.display());
                }
                commands.insert(format!("{program} {}", known.join(" ")));
            }
        }
    }
    ensure!(commands.len() > 15, "{commands:?}");
    Ok(())
}

/// The commands of a document, in the order of its pages.
fn script_of(name: &str) -> Result<String> {
    let blocks = code_blocks(&document(name)?).into_iter().filter(|(language, _)| language == "sh");
    let script: String = blocks.map(|(_, block)| block + FOR_ITS_OWNER_ALONE).collect();
    ensure!(!script.is_empty(), "{name} has nothing to run");
    Ok(script)
}

/// Runs a document's commands as a person would in a shell, who types `input`, and returns what they
/// print and the files that they leave.
async fn run_script(
    script: &str,
    home: &Path,
    environment: &[(&str, &Path)],
    input: &str,
) -> Result<(Output, BTreeSet<String>)> {
    let file = home.join("script");
    fs::write(&file, script)?;
    let mut shell = Command::new("bash");
    shell.env_clear().envs(clean_environment(home)).current_dir(home);
    shell.envs(environment.iter().copied());
    shell.args(["-e", "-u", "-o", "pipefail"]).arg(&file);
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = shell.spawn()?;
    running.stdin.take().context("no standard input")?.write_all(input.as_bytes()).await?;
    let output = running.wait_with_output().await?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ensure!(output.status.success(), "{}{}", said(&output.stdout), said(&output.stderr));
    let name_of =
        |entry: std::io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let mut left: BTreeSet<_> = fs::read_dir(home)?.map(name_of).collect::<Result<_>>()?;
    ensure!(left.remove("script"), "{left:?}");
    left.retain(|name| !name.starts_with('.'));
    Ok((output, left))
}

/// A `PATH` that begins with a folder.
fn path_from(folder: &Path) -> Result<PathBuf> {
    Ok(format!("{}:{}", folder.display(), std::env::var("PATH")?).into())
}

/// Runs a document's commands beside a server with one user.
async fn carry_out(name: &str, input: &str) -> Result<(Output, BTreeSet<String>)> {
    let home = tempfile::tempdir()?;
    let data = home.path().join(".local/share/stagepass");
    add_user(&data, EMAIL, PASSWORD).await?;
    let server = Server::start(&data).await?;
    let script = script_of(name)?.replace(LISTEN, server.address());
    let programs = path_from(our_program("stagepass-server")?.parent().context("a folder")?)?;
    let done = run_script(&script, home.path(), &[("PATH", &programs)], input).await;
    let done = done.with_context(|| name.to_owned())?;
    server.stop().await?;
    Ok(done)
}

#[tokio::test]
async fn the_page_for_backends_works_exactly_as_written() -> Result<()> {
    let (output, left) = carry_out("docs/api.md", &format!("{EMAIL}\n{PASSWORD}\n")).await?;
    ensure!(left.is_empty(), "{left:?}");
    let said = String::from_utf8(output.stdout)?;
    ensure!(
        said.contains(r#""value":"example""#) && said.contains("}Cookie\n") && said.contains("sp_svc_"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn the_page_for_the_vault_works_exactly_as_written() -> Result<()> {
    let (output, left) = carry_out("docs/vault.md", "a made-up master password\nsk-example\n").await?;
    ensure!(left.is_empty(), "{left:?}");
    let said = String::from_utf8(output.stdout)?;
    ensure!(said.contains("sk-example"), "{said}");
    Ok(())
}

#[tokio::test]
async fn the_pages_for_operators_work_exactly_as_written() -> Result<()> {
    let (output, left) = carry_out("docs/audit-log.md", "").await?;
    let said = String::from_utf8(output.stdout)?;
    ensure!(said.contains("the export is complete and unchanged"), "{said}");
    ensure!(left.len() == 4 && left.iter().all(|name| name.ends_with(".jsonl")), "{left:?}");
    let (output, left) = carry_out("docs/operating.md", "").await?;
    ensure!(String::from_utf8(output.stdout)?.contains("sp_svc_") && left.is_empty(), "{left:?}");
    Ok(())
}

/// An export of a login at the sample platform, in the folder where the native host keeps it.
async fn export_login(platform: &Platform, home: &Path, program: &Path) -> Result<()> {
    let file = home.join(".login");
    platform.sign_in_to_file(&file)?;
    let cookies = netscape::read(&fs::read_to_string(&file)?).cookies;
    fs::remove_file(file)?;
    let mut host = Command::new(program);
    host.env_clear().envs(clean_environment(home));
    let request = json!({"id": 1, "type": "export", "platform": "instagram", "cookies": cookies,
        "user_agent": "Sample/1.0"});
    let answer = ask_host(host, &request).await?;
    ensure!(answer["ok"] == true, "{answer}");
    Ok(())
}

#[tokio::test]
async fn the_page_for_yt_dlp_works_exactly_as_written() -> Result<()> {
    let platform = Arc::new(Platform::start().await?);
    let proxy = Proxy::start(&platform).await?;
    let home = tempfile::tempdir()?;
    // What `up` and a first start of Chromium have made.
    let programs = home.path().join(".local/share/stagepass/bin");
    for folder in [&programs, &home.path().join(".config/chromium"), &home.path().join(".config/yt-dlp")] {
        fs::create_dir_all(folder)?;
    }
    for name in ["stagepass", "stagepass-native-host"] {
        fs::copy(our_program(name)?, programs.join(name))?;
    }
    export_login(&platform, home.path(), &programs.join("stagepass-native-host")).await?;
    // The sample platform's authority instead of the web's.
    fs::write(home.path().join(".config/yt-dlp/config"), "--no-cache-dir --compat-options no-certifi\n")?;
    let (authority, proxy_url) = (platform.authority_pem(), proxy.url());
    let yt_dlp = YtDlp::prepare().await?.program();
    let path = path_from(yt_dlp.parent().context("a folder")?)?;
    let environment = [
        ("PATH", path.as_path()),
        ("SSL_CERT_FILE", &authority),
        ("CURL_CA_BUNDLE", &authority),
        ("https_proxy", Path::new(&proxy_url)),
    ];
    let script = script_of("docs/yt-dlp.md")?.replace("URL", VIDEO_URL);
    let (output, left) = run_script(&script, home.path(), &environment, "").await?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(said.contains("has already been downloaded") && said.contains("registered"), "{said}");
    ensure!(said.contains("\tsessionid\t"), "no cookie file: {said}");
    ensure!(memchr::memmem::find(&output.stdout, VIDEO).is_some(), "curl was not signed in: {said}");
    let expected =
        ["backstage [backstage].mp4", "backstage.mp4", "session.json", "state.json"].map(str::to_owned);
    ensure!(left == BTreeSet::from(expected), "{left:?}");
    Ok(())
}

/// curl sends headers that it is given to each host that it is redirected to.
#[test]
fn each_page_that_gives_headers_to_curl_warns_of_redirects() -> Result<()> {
    let mut pages = 0;
    for (path, text) in documents()? {
        let blocks = code_blocks(&text);
        // Headers of a platform; those of our own server are for it alone.
        let gives_headers = |line: &str| {
            line.contains("curl") && (line.contains("@headers") || line.contains("--format header"))
        };
        if blocks.iter().flat_map(|(_, block)| block.lines()).any(gives_headers) {
            pages += 1;
            assert!(text.contains("Don't let curl follow redirects"), "{}", path.display());
        }
    }
    assert!(pages >= 2, "only {pages}");
    Ok(())
}
