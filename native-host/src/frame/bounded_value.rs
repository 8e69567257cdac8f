//! JSON with a limited number of values. A [`Value`] can take a hundred times the memory of its text
//! (`[{"":0},{"":0},…`), so the values are counted while they are read, and reading ends at the
//! limit. Knows nothing of frames.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Reads JSON with at most `max_values` values; each member of an array or object counts.
///
/// # Errors
/// An error of the category `Data` if there are more; other errors have other categories.
pub(super) fn from_slice(json: &[u8], max_values: usize) -> serde_json::Result<Value> {
    let mut left = max_values;
    let mut from = serde_json::Deserializer::from_slice(json);
    let value = Bounded { left: &mut left }.deserialize(&mut from)?;
    from.end()?;
    Ok(value)
}

/// Reads one value, and subtracts it and its members from the number left.
struct Bounded<'a> {
    left: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        *self.left = self.left.checked_sub(1).ok_or_else(|| D::Error::custom("too many values"))?;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(value) = from.next_element_seed(Bounded { left: self.left })? {
            array.push(value);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = from.next_key()? {
            object.insert(name, from.next_value_seed(Bounded { left: self.left })?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_same_as_serde_json() {
        let json = r#" {"a":[null,true,-1,18446744073709551615,1.5e3,"é\n\u00e9","plain"],"b":{},"a ":[],"":0,"":1} "#;
        let expected: Value = serde_json::from_str(json).unwrap();
        assert_eq!(from_slice(json.as_bytes(), 100).unwrap(), expected);
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(from_slice(deep.as_bytes(), 100).unwrap(), serde_json::from_str::<Value>(&deep).unwrap());
    }

    #[test]
    fn counts_values_at_every_depth() {
        for json in ["[0,0,0]", "[[[0]]]", r#"{"a":0,"b":{"c":0}}"#, r#"{"":0,"":0,"":0}"#] {
            assert!(from_slice(json.as_bytes(), 4).is_ok(), "{json}");
            assert!(from_slice(json.as_bytes(), 3).unwrap_err().is_data(), "{json}");
        }
    }

    #[test]
    fn invalid_json_is_a_different_error() {
        let deep = "[".repeat(1000);
        for json in ["", "[", "[] x", "1e999", "nul", r#""\ud800""#, &deep] {
            assert!(!from_slice(json.as_bytes(), 10_000).unwrap_err().is_data(), "{json}");
        }
    }
}
