//! `configMapGenerator` and `secretGenerator`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::kustomization::{Generator, GeneratorOptions, Texts};
use super::loader::Loader;
use super::resource::{Behavior, Resource};
use crate::object::{Meta, Object, names};

/// How many characters of base64 a line has.
const LINE: usize = 70;

/// What is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `ConfigMap`.
    ConfigMap,
    /// A `Secret`.
    Secret,
}

/// Makes the object.
///
/// # Errors
/// No name; sources that cannot be read; keys that are not allowed, or are there twice.
pub fn generate(
    kind: Kind,
    wanted: &Generator,
    global: Option<&GeneratorOptions>,
    loader: &Loader,
) -> anyhow::Result<Resource> {
    anyhow::ensure!(!wanted.name.is_empty(), "a configmap must have a name");
    let options = merge_options(wanted.options.as_ref(), global);
    let pairs = pairs(wanted, loader).map_err(|error| anyhow::anyhow!("loading KV pairs: {error}"))?;
    let mut object = serde_json::json!({"apiVersion": "v1", "metadata": {"name": wanted.name}});
    if !wanted.namespace.is_empty() {
        object.set_at(&["metadata", "namespace"], wanted.namespace.as_str());
    }
    match kind {
        Kind::ConfigMap => object.set_at(&["kind"], "ConfigMap"),
        Kind::Secret => {
            object.set_at(&["kind"], "Secret");
            object.set_at(&["type"], if wanted.type_.is_empty() { "Opaque" } else { &wanted.type_ });
            object.set_at(&["data"], serde_json::Map::new());
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    for (key, value) in pairs {
        if let Some(complaint) = names::config_key(&key).into_iter().next() {
            anyhow::bail!("{key:?} is not a valid key name: {complaint}");
        }
        anyhow::ensure!(seen.insert(key.clone()), "configmap {} illegally repeats the key `{key}`", wanted.name);
        match (kind, String::from_utf8(value)) {
            (Kind::ConfigMap, Ok(text)) => object.set_at(&["data", &key], text),
            (Kind::ConfigMap, Err(bytes)) => object.set_at(&["binaryData", &key], base64_lines(bytes.as_bytes())),
            (Kind::Secret, Ok(text)) => object.set_at(&["data", &key], base64_lines(text.as_bytes())),
            (Kind::Secret, Err(bytes)) => object.set_at(&["data", &key], base64_lines(bytes.as_bytes())),
        }
    }
    for (field, values) in [("labels", &options.labels), ("annotations", &options.annotations)] {
        for (key, value) in values {
            object.set_at(&["metadata", field, key], value.as_str());
        }
    }
    if options.immutable {
        object.set_at(&["immutable"], true);
    }
    Ok(Resource {
        hashed: !options.disable_name_suffix_hash,
        behavior: Behavior::parse(&wanted.behavior),
        ..Resource::new(object)
    })
}

/// What is said for all generators gives way to what is said for one; a global true stays true.
fn merge_options(own: Option<&GeneratorOptions>, global: Option<&GeneratorOptions>) -> GeneratorOptions {
    let mut options = own.cloned().unwrap_or_default();
    if let Some(global) = global {
        let fill = |mine: &mut Texts, theirs: &Texts| {
            for (key, value) in theirs {
                mine.entry(key.clone()).or_insert_with(|| value.clone());
            }
        };
        fill(&mut options.labels, &global.labels);
        fill(&mut options.annotations, &global.annotations);
        options.disable_name_suffix_hash |= global.disable_name_suffix_hash;
        options.immutable |= global.immutable;
    }
    options
}

type Pair = (String, Vec<u8>);

fn pairs(wanted: &Generator, loader: &Loader) -> anyhow::Result<Vec<Pair>> {
    let mut all = Vec::new();
    let listed = |texts: &[String]| format!("[{}]", texts.join(" "));
    for path in &wanted.envs {
        let read = loader.load(path).and_then(|text| env_pairs(&text, &mut all));
        read.map_err(|error| anyhow::anyhow!("env source files: {}: {error}", listed(&wanted.envs)))?;
    }
    for literal in &wanted.literals {
        let pair = literal_pair(literal);
        all.push(pair.map_err(|error| anyhow::anyhow!("literal sources {}: {error}", listed(&wanted.literals)))?);
    }
    for source in &wanted.files {
        let read = file_source(source).and_then(|(key, path)| Ok((key.to_owned(), loader.load(path)?)));
        all.push(read.map_err(|error| anyhow::anyhow!("file sources: {}: {error}", listed(&wanted.files)))?);
    }
    Ok(all)
}

fn env_pairs(text: &[u8], pairs: &mut Vec<Pair>) -> anyhow::Result<()> {
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Ok(line) = std::str::from_utf8(line) else {
            anyhow::bail!("line {line:?} has invalid utf8 bytes : {}", String::from_utf8_lossy(line));
        };
        let line = if number == 0 { line.trim_start_matches('\u{feff}') } else { line };
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if let Some(complaint) = names::env_var_name(key).into_iter().next() {
            anyhow::bail!("{key:?} is not a valid key name: {complaint}");
        }
        pairs.push((key.to_owned(), value.as_bytes().to_vec()));
    }
    Ok(())
}

fn literal_pair(literal: &str) -> anyhow::Result<Pair> {
    let Some((key, value)) = literal.split_once('=').filter(|(key, _)| !key.is_empty()) else {
        anyhow::bail!("invalid literal source {literal}, expected key=value");
    };
    let quoted = |quote: char| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
    let value = if quoted('"') || quoted('\'') { value.get(1..value.len() - 1).unwrap_or(value) } else { value };
    Ok((key.to_owned(), value.as_bytes().to_vec()))
}

/// The key and the path of `path` or `key=path`.
fn file_source(source: &str) -> anyhow::Result<(&str, &str)> {
    match source.split_once('=') {
        None => {
            let base = source.trim_end_matches('/').rsplit('/').next().filter(|base| !base.is_empty());
            Ok((base.unwrap_or(if source.is_empty() { "." } else { "/" }), source))
        }
        Some((_, path)) if path.contains('=') => {
            anyhow::bail!("source {source:?} key name or file path contains '='")
        }
        Some(("", path)) => anyhow::bail!("missing key name for file path {path:?} in source {source:?}"),
        Some((key, "")) => anyhow::bail!("missing file path for key name {key:?} in source {source:?}"),
        Some(pair) => Ok(pair),
    }
}

/// Base64 as kustomize writes it: in lines, where one does not hold it all.
fn base64_lines(bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    if encoded.len() < LINE {
        return encoded;
    }
    let mut lines = String::with_capacity(encoded.len() + encoded.len() / LINE + 1);
    for (at, character) in encoded.chars().enumerate() {
        if at > 0 && at % LINE == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines.push('\n');
    lines
}

/// The suffix that a generated object's name gets, from what it holds.
///
/// # Errors
/// None so far; an object that JSON cannot hold.
pub fn hash(object: &Object) -> anyhow::Result<String> {
    let or_empty = |field: &str| object.get(field).cloned().unwrap_or_else(|| "".into());
    let mut content = serde_json::Map::new();
    let extra = match object.kind() {
        "Secret" => {
            content.insert("type".into(), or_empty("type"));
            "stringData"
        }
        _ => "binaryData",
    };
    content.insert("kind".into(), object.kind().into());
    // The original looks the name up where it is not, and finds none.
    content.insert("name".into(), "".into());
    content.insert("data".into(), or_empty("data"));
    if let Some(value) = object.get(extra).filter(|value| value.is_object()) {
        content.insert(extra.into(), value.clone());
    }
    let json = go_json(&serde_json::to_string(&content)?);
    let digest = ring::digest::digest(&ring::digest::SHA256, json.as_bytes());
    // Vowels and what looks like them could make words.
    let letter = |nibble: u8| match nibble {
        0 => 'g',
        1 => 'h',
        3 => 'k',
        10 => 'm',
        14 => 't',
        other => char::from_digit(u32::from(other), 16).unwrap_or('g'),
    };
    Ok(digest.as_ref().iter().take(5).flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect())
}

/// JSON with the escapes that Go adds.
fn go_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => out.push(other),
        }
    }
    out
}
