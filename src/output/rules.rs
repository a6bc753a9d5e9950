//! Rules of roles as people read them: broken down and put together again by resource.

use std::collections::BTreeMap;

use super::describe::text::{go_list, strings};
use crate::object::{Meta, Object};
use serde_json::json;

/// What a rule comes down to: one resource, or one URL, and what may be done with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule<'a> {
    /// The verbs.
    pub verbs: Vec<&'a str>,
    /// The API groups: one, or none of a rule about a URL.
    pub groups: Vec<&'a str>,
    /// The resources: one, or none.
    pub resources: Vec<&'a str>,
    /// The names: one, or none for all.
    pub names: Vec<&'a str>,
    /// The URLs: one, or none.
    pub urls: Vec<&'a str>,
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
    pub fn resource(&self) -> String {
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
pub fn compact(rules: &[Object]) -> Vec<Rule<'_>> {
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

/// Rules broken down to single verbs, resources and names, in order.
pub fn single_rules(rules: &[Object]) -> Vec<Object> {
    let mut all = Vec::new();
    for rule in rules {
        let (verbs, names) = (strings(rule, &["verbs"]), strings(rule, &["resourceNames"]));
        for group in strings(rule, &["apiGroups"]) {
            for resource in strings(rule, &["resources"]) {
                for verb in &verbs {
                    let single = json!({"apiGroups": [group], "resources": [resource], "verbs": [verb]});
                    if names.is_empty() {
                        all.push(single);
                        continue;
                    }
                    for name in &names {
                        let mut named = single.clone();
                        named.set_at(&["resourceNames"], json!([name]));
                        all.push(named);
                    }
                }
            }
        }
        for url in strings(rule, &["nonResourceURLs"]) {
            all.extend(verbs.iter().map(|verb| json!({"nonResourceURLs": [url], "verbs": [verb]})));
        }
    }
    all
}

/// Whether one of the rules grants all that a [single rule](single_rules) does.
pub fn covers(rules: &[Object], single: &Object) -> bool {
    rules.iter().any(|rule| {
        let has = |field: &str, fits: &dyn Fn(&str, &str) -> bool| {
            let owned = strings(rule, &[field]);
            strings(single, &[field]).iter().all(|wanted| owned.iter().any(|own| fits(own, wanted)))
        };
        let any_or_same = |own: &str, wanted: &str| own == "*" || own == wanted;
        let no_names = strings(rule, &["resourceNames"]).is_empty();
        has("verbs", &any_or_same)
            && has("apiGroups", &any_or_same)
            && has("resources", &|own, wanted| {
                let any_scale = |sub: &str| own.strip_prefix("*/") == Some(sub);
                any_or_same(own, wanted) || wanted.split_once('/').is_some_and(|(_, sub)| any_scale(sub))
            })
            && (no_names
                || (!strings(single, &["resourceNames"]).is_empty()
                    && has("resourceNames", &|own, wanted| own == wanted)))
            && has("nonResourceURLs", &|own, wanted| {
                own == wanted || own.ends_with('*') && wanted.starts_with(own.trim_end_matches('*'))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
