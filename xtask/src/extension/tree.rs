//! A folder's files in memory; writing touches only files that differ.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Files by their path in the folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tree(BTreeMap<PathBuf, Vec<u8>>);

impl Tree {
    /// Reads every file in `folder` and below it; none if it doesn't exist.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut tree = Self::default();
        if folder.exists() {
            tree.read_into(folder, Path::new(""))?;
        }
        Ok(tree)
    }

    fn read_into(&mut self, folder: &Path, prefix: &Path) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let name = prefix.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.read_into(&entry.path(), &name)?;
            } else {
                let path = entry.path();
                self.0.insert(name, fs::read(&path).with_context(|| path.display().to_string())?);
            }
        }
        Ok(())
    }

    /// Adds one file.
    pub(super) fn add(&mut self, path: &str, content: Vec<u8>) {
        self.0.insert(path.into(), content);
    }

    /// Every file, sorted by path.
    pub(super) fn files(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.0.iter().map(|(path, content)| (path.as_path(), content.as_slice()))
    }

    /// Adds another tree below `folder`.
    pub(super) fn add_all(&mut self, folder: &str, other: Self) {
        self.0.extend(other.0.into_iter().map(|(path, content)| (Path::new(folder).join(path), content)));
    }

    /// Makes `folder` contain exactly these files. Unchanged files are not touched, so that a browser
    /// that watches the folder sees no change.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let there = Self::read(folder)?;
        for path in there.0.keys().filter(|path| !self.0.contains_key(*path)) {
            let path = folder.join(path);
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
        for (path, content) in self.0.iter().filter(|(path, content)| there.0.get(*path) != Some(content)) {
            let path = folder.join(path);
            let parent = path.parent().unwrap_or(folder);
            fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
            fs::write(&path, content).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, content) in files {
            tree.add(path, content.as_bytes().to_vec());
        }
        tree
    }

    #[test]
    fn a_folder_contains_exactly_the_files_written_last() {
        let folder = tempfile::tempdir().unwrap();
        tree(&[("a.js", "1"), ("views/old.js", "2")]).write(folder.path()).unwrap();
        let newer = tree(&[("a.js", "1"), ("views/new.js", "3")]);
        newer.write(folder.path()).unwrap();
        assert_eq!(Tree::read(folder.path()).unwrap(), newer);
    }

    #[test]
    fn does_not_touch_an_unchanged_file() {
        let folder = tempfile::tempdir().unwrap();
        let files = tree(&[("a.js", "1")]);
        files.write(folder.path()).unwrap();
        let written = |name: &str| fs::metadata(folder.path().join(name)).unwrap().modified().unwrap();
        let before = written("a.js");
        std::thread::sleep(std::time::Duration::from_millis(20));
        files.write(folder.path()).unwrap();
        assert_eq!(written("a.js"), before);
    }
}
