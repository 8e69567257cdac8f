//! Reads one member of a JSON text, or leaves out items of one list, and nothing else of it.
//!
//! Pages store what `JSON.stringify` writes, also with parts that Rust's `String` can't hold or that
//! are nested deeply. What surrounds the wanted member is skipped, and no secret in it is copied.

use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The members of an object. The last of several with one name counts, as in JavaScript.
type Members<'j> = BTreeMap<String, &'j RawValue>;

/// The string or non-negative whole number at a JSON Pointer (RFC 6901, without escapes and array
/// indices).
pub(crate) fn member(json: &str, pointer: &str) -> Option<String> {
    pointer.split('/').skip(1).try_fold(json, child).and_then(text)
}

fn child<'j>(object: &'j str, name: &str) -> Option<&'j str> {
    let members: Members<'j> = serde_json::from_str(object).ok()?;
    members.get(name).map(|value| value.get())
}

fn text(json: &str) -> Option<String> {
    if json.starts_with('"') {
        return serde_json::from_str(json).ok();
    }
    json.parse::<u64>().ok().map(|_| json.to_owned())
}

/// The same JSON with only those items of the list at `path` whose member `id` is `wanted`. `None`
/// without such a list.
pub(crate) fn with_items_of(json: &str, path: &[&str], id: &str, wanted: &str) -> Option<String> {
    let Some((name, rest)) = path.split_first() else {
        let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
        let is_kept = |item: &&str| child(item, id).and_then(text).as_deref() == Some(wanted);
        let kept: Vec<_> = items.iter().map(|item| item.get()).filter(is_kept).collect();
        return Some(format!("[{}]", kept.join(",")));
    };
    let members: Members<'_> = serde_json::from_str(json).ok()?;
    let reduced = with_items_of(members.get(*name)?.get(), rest, id, wanted)?;
    let member = |(other, value): (&String, &&RawValue)| {
        let value = if other == name { &reduced } else { value.get() };
        Some(format!("{}:{value}", serde_json::to_string(other).ok()?))
    };
    let members: Option<Vec<_>> = members.iter().map(member).collect();
    Some(format!("{{{}}}", members?.join(",")))
}

#[cfg(test)]
mod tests {
    use super::{member, with_items_of};

    #[test]
    fn reads_a_string_or_a_number_on_any_level() {
        let json = r#"{"a": {"b": "text"}, "n": 18446744073709551615, "s": "first", "s": "last"}"#;
        for (pointer, expected) in [
            ("/a/b", Some("text")),
            ("/n", Some("18446744073709551615")),
            ("/s", Some("last")),
            ("/a", None),
            ("/a/b/c", None),
            ("/other", None),
        ] {
            assert_eq!(member(json, pointer).as_deref(), expected, "{pointer}");
        }
        for other in ["", "{", "{} {}", "null", "[1]", "true", "7", r#"{"a": 1.5}"#, r#"{"a": [1]}"#] {
            assert_eq!(member(other, "/a"), None, "{other}");
        }
    }

    #[test]
    fn skips_what_a_string_cannot_hold_and_what_is_nested_deeply() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for other in [r#""\ud83d""#, "1e400", deep.as_str()] {
            let json = format!(r#"{{"other": {other}, "token": "t"}}"#);
            assert_eq!(member(&json, "/token").as_deref(), Some("t"), "{other}");
        }
    }

    #[test]
    fn leaves_out_the_other_items_of_a_list_alone() {
        let json = r#"{"a": {"list": [{"id": "1", "n": 1.50}, {"id": "2"}, {"id": 1}, 7]}, "b\"": "\ud83d"}"#;
        let reduced = |path: &[&str], wanted| with_items_of(json, path, "id", wanted);
        let expected = r#"{"a":{"list":[{"id": "1", "n": 1.50},{"id": 1}]},"b\"":"\ud83d"}"#;
        assert_eq!(reduced(&["a", "list"], "1").as_deref(), Some(expected));
        assert_eq!(reduced(&["a", "list"], "3").as_deref(), Some(r#"{"a":{"list":[]},"b\"":"\ud83d"}"#));
        for path in [&["a"][..], &["b"], &["a", "list", "id"], &[]] {
            assert_eq!(reduced(path, "1"), None, "{path:?}");
        }
    }
}
