//! A rule's `fieldPath`: `.spec.replicas`, `.labels['app']`.

use crate::object::{Meta, Object};

/// The path as errors show it, without its first dot; `Err` where the schema has no such field.
pub(super) fn normalized(path: &str, schema: &Object) -> Result<String, ()> {
    let mut shown = String::new();
    let mut schema = schema;
    let mut rest = path;
    while !rest.is_empty() {
        let name;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[', ']']).unwrap_or(after.len());
            let (field, after) = after.split_at_checked(end).ok_or(())?;
            name = field.to_owned();
            rest = after;
        } else {
            let quoted = rest.strip_prefix("['").ok_or(())?;
            (name, rest) = key(quoted)?;
            rest = rest.strip_prefix(']').ok_or(())?;
        }
        if name.is_empty() {
            return Err(());
        }
        if schema.get("properties").is_some() {
            if !shown.is_empty() {
                shown.push('.');
            }
            shown.push_str(&name);
            schema = schema.at(&["properties", &name]).ok_or(())?;
        } else {
            shown.push_str(&format!("[{name}]"));
            schema = schema.get("additionalProperties").filter(|inner| inner.is_object()).ok_or(())?;
        }
    }
    if shown.is_empty() { Err(()) } else { Ok(shown) }
}

/// A key up to its closing quote, and what follows.
fn key(text: &str) -> Result<(String, &str), ()> {
    let mut key = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Ok((key, text.get(at + 1..).unwrap_or(""))),
            '\\' => key.push(match chars.next().ok_or(())?.1 {
                'a' => '\u{7}',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\u{b}',
                c @ ('\'' | '\\') => c,
                _ => return Err(()),
            }),
            c => key.push(c),
        }
    }
    Err(())
}
