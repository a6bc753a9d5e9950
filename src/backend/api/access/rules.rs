//! Role-based access control: the rules that the cluster's roles and bindings grant a user.

use serde_json::json;

use super::{Attributes, User};
use crate::backend::registry::Cluster;
use crate::object::{Meta, Object};

const GROUP: &str = "rbac.authorization.k8s.io";

/// A rule and what grants it.
struct Grant {
    rule: Object,
    /// `ClusterRoleBinding "a" of ClusterRole "b" to User "c"`.
    source: String,
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
    pub fn of(cluster: &dyn Cluster, user: &User, namespace: &str) -> Self {
        let mut rules = Self { grants: Vec::new(), errors: Vec::new(), all: user.is_master() };
        rules.bound(cluster, user, "ClusterRoleBinding", "");
        if !namespace.is_empty() {
            rules.bound(cluster, user, "RoleBinding", namespace);
        }
        rules
    }

    /// All rules, whatever grants them.
    pub fn rules(&self) -> impl Iterator<Item = &Object> {
        self.grants.iter().map(|grant| &grant.rule)
    }

    /// What could not be found out.
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    /// Adds the rules of the bindings of one kind.
    fn bound(&mut self, cluster: &dyn Cluster, user: &User, kind: &str, namespace: &str) {
        let resource = format!("{}s.{GROUP}", kind.to_ascii_lowercase());
        for binding in cluster.list(&resource, Some(namespace)) {
            let mut subjects = binding.list_at(&["subjects"]).iter();
            let Some(subject) = subjects.find(|subject| user.is_subject(subject, namespace)) else { continue };
            let (role_kind, role) = (binding.str_at(&["roleRef", "kind"]), binding.str_at(&["roleRef", "name"]));
            let found = match role_kind {
                "Role" => cluster.get(&format!("roles.{GROUP}"), namespace, role),
                "ClusterRole" => cluster.get(&format!("clusterroles.{GROUP}"), "", role),
                other => {
                    self.errors.push(format!("unsupported role reference kind: \"{other}\""));
                    continue;
                }
            };
            let Some(mut role_object) = found else {
                self.errors.push(format!("{}.{GROUP} \"{role}\" not found", role_kind.to_ascii_lowercase()));
                continue;
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
        // Mostly a binding says so, too.
        let everything = |rule: &Object| {
            rule.list_at(&["verbs"]).iter().any(|verb| verb == "*") && !rule.list_at(&["nonResourceURLs"]).is_empty()
        };
        if self.all && !self.rules().any(everything) {
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
