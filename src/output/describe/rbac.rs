//! Roles, ClusterRoles and their bindings.

use std::collections::BTreeMap;

use super::description::Description;
use super::parts::heading;
use super::related::Related;
use super::text::{go_list, strings};
use crate::object::{Meta, Object};

/// What a rule comes down to: one resource, or one URL, and what may be done with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rule<'a> {
    verbs: Vec<&'a str>,
    groups: Vec<&'a str>,
    resources: Vec<&'a str>,
    names: Vec<&'a str>,
    urls: Vec<&'a str>,
}

impl Rule<'_> {
    /// The text by which rules are ordered.
    fn key(&self) -> String {
        format!(
            "&PolicyRule{{Verbs:{},APIGroups:{},Resources:{},ResourceNames:{},NonResourceURLs:{},}}",
            go_list(&self.verbs),
            go_list(&self.groups),
            go_list(&self.resources),
            go_list(&self.names),
            go_list(&self.urls),
        )
    }

    /// `deployments.apps/scale`.
    fn resource(&self) -> String {
        let Some(resource) = self.resources.first() else { return String::new() };
        let (plural, sub) = resource.split_once('/').map_or((*resource, None), |(plural, sub)| (plural, Some(sub)));
        let mut text = plural.to_owned();
        for (mark, part) in [('.', self.groups.first().copied().filter(|group| !group.is_empty())), ('/', sub)] {
            if let Some(part) = part {
                text.push(mark);
                text.push_str(part);
            }
        }
        text
    }
}

/// Rules broken down to single resources and put together again by resource and name.
fn compact(rules: &[Object]) -> Vec<Rule<'_>> {
    let mut urls = Vec::new();
    let mut by_resource: BTreeMap<(&str, &str, Option<&str>), Vec<&str>> = BTreeMap::new();
    for rule in rules {
        let verbs = strings(rule, &["verbs"]);
        let names = strings(rule, &["resourceNames"]);
        let names: Vec<Option<&str>> =
            if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
        let resources = strings(rule, &["resources"]);
        for group in strings(rule, &["apiGroups"]) {
            for resource in &resources {
                for name in &names {
                    for verb in &verbs {
                        let known = by_resource.entry((group, resource, *name)).or_default();
                        if !known.contains(verb) {
                            known.push(verb);
                        }
                    }
                }
            }
        }
        for url in strings(rule, &["nonResourceURLs"]) {
            urls.extend(verbs.iter().map(|verb| Rule { verbs: vec![verb], urls: vec![url], ..Rule::default() }));
        }
    }
    let mut all = urls;
    all.extend(by_resource.into_iter().map(|((group, resource, name), verbs)| Rule {
        verbs,
        groups: vec![group],
        resources: vec![resource],
        names: name.into_iter().collect(),
        urls: Vec::new(),
    }));
    all.sort_by_cached_key(Rule::key);
    all
}

pub(super) fn describe_role(d: &mut Description, role: &Object, _: &Related) -> anyhow::Result<()> {
    heading(d, role, false);
    d.line(0, "PolicyRule:");
    d.line(1, "Resources\tNon-Resource URLs\tResource Names\tVerbs");
    d.line(1, "---------\t-----------------\t--------------\t-----");
    for rule in compact(role.list_at(&["rules"])) {
        let (urls, names, verbs) = (go_list(&rule.urls), go_list(&rule.names), go_list(&rule.verbs));
        d.line(1, format_args!("{}\t{urls}\t{names}\t{verbs}", rule.resource()));
    }
    Ok(())
}

pub(super) fn describe_binding(d: &mut Description, binding: &Object, _: &Related) -> anyhow::Result<()> {
    heading(d, binding, false);
    d.line(0, "Role:");
    d.field(1, "Kind", binding.str_at(&["roleRef", "kind"]));
    d.field(1, "Name", binding.str_at(&["roleRef", "name"]));
    d.line(0, "Subjects:");
    d.line(1, "Kind\tName\tNamespace");
    d.line(1, "----\t----\t---------");
    for subject in binding.list_at(&["subjects"]) {
        let part = |name: &str| subject.str_at(&[name]);
        d.line(1, format_args!("{}\t{}\t{}", part("kind"), part("name"), part("namespace")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_are_put_together_by_resource() {
        let rules = [
            json!({"apiGroups": ["", "apps"], "resources": ["pods", "deployments/scale"], "verbs": ["get", "list"]}),
            json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "watch"]}),
            json!({"apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"], "verbs": ["get"]}),
            json!({"nonResourceURLs": ["/x"], "verbs": ["get", "post"]}),
        ];
        let texts: Vec<String> = compact(&rules)
            .iter()
            .map(|rule| format!("{} {:?} {:?} {}", rule.resource(), rule.urls, rule.names, rule.verbs.join(",")))
            .collect();
        assert_eq!(
            texts,
            [
                "pods [] [] get,list,watch",
                "deployments/scale [] [] get,list",
                "deployments.apps/scale [] [] get,list",
                "pods.apps [] [] get,list",
                " [\"/x\"] [] get",
                "pods [] [\"a\"] get",
                " [\"/x\"] [] post",
            ]
        );
    }
}
