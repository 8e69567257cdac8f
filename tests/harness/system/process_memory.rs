//! The memory of another process, as `/proc` shows it (proc(5)).

use anyhow::{Context as _, Result, ensure};
use memchr::memmem;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

/// The most memory that a process has had resident, in KiB: `VmHWM`.
///
/// # Errors
/// When the process can't be examined.
pub fn peak_kib(pid: u32) -> Result<u64> {
    kib(pid, "VmHWM:")
}

/// The memory that a process has resident, in KiB: `VmRSS`.
///
/// # Errors
/// When the process can't be examined.
pub fn resident_kib(pid: u32) -> Result<u64> {
    kib(pid, "VmRSS:")
}

fn kib(pid: u32, figure: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(figure)).context("no such figure")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// How often each of the `needles` is in the memory that the process can write to: its
/// stacks, its heap and everything else that it has mapped.
///
/// # Errors
/// When the process can't be examined.
pub fn count(pid: u32, needles: &[&[u8]]) -> Result<Vec<usize>> {
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    let mut counts = vec![0; needles.len()];
    let mut searched = 0;
    for line in fs::read_to_string(format!("/proc/{pid}/maps"))?.lines() {
        let mut columns = line.split_ascii_whitespace();
        let (range, permissions) =
            (columns.next().context("no range")?, columns.next().context("no rights")?);
        if !permissions.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').context("no range")?;
        let (start, end) = (u64::from_str_radix(start, 16)?, u64::from_str_radix(end, 16)?);
        let mut bytes = vec![0; usize::try_from(end - start)?];
        memory.read_exact_at(&mut bytes, start).with_context(|| format!("cannot read {line}"))?;
        searched += bytes.len();
        for (needle, count) in needles.iter().zip(&mut counts) {
            *count += memmem::find_iter(&bytes, needle).count();
        }
    }
    ensure!(searched > 0, "the process {pid} has no memory");
    Ok(counts)
}
