//! Roles and bindings that every cluster has.
//!
//! A new bundled cluster does not store them. They count nevertheless, unless the cluster has
//! something of their names.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::json;

use crate::object::Object;

/// The rules of each role.
const ROLES: &str = include_str!("roles.json");

/// Who is bound to which role, by bindings of the roles' names.
const BINDINGS: &[(&str, &[&str])] = &[
    ("cluster-admin", &["system:masters"]),
    ("system:basic-user", &["system:authenticated"]),
    ("system:discovery", &["system:authenticated"]),
    ("system:public-info-viewer", &["system:authenticated", "system:unauthenticated"]),
];

/// A cluster role by its name.
pub fn role(name: &str) -> Option<Object> {
    static TABLE: OnceLock<BTreeMap<String, Object>> = OnceLock::new();
    let table = TABLE.get_or_init(|| serde_json::from_str(ROLES).unwrap_or_default());
    table.get(name).map(|rules| json!({"metadata": {"name": name}, "rules": rules}))
}

/// The bindings for the whole cluster.
pub fn bindings() -> impl Iterator<Item = Object> {
    BINDINGS.iter().map(|(name, groups)| {
        let subjects: Vec<Object> = groups.iter().map(|group| json!({"kind": "Group", "name": group})).collect();
        json!({
            "metadata": {"name": name},
            "roleRef": {"kind": "ClusterRole", "name": name},
            "subjects": subjects,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Meta;

    #[test]
    fn every_binding_has_its_role() {
        for binding in bindings() {
            let name = binding.str_at(&["roleRef", "name"]);
            assert!(role(name).is_some_and(|role| !role.list_at(&["rules"]).is_empty()), "{name}");
        }
        for name in ["admin", "edit", "view"] {
            assert!(role(name).is_some(), "{name}");
        }
        assert!(role("nosuch").is_none());
    }
}
