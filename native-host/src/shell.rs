//! Quotes paths in commands that people paste into a shell.

use std::path::Path;

/// The path quoted as one word.
#[cfg(unix)]
pub(crate) fn quoted(path: &Path) -> String {
    let path = path.to_string_lossy();
    // Only a zero byte can't be quoted, and paths have none.
    shlex::try_quote(&path).map_or_else(|_| path.clone().into_owned(), std::borrow::Cow::into_owned)
}

/// Paths on Windows have no quotation marks.
#[cfg(not(unix))]
pub(crate) fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn quotes_a_path_for_the_shell() {
        for path in ["/plain/path.txt", "/home/o'neill/a b/$(id)/c.txt"] {
            assert_eq!(shlex::split(&quoted(Path::new(path))).unwrap(), [path]);
        }
        assert_eq!(quoted(Path::new("/plain/path.txt")), "/plain/path.txt");
    }
}
