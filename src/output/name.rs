//! `-o name`: `pod/web`, `deployment.apps/web`.

use std::io::{self, Write};

use serde_json::Value;

use crate::object::Meta;

/// How an object is called in one word: its kind in small letters, its group where it has one, its
/// name. Fails on an object without type.
pub fn name_of(object: &Value) -> anyhow::Result<String> {
    let gvk = object.gvk();
    if gvk.kind.is_empty() && object.api_version().is_empty() {
        anyhow::bail!("missing apiVersion or kind; try GetObjectKind().SetGroupVersionKind() if you know the type");
    }
    let name = match object.name() {
        "" => "<unknown>",
        name => name,
    };
    if gvk.kind.is_empty() {
        return Ok(format!("<unknown>/{name}"));
    }
    let kind = gvk.kind.to_lowercase();
    Ok(if gvk.group.is_empty() { format!("{kind}/{name}") } else { format!("{kind}.{}/{name}", gvk.group) })
}

/// Writes a line with an object's name, or one for each item of a list.
pub fn write(out: &mut dyn Write, object: &Value) -> anyhow::Result<()> {
    match object.get("items").and_then(Value::as_array) {
        Some(items) => items.iter().try_for_each(|item| write_one(out, item)),
        None => write_one(out, object),
    }
}

fn write_one(out: &mut dyn Write, object: &Value) -> anyhow::Result<()> {
    let name = name_of(object)?;
    write_line(out, &name)?;
    Ok(())
}

fn write_line(out: &mut dyn Write, line: &str) -> io::Result<()> {
    out.write_all(line.as_bytes())?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_objects() {
        let list = json!({"kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}},
            {"apiVersion": "apps/v1", "kind": "Deployment"},
        ]});
        let mut out = Vec::new();
        write(&mut out, &list).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "pod/a\ndeployment.apps/<unknown>\n");
        assert!(name_of(&json!({"metadata": {"name": "a"}})).is_err());
    }
}
