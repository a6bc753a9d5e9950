//! Nobody grants what they have not got themselves, unless they may `escalate` or `bind`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Attributes, Rules, User};
use crate::backend::registry::Cluster;
use crate::go::quote::quote;
use crate::object::{Meta, Object, Status};

const GROUP: &str = "rbac.authorization.k8s.io";

/// A rule broken down to one verb on one thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Right {
    /// Group, resource, the object's name if one is named.
    Resource(String, String, Option<String>),
    /// A path that is no resource's.
    Path(String),
}

/// Checks a role or a binding that somebody writes; `old` is absent on create. Other resources pass.
///
/// # Errors
/// 403 with the rights that the user would grant without having them; 404 for a role that is not there.
pub fn check(
    cluster: &dyn Cluster,
    user: &User,
    resource: &str,
    new: &Object,
    old: Option<&Object>,
) -> Result<(), Status> {
    let Some((plural, group)) = resource.split_once('.').filter(|(_, group)| *group == GROUP) else { return Ok(()) };
    let content = |object: &Object| -> Vec<Option<Object>> {
        ["rules", "aggregationRule", "subjects", "roleRef"].iter().map(|field| object.get(*field).cloned()).collect()
    };
    if old.is_some_and(|old| content(old) == content(new)) {
        return Ok(());
    }
    let namespace = new.namespace();
    let own = Rules::of(cluster, user, namespace);
    let may = |verb: &str, plural: &str, name: &str| {
        let attributes = Attributes {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: plural.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            ..Attributes::default()
        };
        own.decide(&attributes).0
    };
    let refuse = |why: &str| Err(Status::forbidden(resource, new.name(), why));
    match plural {
        "roles" | "clusterroles" => {
            if may("escalate", plural, if old.is_some() { new.name() } else { "" }) {
                return Ok(());
            }
            if let Some(why) = missing(&own, user, new.list_at(&["rules"])) {
                return refuse(&why);
            }
            let aggregates = |object: &Object| object.at(&["aggregationRule"]).is_some_and(Object::is_object);
            let everything = [
                json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}),
                json!({"verbs": ["*"], "nonResourceURLs": ["*"]}),
            ];
            if (aggregates(new) || old.is_some_and(aggregates)) && missing(&own, user, &everything).is_some() {
                return refuse("must have cluster-admin privileges to use the aggregationRule");
            }
        }
        _ => {
            let (kind, name) = (new.str_at(&["roleRef", "kind"]), new.str_at(&["roleRef", "name"]));
            let (plural, place) = if kind == "Role" { ("roles", namespace) } else { ("clusterroles", "") };
            if may("bind", plural, name) {
                return Ok(());
            }
            let role = cluster.get(&format!("{plural}.{group}"), place, name);
            let role = role.ok_or_else(|| Status::not_found(&format!("{plural}.{group}"), name))?;
            if let Some(why) = missing(&own, user, role.list_at(&["rules"])) {
                return refuse(&why);
            }
        }
    }
    Ok(())
}

/// What is said of rights that somebody lacks; none where they have them all.
fn missing(own: &Rules, user: &User, rules: &[Object]) -> Option<String> {
    let mut lacking: BTreeMap<Right, Vec<String>> = BTreeMap::new();
    for rule in rules {
        for (right, verb) in break_down(rule) {
            if !own.rules().any(|own| covers(own, &right, &verb)) {
                lacking.entry(right).or_default().push(verb);
            }
        }
    }
    if lacking.is_empty() {
        return None;
    }
    let lines: BTreeSet<String> = lacking
        .iter()
        .flat_map(|(right, verbs)| match right {
            // Paths are told one by one.
            Right::Path(path) => verbs
                .iter()
                .map(|verb| {
                    describe(&[("NonResourceURLs", std::slice::from_ref(path)), ("Verbs", std::slice::from_ref(verb))])
                })
                .collect(),
            Right::Resource(group, resource, name) => {
                let name: Vec<String> = name.iter().cloned().collect();
                vec![describe(&[
                    ("APIGroups", std::slice::from_ref(group)),
                    ("Resources", std::slice::from_ref(resource)),
                    ("ResourceNames", &name),
                    ("Verbs", verbs),
                ])]
            }
        })
        .collect();
    let lines: Vec<String> = lines.into_iter().collect();
    let mut why = format!(
        "user {} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        quote(&user.name),
        list(&user.groups),
        lines.join("\n")
    );
    if !own.errors().is_empty() {
        why.push_str(&format!("; resolution errors: [{}]", own.errors().join(", ")));
    }
    Some(why)
}

/// `{APIGroups:["a"], Verbs:["get" "list"]}`; what is empty is left out.
fn describe(parts: &[(&str, &[String])]) -> String {
    let parts: Vec<String> = parts
        .iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(name, values)| format!("{name}:{}", list(values)))
        .collect();
    format!("{{{}}}", parts.join(", "))
}

fn list(values: &[String]) -> String {
    format!("[{}]", values.iter().map(|value| quote(value)).collect::<Vec<_>>().join(" "))
}

fn texts<'a>(rule: &'a Object, field: &str) -> Vec<&'a str> {
    rule.list_at(&[field]).iter().filter_map(Object::as_str).collect()
}

fn break_down(rule: &Object) -> Vec<(Right, String)> {
    let mut rights = Vec::new();
    let (verbs, names) = (texts(rule, "verbs"), texts(rule, "resourceNames"));
    let names: Vec<Option<String>> =
        if names.is_empty() { vec![None] } else { names.iter().map(|name| Some((*name).to_owned())).collect() };
    for group in texts(rule, "apiGroups") {
        for resource in texts(rule, "resources") {
            for verb in &verbs {
                for name in &names {
                    let right = Right::Resource(group.to_owned(), resource.to_owned(), name.clone());
                    rights.push((right, (*verb).to_owned()));
                }
            }
        }
    }
    for path in texts(rule, "nonResourceURLs") {
        rights.extend(verbs.iter().map(|verb| (Right::Path(path.to_owned()), (*verb).to_owned())));
    }
    rights
}

/// Whether a rule includes a right.
fn covers(rule: &Object, right: &Right, verb: &str) -> bool {
    let has = |field: &str, value: &str| texts(rule, field).iter().any(|own| *own == "*" || *own == value);
    if !has("verbs", verb) {
        return false;
    }
    match right {
        Right::Path(path) => texts(rule, "nonResourceURLs")
            .iter()
            .any(|own| own == path || (own.ends_with('*') && path.starts_with(own.trim_end_matches('*')))),
        Right::Resource(group, resource, name) => {
            let part = resource.split_once('/').map(|(_, part)| format!("*/{part}"));
            let named = texts(rule, "resourceNames");
            has("apiGroups", group)
                && (has("resources", resource)
                    || part.is_some_and(|part| texts(rule, "resources").contains(&part.as_str())))
                && (named.is_empty() || name.as_ref().is_some_and(|name| named.contains(&name.as_str())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_cover_what_is_in_them() {
        let rule = |text: &str| -> Object { serde_json::from_str(text).expect("a rule") };
        let pods = r#"{"verbs":["get","list"],"apiGroups":[""],"resources":["pods","*/log"]}"#;
        let one = r#"{"verbs":["*"],"apiGroups":["apps"],"resources":["deployments"],"resourceNames":["a"]}"#;
        let paths = r#"{"verbs":["get"],"nonResourceURLs":["/healthz/*"]}"#;
        for (own, wanted, covered) in [
            (pods, r#"{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}"#, true),
            (pods, r#"{"verbs":["get"],"apiGroups":[""],"resources":["pods"],"resourceNames":["x"]}"#, true),
            (pods, r#"{"verbs":["get"],"apiGroups":[""],"resources":["pods/log"]}"#, true),
            (pods, r#"{"verbs":["watch"],"apiGroups":[""],"resources":["pods"]}"#, false),
            (pods, r#"{"verbs":["*"],"apiGroups":[""],"resources":["pods"]}"#, false),
            (pods, r#"{"verbs":["get"],"apiGroups":["*"],"resources":["pods"]}"#, false),
            (
                one,
                r#"{"verbs":["delete"],"apiGroups":["apps"],"resources":["deployments"],"resourceNames":["a"]}"#,
                true,
            ),
            (one, r#"{"verbs":["delete"],"apiGroups":["apps"],"resources":["deployments"]}"#, false),
            (paths, r#"{"verbs":["get"],"nonResourceURLs":["/healthz/a"]}"#, true),
            (paths, r#"{"verbs":["get"],"nonResourceURLs":["/metrics"]}"#, false),
        ] {
            let own = rule(own);
            let all = break_down(&rule(wanted)).iter().all(|(right, verb)| covers(&own, right, verb));
            assert_eq!(all, covered, "{own} {wanted}");
        }
    }
}
