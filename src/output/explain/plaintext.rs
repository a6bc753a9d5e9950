//! The layout of `-o plaintext`.

use serde_json::Value;

use super::document::{Document, is_true};
use super::wrap::{indent, wrap};
use super::{Question, Unanswered};
use crate::object::Meta;
use crate::output::number::go_print;

/// How deep schemas are followed into one another; no real one comes near.
const MAX_DEPTH: usize = 200;
/// So many values of an enumeration are shown in a list of fields.
const ENUM_SHOWN: usize = 4;

/// Writes an explanation.
pub(super) fn write(document: &Document<'_>, question: &Question<'_>, out: &mut String) -> Result<(), Unanswered> {
    let resource = question.resource;
    let Some(kind) = document.kind_of(&resource.group, &resource.version, &resource.resource) else {
        let name = format!("{}/{}, Resource={}", resource.group, resource.version, resource.resource);
        return Err(Unanswered(format!("GVR ({name}) not found in OpenAPI schema")));
    };
    for (heading, part) in [("GROUP:", "group"), ("KIND:", "kind"), ("VERSION:", "version")] {
        let value = kind.str_at(&[part]);
        if part != "group" || !value.is_empty() {
            out.push_str(&format!("{heading:<12}{value}\n"));
        }
    }
    out.push('\n');
    let Some(schema) = document.schema_of(&kind) else {
        return Err(Unanswered(format!("GVK {} not found in OpenAPI schema", go_print(&kind))));
    };
    let writer = Writer { document, recursive: question.recursive };
    let before = out.len();
    writer.field(schema, question.fields, &Trail::default(), out);
    if out.len() == before {
        let last = question.fields.last().copied().unwrap_or_default();
        return Err(Unanswered(format!("field {last:?} does not exist")));
    }
    out.push('\n');
    Ok(())
}

/// The references that were followed to where one is.
#[derive(Clone, Copy, Default)]
struct Trail<'a> {
    reference: &'a str,
    before: Option<&'a Trail<'a>>,
    depth: usize,
}

impl<'a> Trail<'a> {
    /// One step further; none where that leads in a circle.
    fn step(&'a self, schema: &'a Value) -> Option<Self> {
        let reference = schema.str_at(&["$ref"]);
        let mut seen = Some(self);
        while let Some(trail) = seen {
            if !reference.is_empty() && trail.reference == reference {
                return None;
            }
            seen = trail.before;
        }
        (self.depth < MAX_DEPTH).then_some(Trail { reference, before: Some(self), depth: self.depth + 1 })
    }
}

struct Writer<'a> {
    document: &'a Document<'a>,
    recursive: bool,
}

impl Writer<'_> {
    /// Follows the way to a field and writes what there is; nothing where it leads nowhere.
    fn field(&self, schema: &Value, fields: &[&str], trail: &Trail<'_>, out: &mut String) {
        let resolved = self.document.follow(schema);
        let Some((name, rest)) = fields.split_first() else { return self.whole(resolved, out) };
        let Some(next) = trail.step(schema) else { return };
        if let Some(property) = part(resolved, &["properties", name]) {
            if rest.is_empty() {
                out.push_str(&format!("FIELD: {name} <{}>\n", self.type_of(property, 0)));
                enumeration(property, true, 0, out);
                out.push_str("\n\n");
            }
            // Within a field a type may come again.
            let anew = Trail { depth: next.depth, ..Trail::default() };
            return self.field(property, rest, &anew, out);
        }
        if let Some(inner) = part(resolved, &["items"]).or_else(|| values(resolved)) {
            return self.field(inner, fields, &next, out);
        }
        let before = out.len();
        for alternative in resolved.list_at(&["allOf"]) {
            self.field(alternative, fields, &next, out);
            if out.len() > before {
                return;
            }
        }
    }

    /// Describes a schema and lists its fields.
    fn whole(&self, schema: &Value, out: &mut String) {
        let mut description = String::new();
        self.describe(schema, 0, &mut description);
        let description = if description.is_empty() { "<empty>" } else { &description };
        out.push_str(&format!("DESCRIPTION:\n{}\n", indent(4, &wrap(description, 76))));
        let mut documents = String::new();
        external(schema, 0, 76, &mut documents);
        if !documents.is_empty() {
            out.push_str(&format!("\n{documents}"));
        }
        let mut list = String::new();
        self.list(schema, 1, &Trail::default(), &mut list);
        if !list.is_empty() {
            out.push_str(&format!("FIELDS:\n{list}"));
        }
    }

    /// The description of a schema, and of all that stands for it.
    fn describe(&self, schema: &Value, depth: usize, out: &mut String) {
        if depth > MAX_DEPTH {
            return;
        }
        let schema = self.document.follow(schema);
        let description = schema.str_at(&["description"]);
        if !description.is_empty() {
            out.push_str(description);
            out.push('\n');
        }
        let alternatives = schema.list_at(&["allOf"]).iter();
        for inner in alternatives.chain(part(schema, &["items"])).chain(values(schema)) {
            self.describe(inner, depth + 1, out);
        }
    }

    /// Lists the fields of a schema.
    fn list(&self, schema: &Value, level: usize, trail: &Trail<'_>, out: &mut String) {
        let Some(next) = trail.step(schema) else { return };
        let schema = self.document.follow(schema);
        let fields = schema.at(&["properties"]).and_then(Value::as_object);
        for (name, field) in fields.into_iter().flatten() {
            self.entry(schema, name, field, level, out);
            if self.recursive {
                self.list(field, level + 1, &next, out);
            }
        }
        let alternatives = schema.list_at(&["allOf"]).iter();
        for inner in alternatives.chain(part(schema, &["items"])).chain(values(schema)) {
            self.list(inner, level, &next, out);
        }
    }

    /// One field in a list.
    fn entry(&self, schema: &Value, name: &str, field: &Value, level: usize, out: &mut String) {
        let margin = level * 2;
        let required = schema.list_at(&["required"]).iter().any(|required| required.as_str() == Some(name));
        let required = if required { " -required-" } else { "" };
        out.push_str(&format!("{}\t<{}>{required}", indent(margin, name), self.type_of(field, 0)));
        enumeration(field, false, margin, out);
        out.push('\n');
        if self.recursive {
            return;
        }
        let description = match field.str_at(&["description"]) {
            "" => "<no description>",
            description => description,
        };
        out.push_str(&indent(margin + 2, &wrap(description, 78_usize.saturating_sub(margin).max(1))));
        out.push('\n');
        let mut documents = String::new();
        external(field, margin + 2, 76_usize.saturating_sub(margin).max(1), &mut documents);
        if !documents.is_empty() {
            out.push_str(&format!("\n{documents}"));
        }
        out.push('\n');
    }

    /// What a field holds, for people: `string`, `[]Container`, `map[string]Quantity`.
    fn type_of(&self, schema: &Value, depth: usize) -> String {
        if depth > MAX_DEPTH {
            return "Object".to_owned();
        }
        if let Some(items) = part(schema, &["items"]) {
            return format!("[]{}", self.type_of(items, depth + 1));
        }
        if let Some(values) = values(schema) {
            return format!("map[string]{}", self.type_of(values, depth + 1));
        }
        if let ([only], None) = (schema.list_at(&["allOf"]), part(schema, &["properties"])) {
            return self.type_of(only, depth + 1);
        }
        let reference = schema.str_at(&["$ref"]);
        let (kind, fallback) = if reference.is_empty() {
            (schema.str_at(&["type"]), "Object")
        } else {
            let resolved = self.document.resolve(reference);
            (resolved.map_or("", |schema| schema.str_at(&["type"])), last_part(reference))
        };
        match kind {
            "" | "object" => fallback.to_owned(),
            kind => kind.to_owned(),
        }
    }
}

/// The name of a type at the end of a reference.
fn last_part(reference: &str) -> &str {
    match reference.rsplit(['/', '.']).next() {
        None | Some("") => "Object",
        Some(name) => name,
    }
}

/// A schema within a schema, unless it says nothing.
fn part<'a>(schema: &'a Value, path: &[&str]) -> Option<&'a Value> {
    schema.at(path).filter(|part| is_true(part))
}

/// The schema of a map's values.
fn values(schema: &Value) -> Option<&Value> {
    part(schema, &["additionalProperties"]).filter(|values| !values.is_boolean())
}

/// Where more is to be read.
fn external(schema: &Value, margin: usize, width: usize, out: &mut String) {
    let Some(documents) = part(schema, &["externalDocs"]) else { return };
    out.push_str(&indent(margin, "EXTERNAL DOCS:"));
    out.push('\n');
    let (description, url) = (documents.str_at(&["description"]), documents.str_at(&["url"]));
    let inner = if margin == 0 { 4 } else { margin + 2 };
    if !description.is_empty() {
        out.push_str(&indent(inner, &wrap(description, width)));
        out.push('\n');
    }
    if !url.is_empty() {
        out.push_str(&indent(inner, &format!("URL: {url}")));
        out.push('\n');
    }
}

/// The values that a field may have: all of them below one another, or the first few in a line.
fn enumeration(schema: &Value, long: bool, margin: usize, out: &mut String) {
    let values = schema.list_at(&["enum"]);
    if values.is_empty() {
        return;
    }
    let spoken = |value: &Value| match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::Null => "<no value>".to_owned(),
        value => go_print(value),
    };
    if long {
        out.push_str("ENUM:");
        values.iter().for_each(|value| out.push_str(&format!("\n    {}", spoken(value))));
        return;
    }
    let shown: Vec<String> = values.iter().take(ENUM_SHOWN).map(spoken).collect();
    let more = if values.len() > ENUM_SHOWN { ", ...." } else { "" };
    out.push_str(&format!("\n{}enum: {}{more}", " ".repeat(margin), shown.join(", ")));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::explain;
    use super::*;
    use crate::object::GroupVersionResource;

    fn document() -> Vec<u8> {
        let kind = json!({"group": "sea.example.org", "kind": "Boat", "version": "v1"});
        let of = |name: &str| json!({"$ref": format!("#/components/schemas/org.example.{name}")});
        json!({
            "paths": {
                "/apis/sea.example.org/v1/namespaces/{namespace}/boats": {"get": {"x-kubernetes-group-version-kind": kind}},
            },
            "components": {"schemas": {
                "org.example.Boat": {
                    "type": "object",
                    "description": "A boat.",
                    "x-kubernetes-group-version-kind": [kind],
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string", "description": "What it is called."},
                        "tow": {"allOf": [of("Boat")], "description": "What it tows."},
                        "crew": {"type": "array", "items": of("Sailor")},
                        "rig": {"type": "string", "enum": ["", "sloop", "ketch", "yawl", "cutter"]},
                        "flags": {"type": "object", "additionalProperties": {"type": "string"}},
                        "load": {"type": "object"},
                    },
                },
                "org.example.Sailor": {
                    "type": "object",
                    "description": "Somebody aboard.",
                    "properties": {"age": {"type": "integer", "externalDocs": {"url": "https://example.org/age"}}},
                },
            }},
        })
        .to_string()
        .into_bytes()
    }

    fn ask(resource: &str, fields: &[&str], recursive: bool) -> (String, Result<(), String>) {
        let text = document();
        let document = Document::parse(&text).expect("a document");
        let resource = GroupVersionResource::new("sea.example.org", "v1", resource);
        let (text, result) = explain(&document, &Question { resource: &resource, fields, recursive });
        (text, result.map_err(|error| error.to_string()))
    }

    const HEAD: &str = "GROUP:      sea.example.org\nKIND:       Boat\nVERSION:    v1\n\n";

    #[test]
    fn lists_fields_and_fields_of_fields() {
        let (text, result) = ask("boats", &[], true);
        assert_eq!(result, Ok(()));
        let want = "DESCRIPTION:\n    A boat.\n    \nFIELDS:\n  crew\t<[]Sailor>\n    age\t<integer>\n  flags\t<map[string]string>\n  load\t<Object>\n  name\t<string> -required-\n  rig\t<string>\n  enum: \"\", sloop, ketch, yawl, ....\n  tow\t<Boat>\n    crew\t<[]Sailor>\n      age\t<integer>\n    flags\t<map[string]string>\n    load\t<Object>\n    name\t<string> -required-\n    rig\t<string>\n    enum: \"\", sloop, ketch, yawl, ....\n    tow\t<Boat>\n\n";
        assert_eq!(text, format!("{HEAD}{want}"));
    }

    #[test]
    fn follows_the_way_to_a_field() {
        for (fields, want) in [
            (
                &["crew", "age"][..],
                "FIELD: age <integer>\n\n\nDESCRIPTION:\n    <empty>\n\nEXTERNAL DOCS:\n    URL: https://example.org/age\n\n",
            ),
            (
                &["tow", "tow", "rig"],
                "FIELD: rig <string>\nENUM:\n    \"\"\n    sloop\n    ketch\n    yawl\n    cutter\n\nDESCRIPTION:\n    <empty>\n\n",
            ),
            (
                &["crew"],
                "FIELD: crew <[]Sailor>\n\n\nDESCRIPTION:\n    Somebody aboard.\n    \nFIELDS:\n  age\t<integer>\n    <no description>\n\n    EXTERNAL DOCS:\n      URL: https://example.org/age\n\n\n",
            ),
        ] {
            let (text, result) = ask("boats", fields, false);
            assert_eq!((text, result), (format!("{HEAD}{want}"), Ok(())), "{fields:?}");
        }
    }

    #[test]
    fn says_what_there_is_not() {
        let (text, result) = ask("boats", &["tow", "mast"], false);
        assert_eq!((text.as_str(), result), (HEAD, Err("field \"mast\" does not exist".to_owned())));
        let (text, result) = ask("ships", &[], false);
        let error = "GVR (sea.example.org/v1, Resource=ships) not found in OpenAPI schema";
        assert_eq!((text.as_str(), result), ("", Err(error.to_owned())));
    }
}
