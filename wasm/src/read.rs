//! Reads JavaScript values into serde's types.
//!
//! An error says nothing but that there is one. Words about a value may quote
//! it, and it may be a cookie's; and the code that makes such words would be a
//! third of the module, which is why no library does this.

use js_sys::{Array, Object, Reflect};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};

/// A value is not what was expected.
#[derive(Debug)]
pub(crate) struct Unexpected;

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unexpected value")
    }
}

impl std::error::Error for Unexpected {}

impl serde::de::Error for Unexpected {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The value as a `T`. Properties that `T` does not name are not looked at.
pub(crate) fn read<T: DeserializeOwned>(value: &JsValue) -> Result<T, Unexpected> {
    T::deserialize(Value(value.clone()))
}

struct Value(JsValue);

impl Value {
    fn text(&self) -> Result<String, Unexpected> {
        self.0.as_string().ok_or(Unexpected)
    }

    fn is_absent(&self) -> bool {
        self.0.is_null() || self.0.is_undefined()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::float_cmp,
        reason = "only what is the same as a float"
    )]
    fn visit_number<'de, V: Visitor<'de>>(number: f64, visitor: V) -> Result<V::Value, Unexpected> {
        let integer = number as i64;
        if integer as f64 == number { visitor.visit_i64(integer) } else { visitor.visit_f64(number) }
    }
}

impl<'de> Deserializer<'de> for Value {
    type Error = Unexpected;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unexpected> {
        if self.is_absent() {
            return visitor.visit_unit();
        }
        if let Some(flag) = self.0.as_bool() {
            return visitor.visit_bool(flag);
        }
        if let Some(number) = self.0.as_f64() {
            return Self::visit_number(number, visitor);
        }
        if self.0.is_string() {
            return visitor.visit_string(self.text()?);
        }
        if Array::is_array(&self.0) { self.deserialize_seq(visitor) } else { self.deserialize_map(visitor) }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unexpected> {
        if self.is_absent() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unexpected> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unexpected> {
        let items: Array = self.0.dyn_into().map_err(|_| Unexpected)?;
        visitor.visit_seq(Items { items, next: 0 })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unexpected> {
        visitor.visit_map(Properties::of(self, None)?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unexpected> {
        visitor.visit_map(Properties::of(self, Some(fields))?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unexpected> {
        if self.0.is_string() {
            return visitor.visit_enum(self.text()?.into_deserializer());
        }
        visitor.visit_enum(Variant(self.0.dyn_into().map_err(|_| Unexpected)?))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unexpected> {
        visitor.visit_bool(self.0.as_bool().ok_or(Unexpected)?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unexpected> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unexpected> {
        self.deserialize_string(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unexpected> {
        visitor.visit_f64(self.0.as_f64().ok_or(Unexpected)?)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 u8 u16 u32 u64 f32 char bytes byte_buf unit unit_struct tuple tuple_struct
        identifier ignored_any
    }
}

struct Items {
    items: Array,
    next: u32,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = Unexpected;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Unexpected> {
        if self.next == self.items.length() {
            return Ok(None);
        }
        let item = self.items.get(self.next);
        self.next += 1;
        seed.deserialize(Value(item)).map(Some)
    }
}

/// The names of a struct's fields.
type Fields = &'static [&'static str];

/// The properties that are there among those with these names.
struct Properties {
    object: Object,
    names: Rc<[JsValue]>,
    /// The same names, where they are a struct's.
    fields: Option<Fields>,
    next: usize,
    found: JsValue,
}

thread_local! {
    /// The names of fields as JavaScript has them, by the fields: to make them anew
    /// for each of many cookies takes longer than all the rest.
    static NAMES: RefCell<Vec<(Fields, Rc<[JsValue]>)>> = const { RefCell::new(Vec::new()) };
}

fn names_of(fields: Fields) -> Rc<[JsValue]> {
    NAMES.with_borrow_mut(|known| {
        if let Some((_, names)) = known.iter().find(|(known, _)| std::ptr::eq(*known, fields)) {
            return Rc::clone(names);
        }
        let names: Rc<[JsValue]> = fields.iter().map(|name| JsValue::from_str(name)).collect();
        known.push((fields, Rc::clone(&names)));
        names
    })
}

// Whatever is not generic is kept apart from what is made for each type.
impl Properties {
    fn of(value: Value, fields: Option<Fields>) -> Result<Self, Unexpected> {
        let object: Object = value.0.dyn_into().map_err(|_| Unexpected)?;
        let names = fields.map_or_else(|| Object::keys(&object).iter().collect(), names_of);
        Ok(Self { object, names, fields, next: 0, found: JsValue::UNDEFINED })
    }

    /// Finds the next property that is there, and gives its name.
    fn find_next(&mut self) -> Result<Option<Cow<'static, str>>, Unexpected> {
        while let Some(name) = self.names.get(self.next) {
            let field = self.fields.and_then(|fields| fields.get(self.next));
            self.next += 1;
            self.found = Reflect::get(&self.object, name).map_err(|_| Unexpected)?;
            if !self.found.is_undefined() {
                let name = || name.as_string().unwrap_or_default();
                return Ok(Some(field.map_or_else(|| Cow::Owned(name()), |field| Cow::Borrowed(*field))));
            }
        }
        Ok(None)
    }
}

impl<'de> MapAccess<'de> for Properties {
    type Error = Unexpected;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Unexpected> {
        match self.find_next()? {
            Some(name) => seed.deserialize(StrDeserializer::new(&name)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Unexpected> {
        seed.deserialize(Value(std::mem::replace(&mut self.found, JsValue::UNDEFINED)))
    }
}

/// `{variant: value}`.
struct Variant(Object);

impl<'de> EnumAccess<'de> for Variant {
    type Error = Unexpected;
    type Variant = Content;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Content), Unexpected> {
        let name = Object::keys(&self.0).get(0).as_string().ok_or(Unexpected)?;
        let value = Reflect::get(&self.0, &name.as_str().into()).map_err(|_| Unexpected)?;
        Ok((seed.deserialize(StrDeserializer::new(&name))?, Content(value)))
    }
}

struct Content(JsValue);

impl<'de> VariantAccess<'de> for Content {
    type Error = Unexpected;

    fn unit_variant(self) -> Result<(), Unexpected> {
        Err(Unexpected)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Unexpected> {
        seed.deserialize(Value(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unexpected> {
        Value(self.0).deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unexpected> {
        Value(self.0).deserialize_struct("", fields, visitor)
    }
}
