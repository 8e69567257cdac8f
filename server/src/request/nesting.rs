//! What can be said of JSON before it is read: how deep it is nested, and
//! whether an object in it names a member twice. Readers differ in which of the
//! two counts, and would in what is only kept and handed on.

use crate::error::Error;
use std::borrow::Cow;

/// The deepest nesting of arrays and objects in a body. What is kept as it was
/// sent must not be more than its readers take, of whom some take no more.
pub(super) const MAX_DEPTH: usize = 64;
/// Members that mean something here, of bodies and of objects within. Other names
/// are the caller's own, and not repeated to anybody.
const NAMES: [&str; 38] = [
    "auth_type",
    "confirm",
    "cookies",
    "cookies_netscape",
    "creatorProfileId",
    "creator_profile_id",
    "credentials",
    "current",
    "display_name",
    "domain",
    "drop_expired",
    "email",
    "expirationDate",
    "expires",
    "expires_at",
    "expiry",
    "format",
    "hostOnly",
    "httpOnly",
    "id",
    "key",
    "mode",
    "name",
    "partitionKey",
    "password",
    "path",
    "platform",
    "platform_username",
    "reason",
    "refresh_token",
    "sameSite",
    "secure",
    "service",
    "session",
    "storeId",
    "user_agent",
    "username",
    "value",
];

/// Refuses valid JSON that is nested too deep, or in which an object names a
/// member twice.
pub(super) fn check(json: &[u8]) -> Result<(), Error> {
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
            b'}' | b']' => scan.close()?,
            b',' => scan.next_member(),
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// What stands between the quotation mark at `start` and the one that ends it.
fn string_at(json: &[u8], start: usize) -> &[u8] {
    let text = json.get(start + 1..).unwrap_or_default();
    let mut end = 0;
    while let Some(byte) = text.get(end) {
        match byte {
            b'"' => break,
            // What is escaped, maybe a quotation mark, ends no string.
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    &text[..end.min(text.len())]
}

/// An array or object that has begun and not ended.
#[derive(Debug)]
struct Open {
    is_object: bool,
    /// Where its names begin among all.
    names_from: usize,
    /// How many members came before the present one.
    index: usize,
}

#[derive(Debug, Default)]
struct Scan<'a> {
    open: Vec<Open>,
    /// The names of all open objects, the outermost first.
    names: Vec<Cow<'a, [u8]>>,
    is_name_next: bool,
}

impl<'a> Scan<'a> {
    fn open(&mut self, is_object: bool) -> Result<(), Error> {
        self.open.push(Open { is_object, names_from: self.names.len(), index: 0 });
        self.is_name_next = is_object;
        if self.open.len() > MAX_DEPTH {
            return Err(Error::BadRequest(format!("body is nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    fn name(&mut self, text: &'a [u8]) -> Result<(), Error> {
        self.names.push(unescape(text)?);
        self.is_name_next = false;
        Ok(())
    }

    fn next_member(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.index += 1;
            self.is_name_next = open.is_object;
        }
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(closed) = self.open.pop() else { return Ok(()) };
        self.is_name_next = false;
        let names = &mut self.names[closed.names_from..];
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| known(&pair[0]));
        if let Some(name) = twice {
            return Err(Error::BadRequest(self.fault(name, closed.names_from)));
        }
        self.names.truncate(closed.names_from);
        Ok(())
    }

    /// Says where a name was given twice, as far as the way there is known.
    fn fault(&self, twice: Option<&str>, names_to: usize) -> String {
        let mut place = String::new();
        let ends = self.open.iter().skip(1).map(|inner| inner.names_from).chain([names_to]);
        for (open, names_to) in self.open.iter().zip(ends) {
            // The last name of an object is the one that leads on.
            let name = self.names[open.names_from..names_to].last().map(|name| known(name));
            match name {
                None => place.push_str(&format!("[{}]", open.index)),
                Some(Some(name)) if place.is_empty() => place.push_str(name),
                Some(_) => return format!("{} gives a field twice", or_body(&place)),
            }
        }
        match twice {
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

fn known(name: &[u8]) -> Option<&'static str> {
    NAMES.into_iter().find(|known| known.as_bytes() == name)
}

fn unescape(text: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    if !text.contains(&b'\\') {
        return Ok(text.into());
    }
    let quoted = [b"\"", text, b"\""].concat();
    // Half a surrogate pair is none, and what readers make of it differs.
    let name: String = serde_json::from_slice(&quoted)
        .map_err(|_| Error::BadRequest("body has a name that is no text".to_owned()))?;
    Ok(name.into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: &str) -> Option<String> {
        check(json.as_bytes()).err().map(|error| error.to_string())
    }

    #[test]
    fn names_the_place_of_a_member_that_is_given_twice() {
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
            (r#"{"credentials":{"\ud800":1}}"#, "body has a name that is no text"),
        ] {
            assert_eq!(fault(json).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn the_same_name_in_another_object_and_in_texts_is_no_second_one() {
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
    fn depth_is_counted_outside_of_strings() {
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
