//! Role-based access control: the rules that the cluster's roles and bindings grant a user.

use serde_json::json;

use super::{Attributes, User, defaults};
use crate::backend::api::Api;
use crate::object::{Meta, Object, Status};

const GROUP: &str = "rbac.authorization.k8s.io";

/// A rule and what grants it.
struct Grant {
    rule: Object,
    /// `ClusterRoleBinding "a" of ClusterRole "b" to User "c"`.
    source: String,
}

/// Where roles and bindings are found.
pub trait Roles {
    /// All objects of a resource in a namespace (`""` for those in none).
    fn list(&self, resource: &str, namespace: &str) -> Result<Vec<Object>, Status>;
    /// One of them.
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Result<Object, Status>;
}

impl Roles for Api {
    fn list(&self, resource: &str, namespace: &str) -> Result<Vec<Object>, Status> {
        Self::list(self, resource, Some(namespace))
    }

    fn get(&self, resource: &str, namespace: &str, name: &str) -> Result<Object, Status> {
        Self::get(self, resource, namespace, name)
    }
}

/// The rules of one user in one namespace.
pub struct Rules {
    grants: Vec<Grant>,
    /// What could not be found out.
    errors: Vec<String>,
    all: bool,
}

impl Rules {
    /// The rules that hold in a namespace, or (`""`) in the whole cluster alone.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn of(api: &dyn Roles, user: &User, namespace: &str) -> Result<Self, Status> {
        let mut rules = Self { grants: Vec::new(), errors: Vec::new(), all: user.is_master() };
        rules.bound(api, user, "ClusterRoleBinding", "")?;
        if !namespace.is_empty() {
            rules.bound(api, user, "RoleBinding", namespace)?;
        }
        Ok(rules)
    }

    /// Adds the rules of the bindings of one kind.
    fn bound(&mut self, api: &dyn Roles, user: &User, kind: &str, namespace: &str) -> Result<(), Status> {
        let resource = format!("{}s.{GROUP}", kind.to_ascii_lowercase());
        let mut bindings = api.list(&resource, namespace)?;
        if namespace.is_empty() {
            let missing = |own: &Object| !bindings.iter().any(|binding| binding.name() == own.name());
            let missing: Vec<Object> = defaults::bindings().filter(missing).collect();
            bindings.extend(missing);
        }
        for binding in bindings {
            let mut subjects = binding.list_at(&["subjects"]).iter();
            let Some(subject) = subjects.find(|subject| user.is_subject(subject, namespace)) else { continue };
            let (role_kind, role) = (binding.str_at(&["roleRef", "kind"]), binding.str_at(&["roleRef", "name"]));
            let found = match role_kind {
                "Role" => api.get(&format!("roles.{GROUP}"), namespace, role),
                "ClusterRole" => api.get(&format!("clusterroles.{GROUP}"), "", role),
                other => {
                    self.errors.push(format!("unsupported role reference kind: \"{other}\""));
                    continue;
                }
            };
            let own = || defaults::role(role).filter(|_| role_kind == "ClusterRole");
            let mut role_object = match found {
                Ok(object) => object,
                Err(status) if status.is_not_found() && own().is_some() => own().unwrap_or_default(),
                Err(status) if status.is_not_found() => {
                    self.errors.push(status.message.replacen("s.rbac", ".rbac", 1));
                    continue;
                }
                Err(status) => return Err(status),
            };
            let place = if namespace.is_empty() { String::new() } else { format!("/{namespace}") };
            let mut who = subject.str_at(&["name"]).to_owned();
            if subject.str_at(&["kind"]) == "ServiceAccount" {
                let own = subject.str_at(&["namespace"]);
                who = format!("{who}/{}", if own.is_empty() { namespace } else { own });
            }
            let source = format!(
                "{kind} \"{}{place}\" of {role_kind} \"{role}\" to {} \"{who}\"",
                binding.name(),
                subject.str_at(&["kind"]),
            );
            let Some(Object::Array(rules)) = role_object.remove_at(&["rules"]) else { continue };
            self.grants.extend(rules.into_iter().map(|rule| Grant { rule, source: source.clone() }));
        }
        Ok(())
    }

    /// Whether something is allowed; the reason may be empty.
    pub fn decide(&self, attributes: &Attributes) -> (bool, String) {
        if self.all {
            return (true, String::new());
        }
        if let Some(grant) = self.grants.iter().find(|grant| allows(&grant.rule, attributes)) {
            return (true, format!("RBAC: allowed by {}", grant.source));
        }
        let reason = match self.errors.as_slice() {
            [] => String::new(),
            [one] => format!("RBAC: {one}"),
            several => format!("RBAC: [{}]", several.join(", ")),
        };
        (false, reason)
    }

    /// The status of a rules review.
    pub fn to_status(&self) -> Object {
        let mut resources = Vec::new();
        let mut paths = Vec::new();
        if self.all {
            resources.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
            paths.push(json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
        }
        for Grant { rule, .. } in &self.grants {
            let only = |fields: &[&str]| -> Object {
                let kept = fields.iter().filter_map(|field| Some(((*field).to_owned(), rule.get(*field)?.clone())));
                Object::Object(kept.collect())
            };
            if !rule.list_at(&["resources"]).is_empty() {
                resources.push(only(&["verbs", "apiGroups", "resources", "resourceNames"]));
            }
            if !rule.list_at(&["nonResourceURLs"]).is_empty() {
                paths.push(only(&["verbs", "nonResourceURLs"]));
            }
        }
        let mut status = json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false});
        if !self.errors.is_empty() {
            status.set_at(&["evaluationError"], self.errors.join(", "));
        }
        status
    }
}

/// Whether a rule allows it.
fn allows(rule: &Object, attributes: &Attributes) -> bool {
    let any = |field: &str, matches: &dyn Fn(&str) -> bool| {
        rule.list_at(&[field]).iter().filter_map(Object::as_str).any(matches)
    };
    let is = |wanted: &str| {
        let wanted = wanted.to_owned();
        move |own: &str| own == "*" || own == wanted
    };
    if !any("verbs", &is(&attributes.verb)) {
        return false;
    }
    if !attributes.path.is_empty() {
        return any("nonResourceURLs", &|own| {
            let start = own.strip_suffix('*').map(|start| start.trim_end_matches('*'));
            own == attributes.path || start.is_some_and(|start| attributes.path.starts_with(start))
        });
    }
    let (resource, subresource) = (&attributes.resource, &attributes.subresource);
    let is_resource = |own: &str| {
        own == "*"
            || if subresource.is_empty() {
                own == resource
            } else {
                own.split_once('/')
                    .is_some_and(|(parent, part)| part == subresource && (parent == resource || parent == "*"))
            }
    };
    let named = rule.list_at(&["resourceNames"]);
    any("apiGroups", &is(&attributes.group))
        && any("resources", &is_resource)
        && (named.is_empty() || named.iter().any(|name| name.as_str() == Some(&attributes.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_allow_what_they_name() {
        let pods = json!({"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "pods/log"]});
        let one = json!({"verbs": ["*"], "apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["a"]});
        let part = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*/scale"]});
        let all = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]});
        let paths = json!({"verbs": ["get"], "nonResourceURLs": ["/api", "/apis/*"]});
        let resource = |verb: &str, group: &str, resource: &str, name: &str| {
            let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
            Attributes {
                verb: verb.into(),
                group: group.into(),
                resource: resource.into(),
                subresource: subresource.into(),
                name: name.into(),
                ..Attributes::default()
            }
        };
        let path = |path: &str| Attributes { verb: "get".into(), path: path.into(), ..Attributes::default() };
        for (rule, asked, want) in [
            (&pods, resource("get", "", "pods", "x"), true),
            (&pods, resource("get", "", "pods/log", "x"), true),
            (&pods, resource("get", "", "pods/exec", "x"), false),
            (&pods, resource("delete", "", "pods", "x"), false),
            (&pods, resource("get", "apps", "pods", "x"), false),
            (&one, resource("patch", "apps", "deployments", "a"), true),
            (&one, resource("patch", "apps", "deployments", "b"), false),
            (&one, resource("list", "apps", "deployments", ""), false),
            (&part, resource("get", "apps", "deployments/scale", "a"), true),
            (&part, resource("get", "apps", "deployments", "a"), false),
            (&all, resource("get", "apps", "deployments/scale", "a"), true),
            (&all, path("/api"), false),
            (&paths, path("/api"), true),
            (&paths, path("/api/v1"), false),
            (&paths, path("/apis/apps"), true),
            (&paths, resource("get", "", "pods", "x"), false),
        ] {
            assert_eq!(allows(rule, &asked), want, "{rule} {asked:?}");
        }
    }
}
