//! The bridge over Unix sockets, whose other end the system names the user of.

use super::program;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use tempfile::TempPath;
pub(super) use tokio::net::{UnixListener as Listener, UnixStream as Stream};

/// What the names of sockets end with.
pub(super) const SUFFIX: &str = ".sock";
/// The fault of connecting to a socket whose program has ended.
pub(super) const NOBODY_LISTENS: io::ErrorKind = io::ErrorKind::ConnectionRefused;
/// What a socket is called that nobody listens at yet: who found it under its
/// final name would take it for a dead one.
const UNFINISHED: &str = ".new";

/// Listens at a new socket in `folder`, whose file goes away with its path.
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

/// Whether it is a socket, and this user's.
pub(super) fn is_own_socket(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|metadata| metadata.file_type().is_socket() && metadata.uid() == our_uid())
}

/// The next program that connects, whoever's it is.
pub(super) async fn accept(listener: &Listener) -> io::Result<Stream> {
    Ok(listener.accept().await?.0)
}

/// What the system calls the program that has connected, where it knows; a
/// fault where it is another user's.
pub(super) fn program(stream: &Stream) -> io::Result<Option<String>> {
    refuse_foreign(stream)?;
    Ok(stream.peer_cred()?.pid().and_then(program::describe))
}

/// Connects to a program of this user's, and no other's.
pub(super) async fn connect(socket: &Path) -> io::Result<Stream> {
    let stream = Stream::connect(socket).await?;
    refuse_foreign(&stream)?;
    Ok(stream)
}

/// Ends a connection; what the other side has not read yet stays readable.
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
