//! `--sort-by`: objects, or the rows of a table, in the order of a field.

mod quantity;

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;

use super::jsonpath::{self, JsonPath};
use super::number::Num;
use crate::go::quote::quote;
use crate::go::sort;

/// Why something cannot be sorted, in kubectl's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortError {
    /// A wrong path, or a field that no object has.
    Path(String),
    /// Values that do not compare. kubectl logs this with the line of its source and ends with code 1:
    /// `F1124 10:00:00.000000       1 sorter.go:329] Field …`.
    Unsortable {
        /// The line of kubectl's `sorter.go`.
        line: u32,
        /// What is said.
        message: String,
    },
}

impl fmt::Display for SortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(message) | Self::Unsortable { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for SortError {}

impl From<jsonpath::Error> for SortError {
    fn from(error: jsonpath::Error) -> Self {
        Self::Path(error.to_string())
    }
}

/// What things are sorted by, read from them one by one, so that they themselves need not be held.
#[derive(Clone, Debug)]
pub struct Keys {
    path: JsonPath,
    text: String,
    /// Whose keys they are, and where kubectl sorts such.
    holder: &'static str,
    line: u32,
    keys: Vec<Option<Value>>,
    fault: Option<jsonpath::Error>,
}

impl Keys {
    /// Keys of objects: `.metadata.name`, `{.spec.replicas}`.
    ///
    /// # Errors
    /// The path is wrong.
    pub fn of_objects(field: &str) -> Result<Self, SortError> {
        let text = jsonpath::relaxed(field)?;
        let path = JsonPath::parse(&text)?;
        Ok(Self::new(path, text, "*unstructured.Unstructured", 329))
    }

    /// Keys of the objects behind the rows of a table.
    ///
    /// # Errors
    /// The path is wrong.
    pub fn of_rows(field: &str) -> Result<Self, SortError> {
        let text = jsonpath::relaxed(field).unwrap_or_else(|_| field.to_owned());
        let path = JsonPath::parse(&text).map_err(|error| SortError::Path(format!("sorting error: {error}")))?;
        Ok(Self::new(path, text, "[][][]reflect.Value", 375))
    }

    fn new(path: JsonPath, text: String, holder: &'static str, line: u32) -> Self {
        Self { path: path.allow_missing_keys(true), text, holder, line, keys: Vec::new(), fault: None }
    }

    /// The paths of the fields that are looked at; none where that may be any.
    pub fn wanted(&self) -> Option<Vec<Vec<String>>> {
        self.path.wanted()
    }

    /// Reads the key of the next thing: the first that the path finds.
    pub fn add(&mut self, object: &Value) {
        let key = match self.path.find(object) {
            Ok(found) => found.first().and_then(|found| found.first()).map(|found| found.as_ref().clone()),
            Err(error) => {
                self.fault.get_or_insert(error);
                None
            }
        };
        self.keys.push(key);
    }

    /// In which order the things are, by their places. Those without a key come first; at least one
    /// must have one.
    ///
    /// # Errors
    /// No thing has a key, or two do not compare.
    pub fn order(self) -> Result<Vec<usize>, SortError> {
        match self.fault {
            Some(error) => Err(error.into()),
            None => order(&self.keys, &self.text, self.line, self.holder),
        }
    }
}

/// Sorts objects by a field (`.metadata.name`, `{.spec.replicas}`): those without it first. At least
/// one must have it.
pub fn sort_objects(objects: &mut [Value], field: &str) -> Result<(), SortError> {
    let mut keys = Keys::of_objects(field)?;
    objects.iter().for_each(|object| keys.add(object));
    permute(objects, keys.order()?);
    Ok(())
}

/// In which order the places are, given their keys.
fn order(keys: &[Option<Value>], path: &str, line: u32, holder: &str) -> Result<Vec<usize>, SortError> {
    if !keys.is_empty() && keys.iter().all(Option::is_none) {
        let path = quote(path);
        return Err(SortError::Path(format!("couldn't find any field with path {path} in the list of objects")));
    }
    let mut fault = None;
    let order = sort::sort(keys.len(), |a, b| match (keys.get(a), keys.get(b)) {
        _ if fault.is_some() => false,
        (Some(Some(a)), Some(Some(b))) => is_less(a, b).unwrap_or_else(|error| {
            fault = Some(error);
            false
        }),
        (Some(None), _) => true,
        _ => false,
    });
    match fault {
        None => Ok(order),
        Some(error) => Err(SortError::Unsortable {
            line,
            message: format!("Field {path} in {holder} is an unsortable type: interface, err: {error}"),
        }),
    }
}

/// Puts things into an order: `order` names for each place what comes there.
fn permute<T: Default>(things: &mut [T], order: Vec<usize>) {
    let mut taken: Vec<T> = things.iter_mut().map(std::mem::take).collect();
    for (thing, from) in things.iter_mut().zip(order) {
        if let Some(source) = taken.get_mut(from) {
            *thing = std::mem::take(source);
        }
    }
}

/// Whether a value comes before another: strings as quantities where both are ones, else by their
/// letters; null before everything.
fn is_less(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Null, b) => Ok(!b.is_null()),
        (_, Value::Null) => Ok(false),
        (Value::String(a), Value::String(b)) => {
            Ok(quantity::compare(a, b).unwrap_or_else(|| a.cmp(b)) == Ordering::Less)
        }
        (Value::Number(a), Value::Number(b)) => match (Num::of(a), Num::of(b)) {
            (Num::Int(a), Num::Int(b)) => Ok(a < b),
            (Num::Float(a), Num::Float(b)) => Ok(a < b),
            _ => Err("unsortable interface: interface".to_owned()),
        },
        (Value::String(_) | Value::Number(_), _) => Err("unsortable interface: interface".to_owned()),
        (Value::Bool(_), _) => Err("unsortable type: bool".to_owned()),
        (Value::Array(_), _) => Err("unsortable type: []interface {}".to_owned()),
        (Value::Object(_), _) => Err("unsortable type: map[string]interface {}".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(keys: &[Value]) -> String {
        let mut objects: Vec<Value> = keys
            .iter()
            .enumerate()
            .map(|(index, key)| {
                let mut object = json!({"n": index});
                if !key.is_null() {
                    object["k"] = key.clone();
                }
                object
            })
            .collect();
        match sort_objects(&mut objects, ".k") {
            Ok(()) => objects.iter().map(|object| object["n"].to_string()).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn sorts_by_value() {
        for (keys, want) in [
            (vec![json!(3), json!(1), json!(2)], "1 2 0"),
            (vec![json!("10"), json!("9"), json!("1k")], "1 0 2"),
            (vec![json!("1Gi"), json!("1G"), json!("500Mi"), json!("1500m")], "3 2 1 0"),
            (vec![json!("b"), json!("a10"), json!("a9")], "1 2 0"),
            // Those without the field come first, each before the ones seen so far.
            (vec![json!(1), json!(null), json!(null)], "2 1 0"),
            (vec![json!(null)], "couldn't find any field with path \"{.k}\" in the list of objects"),
            (
                vec![json!(1), json!("a")],
                "Field {.k} in *unstructured.Unstructured is an unsortable type: interface, err: unsortable interface: interface",
            ),
            (
                vec![json!(true), json!(false)],
                "Field {.k} in *unstructured.Unstructured is an unsortable type: interface, err: unsortable type: bool",
            ),
        ] {
            assert_eq!(names(&keys), want);
        }
    }

    #[test]
    fn sorts_rows() {
        let mut keys = Keys::of_rows("n").unwrap();
        [2, 3, 1].iter().for_each(|n| keys.add(&json!({"n": n})));
        assert_eq!(keys.order().unwrap(), [2, 0, 1]);
    }
}
