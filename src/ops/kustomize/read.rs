//! Objects from the text of a file.

use crate::object::{Meta, Object, yaml};

/// The objects in YAML or JSON documents, those in lists too.
///
/// # Errors
/// No YAML; something without a kind or a name.
pub fn objects(text: &[u8]) -> anyhow::Result<Vec<Object>> {
    let mut found = Vec::new();
    for document in yaml::documents_v3(text) {
        let document = document.map_err(|error| anyhow::anyhow!("MalformedYAMLError: {}", error.bare()))?;
        let says_nothing =
            |object: &Object| ["kind", "apiVersion", "metadata"].iter().all(|field| object.get(field).is_none());
        if document.as_object().is_some_and(|map| !map.is_empty()) && says_nothing(&document) {
            anyhow::bail!("missing Resource metadata");
        }
        check(&document)?;
        if !is_empty(&document) {
            found.push(document);
        }
    }
    if !found.iter().any(|object| object.kind().ends_with("List")) {
        return Ok(found);
    }
    let mut queue: std::collections::VecDeque<Object> = found.into();
    let mut flat = Vec::new();
    while let Some(mut object) = queue.pop_front() {
        if !object.kind().ends_with("List") {
            flat.push(object);
            continue;
        }
        match object.get_mut("items").map(Object::take) {
            None => flat.push(object),
            Some(Object::Null) => {}
            Some(Object::Array(items)) => {
                for item in items.into_iter().filter(|item| !is_empty(item)) {
                    check(&item)?;
                    queue.push_back(item);
                }
            }
            Some(_) => anyhow::bail!("expected array in {}/items", object.kind()),
        }
    }
    Ok(flat)
}

/// Names the file where it is the YAML that is wrong.
pub fn in_file(error: anyhow::Error, path: &str) -> anyhow::Error {
    let text = error.to_string();
    if text.contains("MalformedYAMLError") { anyhow::anyhow!("{text} in File: {path}") } else { error }
}

fn is_empty(object: &Object) -> bool {
    match object {
        Object::Null => true,
        Object::Object(map) => map.is_empty(),
        Object::Array(list) => list.is_empty(),
        _ => false,
    }
}

fn check(object: &Object) -> anyhow::Result<()> {
    if is_empty(object) {
        return Ok(());
    }
    if !object.is_object() {
        let kind = if object.is_array() { "SequenceNode" } else { "ScalarNode" };
        anyhow::bail!("wrong node kind: expected MappingNode but got {kind}");
    }
    let missing = match (object.kind(), object.name()) {
        ("", _) => "kind",
        (kind, "") if !kind.ends_with("List") => "metadata.name",
        _ => return Ok(()),
    };
    let texts = |field: &str| {
        let pairs = object.map_at(&["metadata", field]);
        pairs.iter().map(|(key, value)| format!("{key}:{value}")).collect::<Vec<_>>().join(" ")
    };
    anyhow::bail!(
        "missing {missing} in object {{{{{} {}}} {{{{{} {}}} map[{}] map[{}]}}}}",
        object.api_version(),
        object.kind(),
        object.name(),
        object.namespace(),
        texts("labels"),
        texts("annotations")
    )
}
