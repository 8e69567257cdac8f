//! The modules of a crate, and the modules of the items that they name.

use super::paths::{Named, is_for_tests};
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};
use syn::Item;

/// The files of a crate below its `src`, by their path there.
pub(super) type Sources = BTreeMap<String, String>;
/// The path of a module: the names that lead to it from the crate's root.
pub(super) type ModulePath = Vec<String>;

/// The module's own name among its items.
const SELF: &str = "self";
/// How many re-exports of re-exports to follow.
const MAX_STEPS: usize = 16;

/// An item of one module that another one names.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Import {
    pub(super) from: ModulePath,
    pub(super) to: ModulePath,
    pub(super) item: String,
}

struct Module {
    file: String,
    named: Named,
}

/// All modules of a crate except those for tests.
pub(super) struct Modules(BTreeMap<ModulePath, Module>);

impl Modules {
    pub(super) fn read(sources: &Sources) -> Result<Self> {
        let root = ["lib.rs", "main.rs"].into_iter().find(|name| sources.contains_key(*name));
        let mut modules = Self(BTreeMap::new());
        modules.read_file(sources, ModulePath::new(), root.context("neither lib.rs nor main.rs")?)?;
        Ok(modules)
    }

    fn read_file(&mut self, sources: &Sources, module: ModulePath, file: &str) -> Result<()> {
        let text = sources.get(file).with_context(|| format!("{file} is missing"))?;
        let parsed = syn::parse_file(text).with_context(|| file.to_owned())?;
        self.read_items(sources, module, file, parsed.items)
    }

    fn read_items(
        &mut self,
        sources: &Sources,
        module: ModulePath,
        file: &str,
        items: Vec<Item>,
    ) -> Result<()> {
        let mut named = Named::default();
        for item in items {
            match item {
                Item::Mod(inner) if is_for_tests(&inner.attrs) => {}
                Item::Mod(inner) => {
                    let module = below(&module, &inner.ident.to_string());
                    match inner.content {
                        Some((_, items)) => self.read_items(sources, module, file, items)?,
                        None => {
                            let file = format!("{}.rs", module.join("/"));
                            self.read_file(sources, module, &file)?;
                        }
                    }
                }
                item => named.read(&item),
            }
        }
        self.0.insert(module, Module { file: file.to_owned(), named });
        Ok(())
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &ModulePath> {
        self.0.keys()
    }

    pub(super) fn file(&self, module: &ModulePath) -> &str {
        &self.0[module].file
    }

    pub(super) fn imports(&self) -> BTreeSet<Import> {
        let mut imports = BTreeSet::new();
        for (module, Module { named, .. }) in &self.0 {
            let globs = named.globs.iter().flat_map(|glob| self.brought_by(module, glob));
            for path in named.paths.iter().cloned().chain(globs) {
                let targets = self.resolve(module, &path, MAX_STEPS).into_iter();
                imports.extend(targets.map(|(to, item)| Import { from: module.clone(), to, item }));
            }
        }
        imports
    }

    /// All paths that `use glob::*` could bring in.
    fn brought_by(&self, module: &ModulePath, glob: &[String]) -> Vec<Vec<String>> {
        let targets = self.resolve(module, glob, MAX_STEPS);
        let modules = targets.iter().filter(|(_, item)| item == SELF).map(|(to, _)| &self.0[to].named);
        let names = modules.flat_map(|named| named.items.iter().chain(named.aliases.keys()));
        names.map(|name| name.as_str()).chain([SELF]).map(|name| below(glob, name)).collect()
    }

    /// The module and the name of the item that a path means in `module`. Empty if
    /// it is in another crate.
    fn resolve(&self, module: &ModulePath, path: &[String], steps: usize) -> Vec<(ModulePath, String)> {
        let is_step = |name: &&String| matches!(name.as_str(), "crate" | "self" | "super");
        let (lead, rest) = path.split_at(path.iter().take_while(is_step).count());
        let mut start = module.clone();
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
        // Items that a macro or a derive makes are in no source.
        if found.is_empty() && !lead.is_empty() { vec![(start, first.clone())] } else { found }
    }

    /// The same for a path that begins with a name of the module.
    fn look_up(&self, module: &ModulePath, path: &[String], steps: usize) -> Vec<(ModulePath, String)> {
        let (Some(Module { named, .. }), Some((name, rest)), Some(steps)) =
            (self.0.get(module), path.split_first(), steps.checked_sub(1))
        else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let inner = below(module, name);
        if self.0.contains_key(&inner) {
            found = self.resolve(&inner, &[&[SELF.to_owned()], rest].concat(), steps);
        }
        if named.items.contains(name) && (found.is_empty() || rest.is_empty()) {
            found.push((module.clone(), name.clone()));
        }
        if let Some(alias) = named.aliases.get(name) {
            found.extend(self.resolve(module, &[alias, rest].concat(), steps));
        }
        if found.is_empty() {
            let modules = named.globs.iter().flat_map(|glob| self.resolve(module, glob, steps));
            found.extend(modules.flat_map(|(to, _)| self.look_up(&to, path, steps)));
        }
        found
    }
}

fn below(module: &[String], name: &str) -> ModulePath {
    module.iter().cloned().chain([name.to_owned()]).collect()
}
