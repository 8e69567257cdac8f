//! Real programs to which yt-dlp leaves a download: they get the cookies, and leave none behind.

use super::{PATIENCE, Stage};
use anyhow::Result;
use stagepass_tests::platform::VIDEO_URL;
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::tools::downloaders;
use stagepass_tests::tools::python::run;
use std::env;
use std::fs;

#[tokio::test]
async fn ffmpeg_and_aria2c_download_with_the_cookies() -> Result<()> {
    let stage = Stage::set_up().await?;
    let tools = tempfile::tempdir()?;
    downloaders::link_into(tools.path()).await?;
    let folders = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([tools.path().to_owned()].into_iter().chain(env::split_paths(&folders)))?;
    let temporary = tempfile::tempdir()?;
    for downloader in ["ffmpeg", "aria2c"] {
        let before = stage.platform.requests().len();
        let mut command =
            stage.plain(&["--verbose", "--downloader", downloader, "--no-check-certificates", VIDEO_URL]);
        command.env("PATH", &path).env("TMPDIR", temporary.path()).env("http_proxy", stage.proxy.url());
        let done = run(&mut command, PATIENCE).await?;
        let file = stage.home.path().join("backstage.mp4");
        assert!(done.status.success() && file.exists(), "{downloader}: {}{}", done.stdout, done.stderr);
        fs::remove_file(file)?;
        assert!(done.stderr.contains(&format!("[debug] {downloader} command line")), "{}", done.stderr);
        stage.assert_no_secret(&done)?;
        let requests = stage.platform.requests().split_off(before);
        assert!(requests.len() > 1 && requests.iter().all(|request| request.has_cookies), "{requests:?}");
        let secrets = SecretSearch::new(&stage.platform.secrets())?;
        assert!(secrets.files_in(temporary.path())?.is_empty(), "{downloader} has left cookies");
    }
    Ok(())
}
