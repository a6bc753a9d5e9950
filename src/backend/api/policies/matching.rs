//! Which writes a policy is about (`…/policy/matching`, `…/webhook/predicates`).

use crate::object::builtin::Resource;
use crate::object::labels::Selector;
use crate::object::{Meta, Object};

/// What is written.
pub(super) struct Target<'v> {
    pub resource: &'static Resource,
    pub subresource: &'v str,
    pub operation: &'static str,
    pub object: Option<&'v Object>,
    pub old: Option<&'v Object>,
    pub name: &'v str,
}

impl Target<'_> {
    /// Whether `MatchResources` are about the write; `namespace` is the namespace's object, null outside
    /// of namespaces.
    pub fn matches(&self, resources: &Object, namespace: &Object) -> bool {
        let rules = resources.list_at(&["resourceRules"]);
        self.in_namespace(resources, namespace)
            && self.selected(resources)
            && !resources.list_at(&["excludeResourceRules"]).iter().any(|rule| self.named(rule))
            && (rules.is_empty() || rules.iter().any(|rule| self.named(rule)))
    }

    fn in_namespace(&self, resources: &Object, namespace: &Object) -> bool {
        let Ok(selector) = Selector::from_object(resources.at(&["namespaceSelector"])) else { return false };
        if selector.is_everything() || !is_set(resources, "namespaceSelector") {
            return true;
        }
        if self.resource.group.is_empty() && self.resource.plural == "namespaces" {
            // A namespace is in itself, as it will be.
            return self.object.or(self.old).is_some_and(|own| selector.matches(own));
        }
        // What is in no namespace is not kept out by one.
        namespace.is_null() || selector.matches(namespace)
    }

    fn selected(&self, resources: &Object) -> bool {
        let Ok(selector) = Selector::from_object(resources.at(&["objectSelector"])) else { return false };
        if selector.is_everything() || !is_set(resources, "objectSelector") {
            return true;
        }
        [self.object, self.old].into_iter().flatten().any(|object| selector.matches(object))
    }

    fn named(&self, rule: &Object) -> bool {
        let has = |field: &str, wanted: &str| {
            let given = rule.list_at(&[field]);
            given.iter().any(|value| value == "*" || value == wanted)
        };
        // A kind in another version is the same kind: policies match what is equivalent by default.
        let scope = match rule.str_at(&["scope"]) {
            "Namespaced" => self.resource.namespaced,
            "Cluster" => !self.resource.namespaced,
            _ => true,
        };
        let names = rule.list_at(&["resourceNames"]);
        scope
            && has("operations", self.operation)
            && has("apiGroups", self.resource.group)
            && has("apiVersions", self.resource.version)
            && rule.list_at(&["resources"]).iter().filter_map(Object::as_str).any(|given| self.is(given))
            && (names.is_empty() || names.iter().any(|given| given == self.name))
    }

    fn is(&self, given: &str) -> bool {
        let (resource, part) = given.split_once('/').unwrap_or((given, ""));
        (resource == "*" || resource == self.resource.plural) && (part == "*" || part == self.subresource)
    }
}

fn is_set(resources: &Object, field: &str) -> bool {
    resources.at(&[field]).is_some_and(|value| !value.is_null())
}
