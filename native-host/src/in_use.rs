//! Files and folders that another program has open. Windows lets a program exclude others, for example
//! while it removes a folder.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Windows' `ERROR_SHARING_VIOLATION`.
const SHARING_VIOLATION: i32 = 32;
/// Others need milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(10);

/// Tries again for a while if another program excludes this one.
pub(crate) fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(fault) if is_excluded(&fault) && Instant::now() < deadline => sleep(PAUSE),
            outcome => return outcome,
        }
    }
}

fn is_excluded(fault: &io::Error) -> bool {
    // On other systems the number means something else.
    cfg!(windows) && fault.raw_os_error() == Some(SHARING_VIOLATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_on_windows_only_and_not_for_other_faults() {
        for (code, expected) in [(SHARING_VIOLATION, if cfg!(windows) { 3 } else { 1 }), (2, 1)] {
            let mut attempts = 0;
            let outcome = patiently(|| {
                attempts += 1;
                if attempts < 3 { Err(io::Error::from_raw_os_error(code)) } else { Ok(()) }
            });
            assert_eq!((attempts, outcome.is_ok()), (expected, expected == 3), "{code}");
        }
    }
}
