//! The modules of a crate, and where what they name stands.

use super::paths::{Named, is_for_tests};
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};
use syn::Item;

/// The files of a crate below its `src`, by their path there.
pub(super) type Sources = BTreeMap<String, String>;
/// Where a module stands: the names that lead to it from the crate's root.
pub(super) type Place = Vec<String>;

/// What the module itself is called among its items.
const SELF: &str = "self";
/// How many re-exports of re-exports are followed.
const MAX_STEPS: usize = 16;

/// An item of one module that another one names.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Import {
    pub(super) from: Place,
    pub(super) to: Place,
    pub(super) item: String,
}

struct Module {
    file: String,
    named: Named,
}

/// All modules of a crate but those for tests.
pub(super) struct Modules(BTreeMap<Place, Module>);

impl Modules {
    pub(super) fn read(sources: &Sources) -> Result<Self> {
        let root = ["lib.rs", "main.rs"].into_iter().find(|name| sources.contains_key(*name));
        let mut modules = Self(BTreeMap::new());
        modules.read_file(sources, Place::new(), root.context("neither lib.rs nor main.rs")?)?;
        Ok(modules)
    }

    fn read_file(&mut self, sources: &Sources, place: Place, file: &str) -> Result<()> {
        let text = sources.get(file).with_context(|| format!("{file} is missing"))?;
        let parsed = syn::parse_file(text).with_context(|| file.to_owned())?;
        self.read_items(sources, place, file, parsed.items)
    }

    fn read_items(&mut self, sources: &Sources, place: Place, file: &str, items: Vec<Item>) -> Result<()> {
        let mut named = Named::default();
        for item in items {
            match item {
                Item::Mod(inner) if is_for_tests(&inner.attrs) => {}
                Item::Mod(inner) => {
                    let place = below(&place, &inner.ident.to_string());
                    match inner.content {
                        Some((_, items)) => self.read_items(sources, place, file, items)?,
                        None => {
                            let file = format!("{}.rs", place.join("/"));
                            self.read_file(sources, place, &file)?;
                        }
                    }
                }
                item => named.read(&item),
            }
        }
        self.0.insert(place, Module { file: file.to_owned(), named });
        Ok(())
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.0.keys()
    }

    pub(super) fn file(&self, place: &Place) -> &str {
        &self.0[place].file
    }

    pub(super) fn imports(&self) -> BTreeSet<Import> {
        let mut imports = BTreeSet::new();
        for (place, Module { named, .. }) in &self.0 {
            let globs = named.globs.iter().flat_map(|glob| self.brought_by(place, glob));
            for path in named.paths.iter().cloned().chain(globs) {
                let targets = self.resolve(place, &path, MAX_STEPS).into_iter();
                imports.extend(targets.map(|(to, item)| Import { from: place.clone(), to, item }));
            }
        }
        imports
    }

    /// The paths that `use glob::*` brings: all that it could.
    fn brought_by(&self, place: &Place, glob: &[String]) -> Vec<Vec<String>> {
        let targets = self.resolve(place, glob, MAX_STEPS);
        let modules = targets.iter().filter(|(_, item)| item == SELF).map(|(to, _)| &self.0[to].named);
        let names = modules.flat_map(|named| named.items.iter().chain(named.aliases.keys()));
        names.map(|name| name.as_str()).chain([SELF]).map(|name| below(glob, name)).collect()
    }

    /// Where what a path names in the module at `place` stands, and its name there. Nowhere
    /// if that is in another crate.
    fn resolve(&self, place: &Place, path: &[String], steps: usize) -> Vec<(Place, String)> {
        let is_step = |name: &&String| matches!(name.as_str(), "crate" | "self" | "super");
        let (lead, rest) = path.split_at(path.iter().take_while(is_step).count());
        let mut start = place.clone();
        for step in lead {
            match step.as_str() {
                "crate" => start.clear(),
                "super" => drop(start.pop()),
                _ => {}
            }
        }
        let Some(first) = rest.iter().find(|name| *name != SELF) else {
            return if lead.is_empty() { Vec::new() } else { vec![(start, SELF.to_owned())] };
        };
        let found = self.look_up(&start, rest, steps);
        // What a macro or a derive makes is in no source.
        if found.is_empty() && !lead.is_empty() { vec![(start, first.clone())] } else { found }
    }

    /// The same for a path that begins with a name of the module.
    fn look_up(&self, place: &Place, path: &[String], steps: usize) -> Vec<(Place, String)> {
        let (Some(Module { named, .. }), Some((name, rest)), Some(steps)) =
            (self.0.get(place), path.split_first(), steps.checked_sub(1))
        else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let inner = below(place, name);
        if self.0.contains_key(&inner) {
            found = self.resolve(&inner, &[&[SELF.to_owned()], rest].concat(), steps);
        }
        if named.items.contains(name) && (found.is_empty() || rest.is_empty()) {
            found.push((place.clone(), name.clone()));
        }
        if let Some(alias) = named.aliases.get(name) {
            found.extend(self.resolve(place, &[alias, rest].concat(), steps));
        }
        if found.is_empty() {
            let modules = named.globs.iter().flat_map(|glob| self.resolve(place, glob, steps));
            found.extend(modules.flat_map(|(to, _)| self.look_up(&to, path, steps)));
        }
        found
    }
}

fn below(place: &[String], name: &str) -> Place {
    place.iter().cloned().chain([name.to_owned()]).collect()
}
