//! How large an object may be: etcd refuses requests of more than 1.5 MiB.

use crate::object::{Meta, Object, Status};

/// The most bytes of an object as it is stored.
const LARGEST: usize = 1536 * 1024;

/// Refuses what is too large to be stored. The books of managers are given up first, where they are not what
/// was asked for.
pub(super) fn limit(object: &mut Object, applies: bool) -> Result<(), Status> {
    if size(object) <= LARGEST {
        return Ok(());
    }
    if !applies && object.remove_at(&["metadata", "managedFields"]).is_some() && size(object) <= LARGEST {
        return Ok(());
    }
    Err(Status::failure(500, "", "etcdserver: request is too large"))
}

/// About how many bytes an object takes. Binary data is stored as it is, not as text.
fn size(object: &Object) -> usize {
    let mut sum = json_size(object);
    let binary = match object.kind() {
        "Secret" => "data",
        "ConfigMap" => "binaryData",
        _ => return sum,
    };
    for (_, text) in object.map_at(&[binary]) {
        sum -= text.len() / 4;
    }
    sum
}

/// The length of a value as JSON, but for what texts escape. The depth of values is bounded where they are read.
fn json_size(value: &Object) -> usize {
    match value {
        Object::Null | Object::Bool(true) => 4,
        Object::Bool(false) => 5,
        Object::Number(_) => 3,
        Object::String(text) => text.len() + 2,
        Object::Array(list) => list.iter().map(|value| json_size(value) + 1).sum::<usize>() + 2,
        Object::Object(map) => map.iter().map(|(key, value)| key.len() + 4 + json_size(value)).sum::<usize>() + 2,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_too_large_gives_up_its_books_first() {
        let mut fits = json!({"kind": "Secret", "data": {"a": "x".repeat(LARGEST + 100)}});
        assert_eq!(limit(&mut fits, false), Ok(()));
        let text = "x".repeat(LARGEST - 100);
        let with = json!({"kind": "Lamp", "metadata": {"managedFields": ["y".repeat(200)]}, "spec": text});
        let mut fits = with.clone();
        assert_eq!((limit(&mut fits, false), fits.at(&["metadata", "managedFields"])), (Ok(()), None));
        let refused = limit(&mut with.clone(), true).expect_err("too large");
        assert_eq!((refused.code, refused.message.as_str()), (500, "etcdserver: request is too large"));
        assert!(limit(&mut json!({"kind": "Lamp", "spec": "x".repeat(LARGEST)}), false).is_err());
    }
}
