//! What is wrong with an object by its schema, in the API server's words, but for its rules in CEL.

use regex_lite::Regex;

use super::super::field_error::{FieldError, FieldErrorKind, FieldErrors};
use crate::object::{Meta, Object, time};

/// Walks an object along its schema; what is as it was in `old` is let pass.
pub(super) fn validate(schema: &Object, object: &Object, old: Option<&Object>) -> FieldErrors {
    let mut walk = Walk { errors: FieldErrors::new(), path: String::new() };
    walk.value(schema, object, old, true);
    walk.errors
}

struct Walk {
    errors: FieldErrors,
    path: String,
}

impl Walk {
    fn value(&mut self, schema: &Object, value: &Object, old: Option<&Object>, root: bool) {
        if old == Some(value) {
            return;
        }
        if value.is_null() && schema.bool_at(&["nullable"]) {
            return;
        }
        if !self.kind(schema, value) {
            return;
        }
        self.combined(schema, value);
        match value {
            Object::String(text) => self.text(schema, text),
            Object::Number(_) => self.number(schema, value),
            Object::Array(list) => self.list(schema, list, old.and_then(Object::as_array)),
            _ => {}
        }
        self.choices(schema, value);
        if let Object::Object(map) = value {
            self.map(schema, map, old, root);
        }
    }

    /// Whether the value is of the type that the schema wants.
    fn kind(&mut self, schema: &Object, value: &Object) -> bool {
        let got = match value {
            Object::Null => "null",
            Object::Bool(_) => "boolean",
            Object::Number(number) if number.is_f64() && number.as_f64().is_some_and(|n| n.fract() != 0.0) => "number",
            Object::Number(_) => "integer",
            Object::String(_) => "string",
            Object::Array(_) => "array",
            Object::Object(_) => "object",
        };
        let wanted = match schema.str_at(&["type"]) {
            _ if schema.bool_at(&["x-kubernetes-int-or-string"]) => "integer,string",
            "" => return true,
            wanted => wanted,
        };
        let fits = wanted.split(',').any(|kind| kind == got || (kind == "number" && got == "integer"));
        if !fits {
            let text = format!("{} in body must be of type {wanted}: \"{got}\"", self.name());
            self.report(FieldErrorKind::TypeInvalid, got.into(), text);
        }
        fits
    }

    fn choices(&mut self, schema: &Object, value: &Object) {
        let choices = schema.list_at(&["enum"]);
        if choices.is_empty() || choices.contains(value) {
            return;
        }
        let text = |choice: &Object| choice.as_str().map_or_else(|| choice.to_string(), str::to_owned);
        let texts: Vec<String> = choices.iter().map(text).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.errors.push(FieldError::not_supported(self.field(), value.clone(), &texts));
    }

    fn text(&mut self, schema: &Object, text: &str) {
        self.bounds(schema, text);
        let format = schema.str_at(&["format"]);
        if !has_format(format, text) {
            let detail = format!("{} in body must be of type {format}: {text:?}", self.name());
            self.report(FieldErrorKind::TypeInvalid, text.into(), detail);
        }
    }

    /// Length and pattern of a text; the first that does not fit is told.
    fn bounds(&mut self, schema: &Object, text: &str) {
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        if let Some(most) = schema.int_at(&["maxLength"])
            && length > most
        {
            let detail = format!("may not be more than {most} bytes");
            return self.report(FieldErrorKind::TooLong, "".into(), detail);
        }
        if let Some(least) = schema.int_at(&["minLength"])
            && length < least
        {
            return self.invalid(text.into(), &format!("should be at least {least} chars long"));
        }
        let pattern = schema.str_at(&["pattern"]);
        // A pattern in a dialect that is not ours accepts everything.
        if !pattern.is_empty()
            && let Ok(regex) = Regex::new(pattern)
            && !regex.is_match(text)
        {
            self.invalid(text.into(), &format!("should match '{pattern}'"));
        }
    }

    fn number(&mut self, schema: &Object, value: &Object) {
        let Some(number) = value.as_f64() else { return };
        let bound = |field: &str| schema.get(field).and_then(Object::as_f64).zip(schema.get(field));
        if let Some((most, shown)) = bound("maximum") {
            let exclusive = schema.bool_at(&["exclusiveMaximum"]);
            if number > most || (exclusive && number >= most) {
                let words = if exclusive { "less than" } else { "less than or equal to" };
                self.invalid(value.clone(), &format!("should be {words} {shown}"));
            }
        }
        if let Some((least, shown)) = bound("minimum") {
            let exclusive = schema.bool_at(&["exclusiveMinimum"]);
            if number < least || (exclusive && number <= least) {
                let words = if exclusive { "greater than" } else { "greater than or equal to" };
                self.invalid(value.clone(), &format!("should be {words} {shown}"));
            }
        }
        if let Some((factor, shown)) = bound("multipleOf")
            && factor > 0.0
            && (number / factor).fract() != 0.0
        {
            self.invalid(value.clone(), &format!("should be a multiple of {shown}"));
        }
        let (least, most) = match schema.str_at(&["format"]) {
            "int32" => (f64::from(i32::MIN), f64::from(i32::MAX)),
            _ => return,
        };
        if number < least || number > most {
            self.invalid(value.clone(), &format!("must be of type int32: {value}"));
        }
    }

    fn list(&mut self, schema: &Object, list: &[Object], old: Option<&Vec<Object>>) {
        let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
        self.count(schema, length, ("minItems", "maxItems", "items"));
        let repeats = |at: usize| list.iter().take(at).any(|other| list.get(at) == Some(other));
        if schema.bool_at(&["uniqueItems"]) && (0..list.len()).any(repeats) {
            self.invalid(list.into(), "shouldn't contain duplicates");
        }
        let keys: Vec<&str> =
            schema.list_at(&["x-kubernetes-list-map-keys"]).iter().filter_map(Object::as_str).collect();
        let kind = schema.str_at(&["x-kubernetes-list-type"]);
        let mut seen: Vec<Object> = Vec::new();
        let items = schema.get("items");
        for (index, item) in list.iter().enumerate() {
            let length = self.path.len();
            self.path.push_str(&format!("[{index}]"));
            if let Some(items) = items {
                // Items are the same as before only where keys tell them apart.
                let same = |other: &&Object| kind == "map" && keys.iter().all(|key| other.get(key) == item.get(key));
                self.value(items, item, old.and_then(|old| old.iter().find(same)), false);
            }
            let identity = match kind {
                "set" => item.clone(),
                "map" => {
                    keys.iter().map(|key| ((*key).to_owned(), item.get(*key).cloned().unwrap_or_default())).collect()
                }
                _ => Object::Null,
            };
            if matches!(kind, "set" | "map") {
                if seen.contains(&identity) {
                    self.report(FieldErrorKind::Duplicate, identity, String::new());
                } else {
                    seen.push(identity);
                }
            }
            self.path.truncate(length);
        }
    }

    fn map(&mut self, schema: &Object, map: &serde_json::Map<String, Object>, old: Option<&Object>, root: bool) {
        let length = i64::try_from(map.len()).unwrap_or(i64::MAX);
        self.count(schema, length, ("minProperties", "maxProperties", "properties"));
        let embedded = schema.bool_at(&["x-kubernetes-embedded-resource"]);
        let own: &[&str] = if embedded { &["apiVersion", "kind"] } else { &[] };
        let required = schema.list_at(&["required"]).iter().filter_map(Object::as_str);
        for name in own.iter().copied().chain(required.filter(|name| !own.contains(name))) {
            if !map.contains_key(name) {
                let field = self.child(name);
                self.errors.push(FieldError::required(field, ""));
            }
        }
        for (name, value) in map {
            // What every object has is looked at elsewhere.
            if root && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                continue;
            }
            let property = schema.at(&["properties", name]);
            let inner = property.or_else(|| schema.get("additionalProperties").filter(|inner| inner.is_object()));
            if let Some(inner) = inner {
                let length = self.path.len();
                self.path = self.child(name);
                self.value(inner, value, old.and_then(|old| old.get(name)), false);
                self.path.truncate(length);
            }
        }
    }

    fn count(&mut self, schema: &Object, count: i64, (least, most, what): (&str, &str, &str)) {
        if let Some(most) = schema.int_at(&[most])
            && count > most
        {
            let plural = if most == 1 { "item" } else { "items" };
            self.report(FieldErrorKind::TooMany, count.into(), format!("must have at most {most} {plural}"));
        }
        if let Some(least) = schema.int_at(&[least])
            && count < least
        {
            self.invalid(count.into(), &format!("should have at least {least} {what}"));
        }
    }

    fn combined(&mut self, schema: &Object, value: &Object) {
        let faults = |schema: &Object| {
            let mut walk = Self { errors: FieldErrors::new(), path: self.path.clone() };
            walk.value(schema, value, None, false);
            walk.errors
        };
        let holds = |schema: &Object| faults(schema).is_empty();
        let mut found = Vec::new();
        let of = |name: &str| schema.list_at(&[name]);
        // Where none of several holds, what the first wants is told as well.
        let first = |schemas: &[Object]| schemas.first().map(faults).unwrap_or_default();
        let any = of("anyOf");
        if !any.is_empty() && !any.iter().any(holds) {
            found.push(("must validate at least one schema (anyOf)".to_owned(), first(any)));
        }
        let one = of("oneOf");
        if !one.is_empty() {
            let text = "must validate one and only one schema (oneOf). Found";
            match one.iter().filter(|schema| holds(schema)).count() {
                1 => {}
                0 => found.push((format!("{text} none valid"), first(one))),
                n => found.push((format!("{text} {n} valid alternatives"), FieldErrors::new())),
            }
        }
        let all: FieldErrors = of("allOf").iter().flat_map(faults).collect();
        if !all.is_empty() {
            found.push(("must validate all the schemas (allOf)".to_owned(), all));
        }
        if schema.get("not").is_some_and(holds) {
            found.push(("must not validate the schema (not)".to_owned(), FieldErrors::new()));
        }
        for (text, more) in found {
            self.errors.push(FieldError::invalid("<nil>", "", format!("\"{}\" {text}", self.path)));
            self.errors.extend(more);
        }
    }

    fn invalid(&mut self, value: Object, words: &str) {
        let text = format!("{} in body {words}", self.name());
        self.report(FieldErrorKind::Invalid, value, text);
    }

    fn report(&mut self, kind: FieldErrorKind, value: Object, detail: String) {
        self.errors.push(FieldError::new(kind, self.field(), value, detail));
    }

    fn child(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn field(&self) -> String {
        if self.path.is_empty() { "<nil>".to_owned() } else { self.path.clone() }
    }

    fn name(&self) -> &str {
        &self.path
    }
}

/// Whether a text has a format. Formats that are not known accept everything.
fn has_format(format: &str, text: &str) -> bool {
    match format {
        "date-time" => time::parse_rfc3339(text).is_some(),
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "uuid" => {
            let bytes = text.as_bytes();
            bytes.len() == 36
                && bytes.iter().enumerate().all(|(at, byte)| match at {
                    8 | 13 | 18 | 23 => *byte == b'-',
                    _ => byte.is_ascii_hexdigit(),
                })
        }
        "byte" => {
            use base64::Engine;
            base64::prelude::BASE64_STANDARD.decode(text).is_ok()
        }
        _ => true,
    }
}
