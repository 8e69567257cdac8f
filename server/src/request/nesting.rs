//! Checks JSON before it is parsed: its nesting depth, and duplicate names in objects. Parsers
//! differ in which duplicate counts, and data that is only stored goes to several parsers.

use crate::error::Error;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The deepest nesting of arrays and objects in a body. Stored data must stay readable for all
/// parsers, some of which accept no more.
// Decision: docs/decisions/http.md#a-body-has-at-most-64-levels
pub(super) const MAX_DEPTH: usize = 64;
/// The most members of objects and items of arrays in a body. Each takes far more memory than its
/// bytes, and the largest session has a quarter of them.
const MAX_VALUES: usize = 100_000;

/// Refuses valid JSON that is nested too deeply, or has an object with a duplicate name. A fault
/// contains only `known` names: others may be secrets in the wrong place.
// Decision: docs/decisions/http.md#a-field-given-twice-is-refused
pub(super) fn check(json: &[u8], known: fn() -> BTreeSet<String>) -> Result<(), Error> {
    let mut scan = Scan::default();
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                let text = string_at(json, at);
                if scan.is_name_next {
                    scan.name(text)?;
                }
                at += text.len() + 1;
            }
            b'{' | b'[' => scan.open(*byte == b'{')?,
            b'}' | b']' => scan.close(known)?,
            b',' => scan.next_member()?,
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// The text between the quotation mark at `start` and the one that ends it.
fn string_at(json: &[u8], start: usize) -> &[u8] {
    let text = json.get(start + 1..).unwrap_or_default();
    let mut end = 0;
    while let Some(byte) = text.get(end) {
        match byte {
            b'"' => break,
            // An escaped character, even a quotation mark, does not end the string.
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    &text[..end.min(text.len())]
}

/// An array or object that has started and not ended.
#[derive(Debug)]
struct Open {
    is_object: bool,
    /// Where its names start among all names.
    names_from: usize,
    /// How many members came before the current one.
    index: usize,
}

#[derive(Debug, Default)]
struct Scan<'a> {
    open: Vec<Open>,
    /// The names of all open objects, the outermost first.
    names: Vec<Cow<'a, [u8]>>,
    is_name_next: bool,
    /// How many values have begun.
    values: usize,
}

impl<'a> Scan<'a> {
    fn open(&mut self, is_object: bool) -> Result<(), Error> {
        self.count()?;
        self.open.push(Open { is_object, names_from: self.names.len(), index: 0 });
        self.is_name_next = is_object;
        if self.open.len() > MAX_DEPTH {
            return Err(Error::BadRequest(format!("body is nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Error> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Error::BadRequest(format!("body has more than {MAX_VALUES} values")));
        }
        Ok(())
    }

    fn name(&mut self, text: &'a [u8]) -> Result<(), Error> {
        self.names.push(unescape(text)?);
        self.is_name_next = false;
        Ok(())
    }

    fn next_member(&mut self) -> Result<(), Error> {
        self.count()?;
        if let Some(open) = self.open.last_mut() {
            open.index += 1;
            self.is_name_next = open.is_object;
        }
        Ok(())
    }

    fn close(&mut self, known: fn() -> BTreeSet<String>) -> Result<(), Error> {
        let Some(closed) = self.open.pop() else { return Ok(()) };
        self.is_name_next = false;
        let names = &mut self.names[closed.names_from..];
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let twice = pair[0].clone();
            return Err(Error::BadRequest(self.fault(&twice, closed.names_from, &known())));
        }
        self.names.truncate(closed.names_from);
        Ok(())
    }

    /// Describes where a name is duplicated, as far as the path to it is known.
    fn fault(&self, twice: &[u8], names_to: usize, known: &BTreeSet<String>) -> String {
        let known = |name: &[u8]| known.iter().find(|known| known.as_bytes() == name);
        let mut place = String::new();
        let ends = self.open.iter().skip(1).map(|inner| inner.names_from).chain([names_to]);
        for (open, names_to) in self.open.iter().zip(ends) {
            // The last name of an object continues the path.
            let name = self.names[open.names_from..names_to].last().map(|name| known(name));
            match name {
                None => place.push_str(&format!("[{}]", open.index)),
                Some(Some(name)) if place.is_empty() => place.push_str(name),
                Some(_) => return format!("{} gives a field twice", or_body(&place)),
            }
        }
        match known(twice) {
            Some(name) if place.is_empty() => format!("{name} given twice"),
            Some(name) if place.ends_with(']') => format!("{place}: {name} given twice"),
            Some(name) => format!("{place}.{name} given twice"),
            None => format!("{} gives a field twice", or_body(&place)),
        }
    }
}

fn or_body(place: &str) -> &str {
    if place.is_empty() { "body" } else { place }
}

fn unescape(text: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    if !text.contains(&b'\\') {
        return Ok(text.into());
    }
    let quoted = [b"\"", text, b"\""].concat();
    // Half a surrogate pair is invalid, and parsers treat it differently.
    let name: String = serde_json::from_slice(&quoted)
        .map_err(|_| Error::BadRequest("body has a name that is not valid text".to_owned()))?;
    Ok(name.into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: &str) -> Option<String> {
        let known =
            || ["cookies", "credentials", "id", "name", "password", "value"].map(str::to_owned).into();
        check(json.as_bytes(), known).err().map(|error| error.to_string())
    }

    #[test]
    fn names_the_path_of_a_duplicate_member() {
        for (json, expected) in [
            (r#"{"cookies":[{},{"value":"a","name":"b","value":"c"}]}"#, "cookies[1]: value given twice"),
            (r#"{"a":"b","cookies":[{"v\u0061lue":1,"value":1}]}"#, "cookies[0]: value given twice"),
            (r#"{"credentials":{"password":"a","password":"a"}}"#, "credentials.password given twice"),
            (r#"{"credentials":{"planted":"a","planted":"a"}}"#, "credentials gives a field twice"),
            (r#"{"credentials":{"planted":{"a":1,"a":1e999}}}"#, "credentials gives a field twice"),
            (r#"{"credentials":{"password":[[{"a":"\ud800","a":1}]]}}"#, "credentials gives a field twice"),
            (r#"{"cookies":[[{"a":[],"b":{},"a":{}}]]}"#, "cookies[0][0] gives a field twice"),
            (r#"{"planted":{"a":1,"a":2}}"#, "body gives a field twice"),
            (r#"{"a":1,"a":1}"#, "body gives a field twice"),
            (r#"{"id":1,"i\u0064":1}"#, "id given twice"),
            (r#"{"credentials":{"\ud800":1}}"#, "body has a name that is not valid text"),
        ] {
            assert_eq!(fault(json).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn refuses_more_values_than_memory_is_meant_for() {
        // One list, and as many more as there are commas.
        let list = |values: usize| format!("[{}1]", "1,".repeat(values - 1));
        assert_eq!(fault(&list(MAX_VALUES)), None);
        let expected = "body has more than 100000 values";
        assert_eq!(fault(&list(MAX_VALUES + 1)).as_deref(), Some(expected));
        let objects = format!(r#"{{"cookies":[{}{{}}]}}"#, "{},".repeat(MAX_VALUES / 2));
        assert_eq!(fault(&objects).as_deref(), Some(expected));
    }

    #[test]
    fn allows_the_same_name_in_another_object_and_in_texts() {
        for json in [
            "1",
            r#""a""#,
            r#"{"cookies":[{"name":"name","value":"name"},{"name":"name"}],"name":{"name":{"name":1}}}"#,
            r#"{"a":{"b":"\"b\":1,\"b\":1","c":"}{","d":["b","b"]},"b":{"b":1,"B":1}}"#,
            r#"{"a":{"b\\":1,"b":1,"\"b":[]}}"#,
        ] {
            assert_eq!(fault(json), None, "{json}");
        }
    }

    #[test]
    fn counts_depth_only_outside_strings() {
        let nested =
            |levels: usize| format!("{}1{}", r#"{"a":["#.repeat(levels / 2), "]}".repeat(levels / 2));
        assert_eq!(fault(&nested(64)), None);
        for levels in [66, 100_000] {
            assert_eq!(fault(&nested(levels)).as_deref(), Some("body is nested deeper than 64 levels"));
        }
        let in_a_text = format!(r#"{{"a":"\"{}"}}"#, "[{".repeat(100));
        assert_eq!(fault(&in_a_text), None);
    }
}
