//! Fields that a JSON text gives twice, which a parsed value no longer shows.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The paths of fields that occur more than once in an object, in order: `spec.replicas`,
/// `spec.containers[0].name`. Text that is no JSON has none.
pub fn duplicate_fields(json: &[u8]) -> Vec<String> {
    find(json, &[]).into_iter().map(|(path, _)| path).collect()
}

/// The same together with other fields, in the order in which they stand in the text; each with whether it is
/// there twice.
pub fn fields_in_order(json: &[u8], others: &[String]) -> Vec<(String, bool)> {
    find(json, others)
}

fn find(json: &[u8], others: &[String]) -> Vec<(String, bool)> {
    let mut found = Found { paths: Vec::new(), path: String::new(), others };
    let mut reader = serde_json::Deserializer::from_slice(json);
    // What does not parse is refused elsewhere, in better words.
    let _ = Seed(&mut found).deserialize(&mut reader);
    found.paths
}

struct Found<'o> {
    paths: Vec<(String, bool)>,
    path: String,
    others: &'o [String],
}

struct Seed<'a, 'o>(&'a mut Found<'o>);

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let length = self.0.path.len();
        for index in 0_usize.. {
            self.0.path.push_str(&format!("[{index}]"));
            let more = seq.next_element_seed(Seed(self.0))?;
            self.0.path.truncate(length);
            if more.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let length = self.0.path.len();
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if length > 0 {
                self.0.path.push('.');
            }
            self.0.path.push_str(&key);
            if seen.insert(key) {
                if self.0.others.contains(&self.0.path) {
                    self.0.paths.push((self.0.path.clone(), false));
                }
                map.next_value_seed(Seed(self.0))?;
            } else {
                self.0.paths.push((self.0.path.clone(), true));
                map.next_value::<IgnoredAny>()?;
            }
            self.0.path.truncate(length);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_given_twice() {
        let text = br#"{"a": 1, "b": {"c": [{"d": 1, "d": 2}]}, "a": null, "e": "x"}"#;
        assert_eq!(duplicate_fields(text), ["b.c[0].d", "a"]);
        assert!(duplicate_fields(b"{\"a\": {\"a\": 1}}").is_empty());
        assert!(duplicate_fields(b"no json").is_empty());
        let found = fields_in_order(text, &["e".to_owned(), "b".to_owned()]);
        let found: Vec<(&str, bool)> = found.iter().map(|(path, twice)| (path.as_str(), *twice)).collect();
        assert_eq!(found, [("b", false), ("b.c[0].d", true), ("a", true), ("e", false)]);
    }
}
