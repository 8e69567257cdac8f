//! Compiles the wasm crate, binds it to JavaScript, and optimises it.

use super::wasm_opt;
use crate::system;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;
use wasm_bindgen_cli_support::Bindgen;

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
pub(crate) const PACKAGE: &str = "stagepass-wasm";
/// The name of the bound module's files.
const MODULE: &str = "stagepass";

/// Compiles, binds and, if wasm-opt is given, optimises. Returns the folder of the module's files.
pub(super) fn build(root: &Path, wasm_opt: Option<&Path>) -> Result<PathBuf> {
    system::ensure_target(TARGET)?;
    let compiled = compile(root)?;
    let folder = compiled.with_extension("bound");
    let bound = folder.join(format!("{MODULE}.js"));
    // The binder is part of this program, so a new build of it binds again.
    if !is_newer(&bound, &compiled)? || !is_newer(&bound, &std::env::current_exe()?)? {
        bind(&compiled, &folder)?;
    }
    match wasm_opt {
        Some(wasm_opt) => optimise(wasm_opt, &folder, &compiled.with_extension("optimised")),
        None => Ok(folder),
    }
}

/// Copies the files to another folder, with the module optimised.
fn optimise(wasm_opt: &Path, bound: &Path, folder: &Path) -> Result<PathBuf> {
    let module = Path::new(MODULE).with_extension("js");
    let (glue, wasm) = (bound.join(&module), format!("{MODULE}_bg.wasm"));
    // Written last, so that it marks a complete folder.
    let done = folder.join(&module);
    if !is_newer(&done, &glue)? || !is_newer(&done, wasm_opt)? {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        wasm_opt::optimise(wasm_opt, &bound.join(&wasm), &folder.join(&wasm))?;
        fs::write(&done, fs::read(&glue)?).with_context(|| done.display().to_string())?;
    }
    Ok(folder.to_owned())
}

/// Runs cargo and returns the path of the wasm file.
fn compile(root: &Path) -> Result<PathBuf> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root)
        .args(["build", "--quiet", "--package", PACKAGE, "--lib", "--target", TARGET, "--profile", "wasm"])
        .args(["--config", &hide_folders()])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("cargo")?;
    ensure!(output.status.success(), "{PACKAGE} does not compile for {TARGET}");
    match wasm_file(&String::from_utf8(output.stdout)?) {
        Some(path) => Ok(path),
        None => bail!("cargo named no wasm file of {PACKAGE}"),
    }
}

/// Cargo's setting that removes the builder's folders from panic messages: cargo's home, and its
/// folders of crate sources, whose names depend on the registry. (Paths of our own sources are
/// relative to the workspace.)
fn hide_folders() -> String {
    let configured = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = configured.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let sources = home.as_ref().and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let of_crates = sources.into_iter().flatten().flatten().map(|entry| (entry.path(), "crates"));
    // The last matching prefix wins.
    let hidden = home.iter().map(|home| (home.clone(), "~")).chain(of_crates);
    let flags = hidden.map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display()));
    format!("target.{TARGET}.rustflags={}", flags.collect::<Value>())
}

/// The wasm file among cargo's messages, one JSON object a line.
fn wasm_file(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message.get("filenames")?.as_array().cloned())
        .flatten()
        .filter_map(|name| name.as_str().map(PathBuf::from))
        .find(|path| path.extension().is_some_and(|extension| extension == "wasm"))
}

fn is_newer(made: &Path, source: &Path) -> Result<bool> {
    let changed = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    let source = changed(source).with_context(|| source.display().to_string())?;
    Ok(changed(made).is_some_and(|made| made > source))
}

fn bind(compiled: &Path, folder: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(compiled).out_name(MODULE).web(true)?;
    // The glue loads the module from its own folder.
    bindgen.omit_default_module_path(false);
    bindgen.typescript(false).remove_name_section(true).remove_producers_section(true);
    bindgen.generate(folder).with_context(|| format!("wasm-bindgen on {}", compiled.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_wasm_file_among_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","filenames":["/t/libstagepass_core.rlib"]}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","filenames":["/t/libstagepass_wasm.rlib","/t/stagepass_wasm.wasm"]}"#,
        );
        assert_eq!(wasm_file(messages), Some(PathBuf::from("/t/stagepass_wasm.wasm")));
        assert_eq!(wasm_file(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
