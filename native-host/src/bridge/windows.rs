//! The bridge over named pipes that only this user can open.
//!
//! An empty file in the host's folder announces the pipe of the same name. Both sides notice if
//! somebody else creates a pipe of that name first, or after its host was killed.

use interprocess::os::windows::ToWtf16;
use interprocess::os::windows::named_pipe::tokio::{DuplexPipeStream, PipeListener};
use interprocess::os::windows::named_pipe::{PipeListenerOptions, pipe_mode::Bytes};
use interprocess::os::windows::security_descriptor::SecurityDescriptor;
use stagepass_core::host::HOST_NAME;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;
use tempfile::TempPath;
use tokio::net::windows::named_pipe::{ClientOptions, NamedPipeClient};
use tokio::time::sleep;
use windows_permissions::constants::{SeObjectType, SecurityInformation};
use windows_permissions::utilities::current_process_sid;
use windows_permissions::wrappers::GetSecurityInfo;
use winsafe::{HPROCESS, co};

/// The suffix of the files that announce pipes.
pub(super) const SUFFIX: &str = ".pipe";
/// The error of connecting to a pipe whose program has ended.
pub(super) const NOBODY_LISTENS: io::ErrorKind = io::ErrorKind::NotFound;
/// The length of the random part of a pipe's name, so that nobody guesses it.
const RANDOM_CHARS: usize = 22;
const BUFFER_BYTES: u32 = 64 * 1024;
/// The system's `SECURITY_ANONYMOUS`: the pipe's server can't impersonate the client.
const ANONYMOUS: u32 = 0;
/// The system's `ERROR_PIPE_BUSY`: the host is creating the next instance.
const PIPE_BUSY: i32 = 231;
/// How long to wait before a busy pipe is tried again.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) type Listener = PipeListener<Bytes, Bytes>;
pub(super) type Stream = DuplexPipeStream<Bytes>;

/// Listens at a new pipe, announced by a file in `folder` that is removed when the path is dropped.
// Decision: docs/decisions/bridge.md#on-windows-a-named-pipe-takes-the-sockets-place
pub(super) fn listen(folder: &Path, prefix: &str) -> io::Result<(Listener, TempPath)> {
    let mut names = tempfile::Builder::new();
    names.prefix(prefix).suffix(SUFFIX).rand_bytes(RANDOM_CHARS);
    let made = names.make_in(folder, |path| {
        let listener = make_pipe(path)?;
        // Create the file after the pipe: a file without a pipe would be mistaken for a dead
        // socket.
        File::create_new(path)?;
        Ok(listener)
    })?;
    Ok(made.into_parts())
}

/// The first instance of a pipe that this user owns. The system refuses it to all other users and
/// over the network.
fn make_pipe(path: &Path) -> io::Result<Listener> {
    let user = current_process_sid()?;
    let descriptor = format!("O:{user}D:P(A;;GA;;;{user})");
    let descriptor = descriptor.to_wtf_16().map_err(io::Error::other)?;
    let options = PipeListenerOptions::new()
        .path(pipe_name(path)?)
        .security_descriptor(Some(SecurityDescriptor::deserialize(&descriptor)?))
        .input_buffer_size_hint(BUFFER_BYTES)
        .output_buffer_size_hint(BUFFER_BYTES);
    options.create_tokio_duplex().map_err(|fault| match fault.kind() {
        // This means that the name is taken; the caller then tries another one.
        io::ErrorKind::PermissionDenied => io::ErrorKind::AlreadyExists.into(),
        _ => fault,
    })
}

/// The pipe that the file at `path` announces.
fn pipe_name(path: &Path) -> io::Result<String> {
    let name = path.file_stem().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidFilename)?;
    Ok(format!(r"\\.\pipe\{HOST_NAME}.{name}"))
}

/// Whether it is a regular file.
pub(super) fn is_own_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// The next program that connects; the system admits only this user's.
pub(super) async fn accept(listener: &Listener) -> io::Result<Stream> {
    listener.accept().await
}

/// The file name of the connected program, if the system knows it.
pub(super) fn program(stream: &Stream) -> io::Result<Option<String>> {
    let pid = stream.client_process_id()?;
    let process = HPROCESS::OpenProcess(co::PROCESS::QUERY_LIMITED_INFORMATION, false, pid);
    let path = process.and_then(|process| process.QueryFullProcessImageName(co::PROCESS_NAME::WIN32));
    Ok(path.ok().and_then(|path| Some(Path::new(&path).file_name()?.to_string_lossy().into_owned())))
}

/// Connects to a program, which must be this user's.
pub(super) async fn connect(socket: &Path) -> io::Result<NamedPipeClient> {
    let name = pipe_name(socket)?;
    let pipe = loop {
        match ClientOptions::new().security_qos_flags(ANONYMOUS).open(&name) {
            Err(fault) if fault.raw_os_error() == Some(PIPE_BUSY) => sleep(PAUSE).await,
            outcome => break outcome?,
        }
    };
    let security = GetSecurityInfo(&pipe, SeObjectType::SE_KERNEL_OBJECT, SecurityInformation::Owner)?;
    if security.owner() == Some(&*current_process_sid()?) {
        Ok(pipe)
    } else {
        // Nobody else can add an instance to our pipe, so it no longer exists.
        Err(NOBODY_LISTENS.into())
    }
}

/// Closes a connection and discards what the peer has not read: to wait for that, the library
/// would keep a thread for as long as the peer likes.
pub(super) fn close(stream: Stream) {
    stream.evade_limbo();
}
