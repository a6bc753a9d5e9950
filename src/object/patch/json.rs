//! JSON patches (RFC 6902), as the API server's library reads them: it is laxer than the standard.
//! Replacing a key that is not there adds it, positions may count from the end (`-1`), and where a path
//! ends in a scalar the scalar is never looked into.

use super::PatchError;
use crate::object::yaml::json_mistake;
use crate::object::{Object, json_kind};

/// The most operations that the API server takes in one patch.
const MOST_OPERATIONS: usize = 10_000;
/// The most bytes of JSON that the copies of one patch may add.
const MOST_COPIED: usize = 3 * 1024 * 1024;

/// Reads and applies a patch; the object is unchanged where that fails.
pub fn apply(target: &mut Object, patch: &[u8]) -> Result<(), PatchError> {
    let malformed = |why: String| PatchError::Malformed(format!("error decoding patch: {why}"));
    let value: Object = serde_json::from_slice(patch)
        .map_err(|error| malformed(json_mistake(patch).unwrap_or_else(|| error.to_string())))?;
    let operations = match value {
        Object::Array(operations) => operations,
        Object::Null => Vec::new(),
        other => return Err(malformed(unfit(&other, "[]handlers.jsonPatchOp"))),
    };
    if let Some(other) = operations.iter().find(|operation| !operation.is_object() && !operation.is_null()) {
        return Err(malformed(unfit(other, "handlers.jsonPatchOp")));
    }
    apply_operations(target, &operations)
}

/// The same as kubectl does it by itself, with the words of the library that it uses.
pub fn apply_locally(target: &mut Object, patch: &[u8]) -> Result<(), PatchError> {
    match serde_json::from_slice(patch) {
        Ok(other @ (Object::Bool(_) | Object::Number(_) | Object::String(_) | Object::Object(_))) => {
            Err(PatchError::Malformed(unfit(&other, "jsonpatch.Patch")))
        }
        _ => apply(target, patch),
    }
}

fn unfit(value: &Object, wanted: &str) -> String {
    format!("json: cannot unmarshal {} into Go value of type {wanted}", json_kind(value))
}

/// Applies a patch that is already a list of values.
pub fn apply_operations(target: &mut Object, operations: &[Object]) -> Result<(), PatchError> {
    if operations.len() > MOST_OPERATIONS {
        return Err(PatchError::TooLarge(format!(
            "The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {}",
            operations.len()
        )));
    }
    let mut result = target.clone();
    let mut copied = 0;
    for operation in operations {
        run(&mut result, operation, &mut copied).map_err(PatchError::Unprocessable)?;
    }
    *target = result;
    Ok(())
}

/// Makes one operation. What copies have added so far is counted in `copied`, in bytes.
fn run(document: &mut Object, operation: &Object, copied: &mut usize) -> Result<(), String> {
    let kind = operation.get("op").and_then(Object::as_str).unwrap_or("unknown");
    let pointer = |field: &str| operation.get(field).and_then(Object::as_str);
    // The original reads an absent value as null.
    let value = || operation.get("value").cloned().unwrap_or_default();
    match kind {
        "add" => {
            let path = pointer("path").ok_or("add operation failed to decode path: missing value")?;
            let Some((parent, key)) = find(document, path) else {
                return Err(format!("add operation does not apply: doc is missing path: \"{path}\": missing value"));
            };
            add(parent, &key, value()).map_err(|why| format!("error in add for path: '{path}': {why}"))
        }
        "remove" => {
            let path = pointer("path").ok_or("remove operation failed to decode path: missing value")?;
            let Some((parent, key)) = find(document, path) else {
                return Err(format!("remove operation does not apply: doc is missing path: \"{path}\": missing value"));
            };
            remove(parent, &key).map(drop).map_err(|why| format!("error in remove for path: '{path}': {why}"))
        }
        "replace" => {
            let path = pointer("path")
                .ok_or("replace operation failed to decode path: operation missing path field: missing value")?;
            if path.is_empty() {
                *document = value();
                return Ok(());
            }
            let missing =
                |what| format!("replace operation does not apply: doc is missing {what}: {path}: missing value");
            let Some((parent, key)) = find(document, path) else { return Err(missing("path")) };
            get(parent, &key).map_err(|_| missing("key"))?;
            set(parent, &key, value()).map_err(|why| format!("error in remove for path: '{path}': {why}"))
        }
        "move" => {
            let from = pointer("from")
                .ok_or("move operation failed to decode from: operation, missing from field: missing value")?;
            let Some((parent, key)) = find(document, from) else {
                return Err(format!("move operation does not apply: doc is missing from path: {from}: missing value"));
            };
            let moved = remove(parent, &key).map_err(|why| format!("error in move for path: '{key}': {why}"))?;
            let path = pointer("path")
                .ok_or("move operation failed to decode path: operation missing path field: missing value")?;
            let Some((parent, key)) = find(document, path) else {
                return Err(format!(
                    "move operation does not apply: doc is missing destination path: {path}: missing value"
                ));
            };
            add(parent, &key, moved).map_err(|why| format!("error in move for path: '{path}': {why}"))
        }
        "copy" => {
            let from = pointer("from")
                .ok_or("copy operation failed to decode from: operation, missing from field: missing value")?;
            let Some((parent, key)) = find(document, from) else {
                return Err(format!("copy operation does not apply: doc is missing from path: {from}: missing value"));
            };
            let source = get(parent, &key).map_err(|why| format!("error in copy for from: '{from}': {why}"))?;
            *copied += serde_json::to_vec(&source).map_or(0, |text| text.len());
            if *copied > MOST_COPIED {
                return Err(format!(
                    "Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {MOST_COPIED}"
                ));
            }
            let value = source.cloned().unwrap_or_default();
            let path = pointer("path").ok_or("copy operation failed to decode path: missing value")?;
            let Some((parent, key)) = find(document, path) else {
                return Err(format!(
                    "copy operation does not apply: doc is missing destination path: {path}: missing value"
                ));
            };
            add(parent, &key, value).map_err(|why| format!("error while adding value during copy: {why}"))
        }
        "test" => {
            let path = pointer("path")
                .ok_or("test operation failed to decode path: operation missing path field: missing value")?;
            let failed = || format!("testing value {path} failed: test failed");
            let want = value();
            if path.is_empty() {
                return if *document == want { Ok(()) } else { Err(failed()) };
            }
            let Some((parent, key)) = find(document, path) else {
                return Err(format!("test operation does not apply: is missing path: {path}: missing value"));
            };
            let present = get(parent, &key).map_err(|why| format!("error in test for path: '{path}': {why}"))?;
            if present.unwrap_or(&Object::Null) == &want { Ok(()) } else { Err(failed()) }
        }
        other => Err(format!("Unexpected kind: {other}")),
    }
}

/// The map or list that a pointer's last part is in, and that part.
fn find<'a>(document: &'a mut Object, pointer: &str) -> Option<(&'a mut Object, String)> {
    let mut parts: Vec<String> = pointer.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    if parts.len() < 2 {
        return None;
    }
    let key = parts.pop()?;
    let mut place = document;
    for part in parts.iter().skip(1) {
        place = match place {
            Object::Object(map) => map.get_mut(part)?,
            Object::Array(list) => {
                let at = index(part, list.len()).ok()?;
                list.get_mut(at)?
            }
            _ => return None,
        };
    }
    (place.is_object() || place.is_array()).then_some((place, key))
}

/// A position in a list, negative ones from its end. It may still be beyond the end.
fn index(key: &str, length: usize) -> Result<usize, String> {
    let number: i64 = key.parse().map_err(|_| format!("strconv.Atoi: parsing {key:?}: invalid syntax"))?;
    let from_end = number.unsigned_abs();
    match usize::try_from(number) {
        Ok(at) => Ok(at),
        Err(_) => usize::try_from(from_end).ok().and_then(|back| length.checked_sub(back)).ok_or_else(|| invalid(key)),
    }
}

fn invalid(key: &str) -> String {
    format!("Unable to access invalid index: {key}: invalid index referenced")
}

/// The value at a key; none where a map does not have it, which is no error.
fn get<'a>(parent: &'a Object, key: &str) -> Result<Option<&'a Object>, String> {
    match parent {
        Object::Array(list) => list.get(index(key, list.len())?).map(Some).ok_or_else(|| invalid(key)),
        map => Ok(map.get(key)),
    }
}

fn set(parent: &mut Object, key: &str, value: Object) -> Result<(), String> {
    match parent {
        Object::Array(list) => {
            let at = index(key, list.len())?;
            *list.get_mut(at).ok_or_else(|| invalid(key))? = value;
        }
        Object::Object(map) => {
            map.insert(key.to_owned(), value);
        }
        _ => {}
    }
    Ok(())
}

fn add(parent: &mut Object, key: &str, value: Object) -> Result<(), String> {
    let Object::Array(list) = parent else { return set(parent, key, value) };
    if key == "-" {
        list.push(value);
        return Ok(());
    }
    let at = index(key, list.len() + 1).map_err(|why| match why.starts_with("strconv") {
        true => format!("value was not a proper array index: '{key}': {why}"),
        false => why,
    })?;
    if at > list.len() {
        return Err(invalid(key));
    }
    list.insert(at, value);
    Ok(())
}

fn remove(parent: &mut Object, key: &str) -> Result<Object, String> {
    match parent {
        Object::Array(list) => {
            let at = index(key, list.len())?;
            if at >= list.len() {
                return Err(invalid(key));
            }
            Ok(list.remove(at))
        }
        map => {
            let gone = map.as_object_mut().and_then(|map| map.remove(key));
            gone.ok_or_else(|| format!("Unable to remove nonexistent key: {key}: missing value"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn patched(target: &Object, patch: &Object) -> Result<Object, PatchError> {
        let mut target = target.clone();
        apply(&mut target, patch.to_string().as_bytes()).map(|()| target)
    }

    #[test]
    fn applies() {
        let object = json!({"a": {"b": [1, 2]}, "c~d/e": 1});
        for (patch, want) in [
            (json!([{"op": "add", "path": "/a/b/-", "value": 3}]), json!({"a": {"b": [1, 2, 3]}, "c~d/e": 1})),
            (json!([{"op": "replace", "path": "/c~0d~1e", "value": 2}]), json!({"a": {"b": [1, 2]}, "c~d/e": 2})),
            (json!([{"op": "move", "from": "/a/b", "path": "/b"}]), json!({"a": {}, "b": [1, 2], "c~d/e": 1})),
            (
                json!([{"op": "test", "path": "/a/b/0", "value": 1}, {"op": "remove", "path": "/a"}]),
                json!({"c~d/e": 1}),
            ),
            (json!([{"op": "replace", "path": "/n", "value": 1}]), json!({"a": {"b": [1, 2]}, "c~d/e": 1, "n": 1})),
            (json!([{"op": "remove", "path": "/a/b/-1"}]), json!({"a": {"b": [1]}, "c~d/e": 1})),
            (json!([{"op": "add", "path": "/n"}]), json!({"a": {"b": [1, 2]}, "c~d/e": 1, "n": null})),
        ] {
            assert_eq!(patched(&object, &patch), Ok(want), "{patch}");
        }
    }

    #[test]
    fn refuses() {
        let object = json!({"a": 1});
        for (patch, code, want) in [
            (json!({"op": "add"}), 400, "error decoding patch: "),
            (
                json!([{"op": "remove", "path": "/b"}]),
                422,
                "error in remove for path: '/b': Unable to remove nonexistent key: b: missing value",
            ),
            (
                json!([{"op": "replace", "path": "/b/c", "value": 1}]),
                422,
                "replace operation does not apply: doc is missing path: /b/c: missing value",
            ),
            (
                json!([{"op": "add", "path": "/a/b", "value": 1}]),
                422,
                "add operation does not apply: doc is missing path: \"/a/b\": missing value",
            ),
            (
                json!([{"op": "add", "path": "/l", "value": []}, {"op": "remove", "path": "/l/0"}]),
                422,
                "error in remove for path: '/l/0': Unable to access invalid index: 0: invalid index referenced",
            ),
            (
                json!([{"op": "add", "path": "/l", "value": []}, {"op": "add", "path": "/l/x", "value": 1}]),
                422,
                "error in add for path: '/l/x': value was not a proper array index: 'x': strconv.Atoi: parsing \"x\": invalid syntax",
            ),
            (
                json!([{"op": "copy", "from": "/x/y", "path": "/z"}]),
                422,
                "copy operation does not apply: doc is missing from path: /x/y: missing value",
            ),
            (json!([{"op": "test", "path": "/a", "value": 2}]), 422, "testing value /a failed: test failed"),
            (json!([{"op": "dance", "path": "/a"}]), 422, "Unexpected kind: dance"),
            (json!([{"path": "/a"}]), 422, "Unexpected kind: unknown"),
        ] {
            let error = patched(&object, &patch).expect_err("a refusal");
            assert!(error.to_string().starts_with(want), "{error}");
            assert_eq!(error.code(), code);
        }
        let mut target = object.clone();
        let patch = json!([{"op": "add", "path": "/b", "value": 1}, {"op": "remove", "path": "/none"}]);
        assert!(apply(&mut target, patch.to_string().as_bytes()).is_err());
        assert_eq!(target, object, "half a patch is none");
    }

    proptest! {
        #[test]
        fn never_panics(op in "add|remove|replace|move|copy|test", path in "(/[a0-9-]{0,2}){0,3}", from in "(/[ab01-]{0,2}){0,3}") {
            let mut target = json!({"a": {"b": [1, {"a": 2}]}, "0": [[]]});
            let patch = json!([{"op": op, "path": path, "from": from, "value": {"x": []}}]);
            let _ = apply(&mut target, patch.to_string().as_bytes());
        }
    }
}
