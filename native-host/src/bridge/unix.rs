//! The bridge over Unix sockets; the system tells the user id of the peer.

use super::program;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use tempfile::TempPath;
pub(super) use tokio::net::{UnixListener as Listener, UnixStream as Stream};

/// The suffix of socket names.
pub(super) const SUFFIX: &str = ".sock";
/// The error of connecting to a socket whose program has ended.
pub(super) const NOBODY_LISTENS: io::ErrorKind = io::ErrorKind::ConnectionRefused;
/// The suffix of a socket that is not listening yet: under its final name it would be mistaken
/// for a dead one.
const UNFINISHED: &str = ".new";

/// Listens at a new socket in `folder`. Its file is removed when the path is dropped.
pub(super) fn listen(folder: &Path, prefix: &str) -> io::Result<(Listener, TempPath)> {
    let bound = tempfile::Builder::new()
        .prefix(prefix)
        .suffix(UNFINISHED)
        .make_in(folder, |path| Listener::bind(path))?;
    let (listener, unfinished) = bound.into_parts();
    let path = unfinished.with_extension(SUFFIX.trim_start_matches('.'));
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600))?;
    fs::rename(&unfinished, &path)?;
    Ok((listener, TempPath::try_from_path(&path)?))
}

/// Whether it is a socket of this user.
pub(super) fn is_own_socket(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|metadata| metadata.file_type().is_socket() && metadata.uid() == our_uid())
}

/// The next program that connects, of any user.
pub(super) async fn accept(listener: &Listener) -> io::Result<Stream> {
    Ok(listener.accept().await?.0)
}

/// The name of the connected program, if the system knows it; an error if it is another user's.
pub(super) fn program(stream: &Stream) -> io::Result<Option<String>> {
    refuse_foreign(stream)?;
    Ok(stream.peer_cred()?.pid().and_then(program::describe))
}

/// Connects to a program, which must be this user's.
pub(super) async fn connect(socket: &Path) -> io::Result<Stream> {
    let stream = Stream::connect(socket).await?;
    refuse_foreign(&stream)?;
    Ok(stream)
}

/// Closes a connection; the peer can still read what was sent.
pub(super) fn close(stream: Stream) {
    drop(stream);
}

fn refuse_foreign(stream: &Stream) -> io::Result<()> {
    let is_ours = stream.peer_cred()?.uid() == our_uid();
    is_ours.then_some(()).ok_or_else(|| io::ErrorKind::PermissionDenied.into())
}

/// The user that this program acts as.
fn our_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
