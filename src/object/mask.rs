//! Reading only parts of an object: what is not wanted is skipped over and costs no memory.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number};

use super::Object;

/// Which fields are wanted. Lists are looked through: what is wanted of one is wanted of each item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    all: bool,
    fields: BTreeMap<String, Mask>,
}

impl Mask {
    /// Everything.
    pub fn all() -> Self {
        Self { all: true, fields: BTreeMap::new() }
    }

    /// What stands at these paths of field names, and everything below.
    pub fn of<P: IntoIterator<Item = S>, S: AsRef<str>>(paths: impl IntoIterator<Item = P>) -> Self {
        let mut mask = Self::default();
        paths.into_iter().for_each(|path| mask.add(path));
        mask
    }

    /// Wants one path more.
    pub fn add<S: AsRef<str>>(&mut self, path: impl IntoIterator<Item = S>) {
        let mut mask = self;
        for field in path {
            if mask.all {
                return;
            }
            mask = mask.fields.entry(field.as_ref().to_owned()).or_default();
        }
        *mask = Self::all();
    }

    /// Whether everything is wanted.
    pub fn is_all(&self) -> bool {
        self.all
    }

    /// Reads JSON. Of a field that occurs more than once the last one counts, as everywhere.
    ///
    /// # Errors
    /// The text is no JSON.
    pub fn read(&self, text: &[u8]) -> serde_json::Result<Object> {
        if self.all {
            return serde_json::from_slice(text);
        }
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let object = self.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(object)
    }
}

impl<'de> DeserializeSeed<'de> for &Mask {
    type Value = Object;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object, D::Error> {
        if self.all { serde::Deserialize::deserialize(deserializer) } else { deserializer.deserialize_any(self) }
    }
}

impl<'de> Visitor<'de> for &Mask {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Object, E> {
        Ok(Object::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Object, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Object, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Object, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Object, E> {
        Ok(Number::from_f64(value).map_or(Object::Null, Object::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Object, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Object, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Object::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Object, A::Error> {
        let mut map = Map::new();
        while let Some(wanted) = fields.next_key_seed(Key(self))? {
            match wanted {
                Some((key, mask)) => {
                    let value = fields.next_value_seed(mask)?;
                    map.insert(key.to_owned(), value);
                }
                None => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Object::Object(map))
    }
}

/// Finds a field among the wanted ones without keeping its name.
struct Key<'m>(&'m Mask);

impl<'de, 'm> DeserializeSeed<'de> for Key<'m> {
    type Value = Option<(&'m str, &'m Mask)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'m> Visitor<'_> for Key<'m> {
    type Value = Option<(&'m str, &'m Mask)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.fields.get_key_value(key).map(|(key, mask)| (key.as_str(), mask)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_is_wanted() {
        let text = br#"{"kind": "Pod", "metadata": {"name": "a\n", "labels": {"x": "y"}, "n": 1}, "spec": {"c": [{"i": 1, "j": 2.5}, 3, {"j": 4}]}, "metadata": {"name": "b", "n": 2}}"#;
        for (paths, want) in [
            (vec![], json!({})),
            (vec!["metadata.name"], json!({"metadata": {"name": "b"}})),
            (vec!["spec.c.i", "kind"], json!({"kind": "Pod", "spec": {"c": [{"i": 1}, 3, {}]}})),
            (vec!["spec.c.i", "spec"], json!({"spec": {"c": [{"i": 1, "j": 2.5}, 3, {"j": 4}]}})),
            (vec!["kind.deeper", "no.such"], json!({"kind": "Pod"})),
        ] {
            let mask = Mask::of(paths.iter().map(|path| path.split('.')));
            assert_eq!(mask.read(text).expect("JSON"), want, "{paths:?}");
        }
        assert!(Mask::of([["a"]]).read(br#"{"b": [1, }"#).is_err());
        assert!(Mask::of([["a"]]).read(b"{} {}").is_err());
        assert!(Mask::all().is_all() && Mask::all().read(b"7").is_ok_and(|seven| seven == 7));
    }
}
