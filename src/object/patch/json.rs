//! JSON patches (RFC 6902).

use json_patch::{Patch, PatchErrorKind, PatchOperation};

use super::PatchError;
use crate::object::Object;

/// The most operations that the API server takes in one patch.
const MOST_OPERATIONS: usize = 10_000;

/// Reads and applies a patch; the object is unchanged where that fails.
pub fn apply(target: &mut Object, patch: &[u8]) -> Result<(), PatchError> {
    let malformed = |error: serde_json::Error| PatchError::Malformed(format!("error decoding patch: {error}"));
    let operations: Vec<Object> = serde_json::from_slice(patch).map_err(malformed)?;
    apply_operations(target, &operations)
}

/// Applies a patch that is already a list of values.
pub fn apply_operations(target: &mut Object, operations: &[Object]) -> Result<(), PatchError> {
    if operations.len() > MOST_OPERATIONS {
        return Err(PatchError::Unprocessable(format!(
            "The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {}",
            operations.len()
        )));
    }
    let mut read = Vec::with_capacity(operations.len());
    for operation in operations {
        let kind = operation.get("op").and_then(Object::as_str).unwrap_or("unknown");
        if !matches!(kind, "add" | "remove" | "replace" | "move" | "copy" | "test") {
            return Err(PatchError::Unprocessable(format!("Unexpected kind: {kind}")));
        }
        let mut operation = operation.clone();
        // The original reads an absent value as null.
        if matches!(kind, "add" | "replace" | "test") && operation.get("value").is_none() {
            operation["value"] = Object::Null;
        }
        let operation: PatchOperation = serde_json::from_value(operation)
            .map_err(|error| PatchError::Unprocessable(format!("{kind} operation does not apply: {error}")))?;
        read.push(operation);
    }
    let patch = Patch(read);
    json_patch::patch(target, &patch).map_err(|error| {
        let failed = patch.0.get(error.operation);
        let (kind, path) = failed.map_or(("", String::new()), |failed| (name(failed), failed.path().to_string()));
        PatchError::Unprocessable(match error.kind {
            PatchErrorKind::TestFailed => format!("testing value {path} failed: test failed"),
            _ => match kind {
                "remove" => {
                    format!("remove operation does not apply: doc is missing path: \"{path}\": missing value")
                }
                "replace" => {
                    format!("replace operation does not apply: doc is missing key: {path}: missing value")
                }
                "test" => format!("testing value {path} failed: test failed"),
                kind => format!("{kind} operation does not apply: doc is missing path: \"{path}\": missing value"),
            },
        })
    })
}

fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            (json!([{"op": "remove", "path": "/b"}]), 422, "remove operation does not apply: doc is missing path"),
            (
                json!([{"op": "replace", "path": "/b", "value": 1}]),
                422,
                "replace operation does not apply: doc is missing key: /b: missing value",
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
}
