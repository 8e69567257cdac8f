//! Inputs that would cost the person a login, or show it: hostile information files, forked programs,
//! Ctrl-C at the end, another login in the jar, and a yt-dlp whose inside has changed.

use super::{PATIENCE, Stage, bad_input};
use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;
use stagepass_tests::platform::{ROTATING_VIDEO_URL, VIDEO_URL};
use stagepass_tests::system::process::our_program;
use stagepass_tests::system::wait;
use stagepass_tests::tools::python::{Outcome, run};
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::time::Duration;

/// Runs a Python script that embeds yt-dlp; it gets the proxy and the video's address.
async fn python(stage: &Stage, script: &str, url: &str) -> Result<Outcome> {
    let mut command = stage.program(&stage.yt_dlp.python_program());
    let options = "
import multiprocessing, sys
from http.cookiejar import Cookie
from yt_dlp import YoutubeDL
PROXY, URL = sys.argv[1:]
OPTIONS = {'proxy': PROXY, 'quiet': True, 'compat_opts': {'no-certifi'}, 'outtmpl': '%(id)s.%(ext)s'}

def cookie(name, value, domain):
    return Cookie(0, name, value, None, False, domain, True, True, '/', True, True, None, False, None, None, {})
";
    command.args(["-c", &format!("{options}{script}"), &stage.proxy.url(), url]);
    run(&mut command, PATIENCE).await
}

#[tokio::test]
async fn an_information_file_never_replaces_a_login() -> Result<()> {
    let stage = Stage::set_up().await?;
    let export = stage.export().await?;
    let before = fs::read_to_string(&export)?;
    let evil = "sessionid=EVIL; Domain=.instagram.com; Path=/; Secure; Expires=4102444800";
    let format = json!({"format_id": "0", "url": VIDEO_URL, "ext": "mp4", "cookies": evil,
        "http_headers": {"Cookie": "sessionid=EVIL"}});
    let info = json!({"id": "backstage", "title": "t", "extractor": "generic", "extractor_key": "Generic",
        "webpage_url": VIDEO_URL, "formats": [format], "cookies": evil, "_type": "video"});
    let file = stage.home.path().join("evil.json");
    fs::write(&file, info.to_string())?;
    let done = stage.run_plain(&["--load-info-json", &file.to_string_lossy()]).await?;
    assert!(stage.has_video("backstage.mp4")?, "{}{}", done.stdout, done.stderr);
    assert_eq!(fs::read_to_string(&export)?, before);
    Ok(())
}

#[tokio::test]
async fn a_forked_program_gives_back_what_was_replaced() -> Result<()> {
    let stage = Stage::set_up().await?;
    let script = "
def work():
    YoutubeDL(OPTIONS).download([URL])

context = multiprocessing.get_context('fork')
for _ in range(2):
    process = context.Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == 0, process.exitcode
";
    let done = python(&stage, script, ROTATING_VIDEO_URL).await?;
    assert!(done.status.success() && stage.has_video("encore.mp4")?, "{}{}", done.stdout, done.stderr);
    Ok(())
}

#[tokio::test]
async fn another_login_in_the_jar_stays_and_is_not_kept() -> Result<()> {
    let stage = Stage::set_up().await?;
    let export = stage.export().await?;
    let before = fs::read_to_string(&export)?;
    let script = "
with YoutubeDL(OPTIONS) as ydl:
    ydl.cookiejar.set_cookie(cookie('sessionid', 'own', '.instagram.com'))
    print(ydl.cookiejar.get_cookie_header(URL))
";
    let done = python(&stage, script, VIDEO_URL).await?;
    assert_eq!(done.stdout.trim_end(), "sessionid=own", "{}", done.stderr);
    assert_eq!(fs::read_to_string(&export)?, before);
    Ok(())
}

#[tokio::test]
async fn a_login_that_an_extractor_copies_is_in_no_information() -> Result<()> {
    let stage = Stage::set_up().await?;
    let script = "
with YoutubeDL(OPTIONS) as ydl:
    header = ydl.cookiejar.get_cookie_header(URL)
    copied = next(held for held in ydl.cookiejar if held.name == 'sessionid').value
    ydl.cookiejar.set_cookie(cookie('copy', copied, '.cdn.example'))
    info = {'url': 'https://v1.cdn.example/video', 'http_headers': {}}
    ydl._calc_headers(info)
    print(bool(header), 'cookies' in info)
";
    let done = python(&stage, script, VIDEO_URL).await?;
    assert_eq!(done.stdout.trim_end(), "True False", "{}", done.stderr);
    Ok(())
}

#[tokio::test]
async fn a_yt_dlp_whose_inside_has_changed_gets_nothing_and_says_so() -> Result<()> {
    let stage = Stage::set_up().await?;
    let script = "
del YoutubeDL._calc_headers
print(YoutubeDL(OPTIONS).cookiejar.get_cookie_header(URL))
";
    let done = python(&stage, script, VIDEO_URL).await?;
    assert_eq!(done.stdout.trim_end(), "None", "{}", done.stderr);
    assert_eq!(done.stderr.matches("[stagepass]").count(), 1, "{}", done.stderr);
    assert!(
        done.stderr.contains("can't get logins") && !done.stderr.contains("Traceback"),
        "{}",
        done.stderr
    );
    Ok(())
}

#[tokio::test]
async fn ctrl_c_at_the_end_loses_nothing() -> Result<()> {
    let stage = Stage::set_up().await?;
    let keeping = stage.home.path().join("keeping");
    // The third question is what to keep.
    let script = format!(
        "#!/bin/sh\nquestion=$(cat)\ncase $question in *'\"keep\"'*) touch {}; sleep 1;; esac\n\
         printf %s \"$question\" | {} \"$@\"\n",
        keeping.display(),
        our_program("stagepass")?.display()
    );
    bad_input::replace_program(&stage, &script)?;
    let export = stage.export().await?;
    let before = fs::read_to_string(&export)?;
    let mut command = stage.plain(&[ROTATING_VIDEO_URL]);
    command.as_std_mut().process_group(0);
    let mut child = command.spawn()?;
    wait::until("the end of the run", Duration::from_secs(60), async || Ok(keeping.exists().then_some(())))
        .await?;
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    kill_process_group(group.expect("it runs"), Signal::INT)?;
    child.wait().await?;
    assert_ne!(fs::read_to_string(&export)?, before, "what was replaced is lost");
    assert!(stage.has_video("encore.mp4")?);
    Ok(())
}
