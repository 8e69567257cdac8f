//! Tests of names with invisible characters: new ones are refused, and existing ones are shown with
//! replacement characters.

use crate::browser::text;
use crate::process::*;
use serde_json::{Value, json};
use stagepass_native_host::exports::ExportKey;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Reverses the writing direction.
const TURNED: &str = "work\u{202e}krow";

/// An export with such a label, as an earlier version wrote it.
fn export_of_earlier_host(home: &Path) {
    let path = export_file(home, "x", "", PLANTED);
    let stem = ExportKey::new("x".to_owned(), TURNED.to_owned()).unwrap().file_stem();
    let renamed = path.with_file_name(format!("{stem}.txt"));
    fs::rename(&path, &renamed).unwrap();
    let sidecar = json!({"platform": "x", "label": TURNED, "exported_at": "2026-01-15T10:30:00.000Z",
        "expires_at": null});
    fs::write(renamed.with_extension("json"), sidecar.to_string()).unwrap();
    fs::set_permissions(renamed.with_extension("json"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(path.with_extension("json")).unwrap();
}

#[test]
fn refuses_a_label_with_invisible_characters() {
    let home = tempfile::tempdir().unwrap();
    for hidden in
        ['\u{ad}', '\u{200b}', '\u{200d}', '\u{202e}', '\u{2066}', '\u{2028}', '\u{feff}', '\u{e0041}']
    {
        let answer = ask(home.path(), &[export("x", &format!("a{hidden}b"), PLANTED)]).remove(0);
        assert_eq!(answer["error"]["message"], "label must not hold invisible characters", "{hidden:?}");
    }
    assert!(!host_dir(home.path()).exists());
    for label in ["Zoë", "می\u{200c}خواهم", "👩\u{200d}💻"] {
        export_file(home.path(), "x", label, PLANTED);
    }
}

#[test]
fn shows_an_old_label_safely_and_deletes_its_export() {
    let home = tempfile::tempdir().unwrap();
    export_of_earlier_host(home.path());
    let listed = run(program(home.path()).arg("list"), b"");
    assert!(text(&listed.stdout).contains("work\u{fffd}krow"), "{}", text(&listed.stdout));
    let json = text(&run(program(home.path()).args(["list", "--json"]), b"").stdout);
    assert!(json.contains("work\\u202ekrow"), "{json}");
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()[0]["label"], TURNED);
    let missing = run(program(home.path()).args(["cookies", "vimeo"]), b"");
    assert!(text(&missing.stderr).contains("work\u{fffd}krow"), "{}", text(&missing.stderr));
    let removed = run(program(home.path()).args(["rm", "x", "--label", "nothing"]), b"");
    assert!(!text(&removed.stderr).contains('\u{202e}'), "{}", text(&removed.stderr));
    let delete = json!({"id": 1, "type": "delete", "platform": "x", "label": TURNED});
    assert_eq!(ask(home.path(), &[delete])[0]["deleted"], true);
}

#[test]
fn quoted_arguments_cannot_control_the_terminal() {
    let home = tempfile::tempdir().unwrap();
    for arguments in
        [&["list", "--\u{1b}[2J\u{202e}"][..], &["\u{1b}[2J\u{202e}"], &["cookies", "\u{1b}[2J\u{202e}"]]
    {
        let output = run(program(home.path()).args(arguments), b"");
        let said = text(&output.stderr);
        assert!(
            !output.status.success() && !said.contains('\u{1b}') && !said.contains('\u{202e}'),
            "{said:?}"
        );
    }
}
