//! The bridge over named pipes, each of which admits this user alone.
//!
//! Pipes have a namespace of their own that every user may list and make names
//! in, and commands look into the host's folder: there a pipe is told by an
//! empty file of its name. That somebody makes a pipe of that name first, or
//! after its host was killed, is noticed by either side.

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

/// What the names of the files end with that tell a pipe.
pub(super) const SUFFIX: &str = ".pipe";
/// The fault of connecting to a pipe whose program has ended.
pub(super) const NOBODY_LISTENS: io::ErrorKind = io::ErrorKind::NotFound;
/// The random part of a pipe's name: nobody takes it beforehand by chance.
const RANDOM_CHARS: usize = 22;
const BUFFER_BYTES: u32 = 64 * 1024;
/// The system's `SECURITY_ANONYMOUS`: who serves a pipe can't act as who connects.
const ANONYMOUS: u32 = 0;
/// The system's `ERROR_PIPE_BUSY`: the host is just making another instance.
const PIPE_BUSY: i32 = 231;
/// How long a busy pipe is left alone.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) type Listener = PipeListener<Bytes, Bytes>;
pub(super) type Stream = DuplexPipeStream<Bytes>;

/// Listens at a new pipe that a file in `folder` tells, which goes away with its path.
pub(super) fn listen(folder: &Path, prefix: &str) -> io::Result<(Listener, TempPath)> {
    let mut names = tempfile::Builder::new();
    names.prefix(prefix).suffix(SUFFIX).rand_bytes(RANDOM_CHARS);
    let made = names.make_in(folder, |path| {
        let listener = make_pipe(path)?;
        // Only now: who found it before the pipe would take it for a dead one.
        File::create_new(path)?;
        Ok(listener)
    })?;
    Ok(made.into_parts())
}

/// The first instance of a pipe, of this user's and for this user alone: to all
/// others, and over the network, the system refuses it.
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
        // So the system says that the name is taken; then another one is tried.
        io::ErrorKind::PermissionDenied => io::ErrorKind::AlreadyExists.into(),
        _ => fault,
    })
}

/// The pipe that the file at `path` tells.
fn pipe_name(path: &Path) -> io::Result<String> {
    let name = path.file_stem().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidFilename)?;
    Ok(format!(r"\\.\pipe\{HOST_NAME}.{name}"))
}

/// Whether the file is one, and no link.
pub(super) fn is_own_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// The next program that connects; the system admits none but this user's.
pub(super) async fn accept(listener: &Listener) -> io::Result<Stream> {
    listener.accept().await
}

/// The file name of the program that has connected, where the system tells it.
pub(super) fn program(stream: &Stream) -> io::Result<Option<String>> {
    let pid = stream.client_process_id()?;
    let process = HPROCESS::OpenProcess(co::PROCESS::QUERY_LIMITED_INFORMATION, false, pid);
    let path = process.and_then(|process| process.QueryFullProcessImageName(co::PROCESS_NAME::WIN32));
    Ok(path.ok().and_then(|path| Some(Path::new(&path).file_name()?.to_string_lossy().into_owned())))
}

/// Connects to a program of this user's, and no other's.
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
        // Nobody else can add an instance to a pipe of ours, so ours is no more.
        Err(NOBODY_LISTENS.into())
    }
}

/// Ends a connection, with what the other side has not read yet: to wait for
/// that, the library would keep a thread for as long as the other side likes.
pub(super) fn close(stream: Stream) {
    stream.evade_limbo();
}
