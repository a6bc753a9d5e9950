//! Objects as kubectl's own types write them: fields that the type does not have are gone, and structs
//! that are never left out are there (`resources: {}`, `status: {}`).

use crate::object::Object;
use crate::object::schema;

/// The object as its type writes it; one of an unknown kind stays as it is.
#[must_use]
pub fn typed(mut object: Object) -> Object {
    if let Some(of) = schema::of_object(&object) {
        schema::normalize(of, &mut object);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn writes_what_go_writes() {
        for (given, want) in [
            (
                json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "creationTimestamp": null},
                    "spec": {"ports": [], "bogus": 1}}),
                json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {}, "status": {"loadBalancer": {}}}),
            ),
            (
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": {
                    "selector": {}, "template": {"spec": {"containers": [{"name": "c"}]}}}}),
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": {
                    "selector": {}, "strategy": {},
                    "template": {"metadata": {}, "spec": {"containers": [{"name": "c", "resources": {}}]}}}, "status": {}}),
            ),
            (
                json!({"apiVersion": "sea.example.org/v1", "kind": "Beacon", "x": null}),
                json!({"apiVersion": "sea.example.org/v1", "kind": "Beacon", "x": null}),
            ),
        ] {
            assert_eq!(typed(given), want);
        }
    }
}
