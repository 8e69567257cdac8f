//! No circle of imports between the modules of a crate. An import counts for the module that has
//! the item, even if another one re-exports it; modules for tests don't count.

mod modules;
mod paths;

use super::{root, sources};
use anyhow::{Context as _, Result};
use modules::{Import, ModulePath, Modules, Sources};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The column where the map's explanations begin.
const MAP_COLUMN: usize = 26;

/// Which sibling modules import which, and the imports.
type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a Import>>>;

#[test]
fn no_modules_import_each_other_in_a_circle() -> Result<()> {
    let mut found = Vec::new();
    for package in ["core", "native-host", "server", "wasm", "xtask"] {
        let circles = circles(&modules_of(package)?);
        found.extend(circles.iter().map(|circle| format!("{package}: {circle}\n")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

#[test]
fn the_map_of_the_server_lists_each_module_above_those_that_it_imports() -> Result<()> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md"))?;
    let (_, map) = text.split_once("imports only modules on the lines below it").context("no map")?;
    let map = map.split("```").nth(1).context("the map has no end")?;
    let mut lines = BTreeMap::new();
    for (number, line) in map.lines().enumerate() {
        for name in line.get(..MAP_COLUMN).unwrap_or(line).split_whitespace() {
            lines.entry(name.trim_end_matches('/')).or_insert(number);
        }
    }
    let line = |name: &String| lines.get(name.as_str()).with_context(|| format!("{name} is not in the map"));
    for Import { from, to, item } in modules_of("server")?.imports() {
        if let (Some(above), Some(below)) = (from.first(), to.first())
            && above != below
        {
            assert!(line(above)? < line(below)?, "{from:?} imports {item} of {to:?}");
        }
    }
    Ok(())
}

fn modules_of(package: &str) -> Result<Modules> {
    let folder = format!("{package}/src");
    let mut files = Sources::new();
    for (path, text) in sources(&folder, &["rs"])? {
        let path = path.strip_prefix(root().join(&folder))?.to_string_lossy().replace('\\', "/");
        files.insert(path, text);
    }
    Modules::read(&files)
}

/// Each circle between sibling modules, with the imports that make it. A module includes
/// everything below it. The file above them does not count: a folder's face knows its parts,
/// and they may know it.
fn circles(modules: &Modules) -> Vec<String> {
    let imports = modules.imports();
    let mut circles = Vec::new();
    for face in modules.paths() {
        let graph = graph_below(face, &imports);
        let reached: BTreeMap<_, _> = graph.keys().map(|from| (*from, reached(&graph, from))).collect();
        let others = |of| -> BTreeSet<_> {
            let back = |to: &&str| reached.get(to).is_some_and(|back| back.contains(of));
            reached[of].iter().copied().filter(back).collect()
        };
        // Each module of a circle gives the same set, itself included.
        let found: BTreeSet<_> = graph.keys().map(others).filter(|circle| !circle.is_empty()).collect();
        circles.extend(found.iter().map(|circle| describe(modules, circle, &graph)));
    }
    circles
}

fn graph_below<'a>(face: &ModulePath, imports: &'a BTreeSet<Import>) -> Graph<'a> {
    let part = |place: &'a ModulePath| {
        let is_below = place.starts_with(face);
        place.get(face.len()).filter(|_| is_below).map(String::as_str)
    };
    let mut graph = Graph::new();
    for import in imports {
        if let (Some(from), Some(to)) = (part(&import.from), part(&import.to))
            && from != to
        {
            graph.entry(from).or_default().entry(to).or_default().push(import);
        }
    }
    graph
}

fn reached<'a>(graph: &Graph<'a>, from: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(next) = waiting.pop() {
        for to in graph.get(next).into_iter().flat_map(BTreeMap::keys) {
            if found.insert(*to) {
                waiting.push(to);
            }
        }
    }
    found
}

fn describe(modules: &Modules, circle: &BTreeSet<&str>, graph: &Graph<'_>) -> String {
    let mut lines = BTreeSet::new();
    for from in circle {
        for (_, imports) in graph[from].iter().filter(|(to, _)| circle.contains(*to)) {
            for Import { from, to, item } in imports {
                let (from, to) = (modules.file(from), modules.file(to));
                lines.insert(format!("\n  {from} imports {item} of {to}"));
            }
        }
    }
    format!("{circle:?} import each other:{}", lines.into_iter().collect::<String>())
}

/// The circles of a made-up crate.
fn found(files: &[(&str, &str)]) -> Result<Vec<String>> {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    Ok(circles(&Modules::read(&files)?))
}

#[test]
fn a_circle_is_found_and_its_imports_named() -> Result<()> {
    let circles = found(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "mod inner; pub struct B;"),
        ("b/inner.rs", "fn f() -> u8 { crate::c::f() }"),
        ("c.rs", "use super::a; pub fn f() -> u8 { g(a::A) }"),
    ])?;
    let expected = "{\"a\", \"b\", \"c\"} import each other:\n  a.rs imports B of b.rs\n  \
                    b/inner.rs imports f of c.rs\n  c.rs imports A of a.rs\n  c.rs imports self of a.rs";
    assert_eq!(circles, [expected]);
    Ok(())
}

#[test]
fn a_circle_through_a_re_export_is_found() -> Result<()> {
    let files = [
        ("main.rs", "mod store;"),
        ("store.rs", "mod rows; mod tables; pub use rows::{Row as Line, *};"),
        ("store/rows.rs", "use super::tables::T; pub struct Row; pub struct Other;"),
        ("store/tables.rs", "use crate::store::Line; pub struct T;"),
    ];
    let row = "{\"rows\", \"tables\"} import each other:\n  store/rows.rs imports T of store/tables.rs\n  \
               store/tables.rs imports Row of store/rows.rs";
    assert_eq!(found(&files)?, [row]);
    let mut files = files;
    files[3].1 = "pub struct T(super::Other);";
    assert_eq!(found(&files)?, [row.replace("Row of", "Other of")]);
    Ok(())
}

#[test]
fn a_face_and_its_parts_make_no_circle() -> Result<()> {
    let circles = found(&[
        ("lib.rs", "mod a; mod b; pub use a::A;"),
        ("a.rs", "mod part; mod other; use part::P; pub struct A;"),
        ("a/part.rs", "use super::A; use super::other::O; pub struct P;"),
        ("a/other.rs", "use crate::A; pub struct O;"),
        ("b.rs", "use crate::A;"),
    ])?;
    assert_eq!(circles, [""; 0]);
    Ok(())
}

#[test]
fn paths_count_everywhere_except_in_tests() -> Result<()> {
    let is_circle = |text: &str| {
        let circles = found(&[("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::f;"), ("b.rs", text)]);
        circles.map(|circles| !circles.is_empty())
    };
    for text in [
        "pub fn f() { use crate::a::{x, y}; }",
        "pub fn f() { json!({\"a\": crate::a::A}) }",
        "pub fn f() { go! { use crate::a::{x, y}; } }",
        "#[made(from = crate::a::A)] pub fn f() {}",
        "#[derive(D)] pub struct S { #[serde(with = \"crate::a\")] x: u8 } pub fn f() {}",
        "pub fn f() {} mod inline { fn g(a: super::super::a::A) {} }",
        "use super::a::*; pub fn f() {}",
        "impl crate::a::Trait for u8 {} pub fn f() {}",
    ] {
        assert!(is_circle(text)?, "{text}");
    }
    for text in [
        "#[cfg(test)] mod tests { use crate::a::A; } pub fn f() {}",
        "#[cfg(all(test, unix))] use crate::a::A; pub fn f() {}",
        "struct S; impl S { #[cfg(test)] fn g(a: crate::a::A) {} } pub fn f() {}",
        "pub fn f() { ::a::g(); std::a::g(); a::<u8>(\"crate::a\") }",
    ] {
        assert!(!is_circle(text)?, "{text}");
    }
    Ok(())
}
