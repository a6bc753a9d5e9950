//! What an API server says of its resources, in the forms of several generations.

use serde_json::{Value, json};

/// A resource of a server.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The API group, empty for the core.
    pub group: &'static str,
    /// The version.
    pub version: &'static str,
    /// The plural.
    pub plural: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Short names.
    pub short: &'static [&'static str],
    /// Categories.
    pub categories: &'static [&'static str],
}

/// The form of discovery documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Everything in two documents.
    V2,
    /// The same, before it was stable.
    V2Beta1,
    /// A document for each group version.
    Legacy,
}

/// `apps/v1`, `v1`.
pub fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// Groups with their versions, in the order in which they come.
fn groups(kinds: &[Kind]) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for kind in kinds {
        match groups.iter_mut().find(|(group, _)| *group == kind.group) {
            Some((_, versions)) if versions.contains(&kind.version) => {}
            Some((_, versions)) => versions.push(kind.version),
            None => groups.push((kind.group, vec![kind.version])),
        }
    }
    groups
}

fn verbs() -> Value {
    json!(["delete", "get", "list", "watch"])
}

fn aggregated(kinds: &[Kind], stale: &[&str], core: bool) -> Value {
    let resources = |group: &str, version: &str| -> Vec<Value> {
        let here = kinds.iter().filter(|kind| kind.group == group && kind.version == version);
        here.map(|kind| {
            json!({"resource": kind.plural, "singularResource": kind.kind.to_lowercase(), "verbs": verbs(),
                "responseKind": {"group": group, "version": version, "kind": kind.kind},
                "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
                "shortNames": kind.short, "categories": kind.categories})
        })
        .collect()
    };
    let items: Vec<Value> = groups(kinds)
        .into_iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let version = |version: &&str| {
                let is_stale = stale.contains(&group_version(group, version).as_str());
                json!({"version": version, "resources": resources(group, version),
                    "freshness": if is_stale { "Stale" } else { "Current" }})
            };
            json!({"metadata": {"name": group}, "versions": versions.iter().map(version).collect::<Vec<_>>()})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

/// The discovery document at a path and its media type; none where the path leads to something else.
pub fn document(style: Style, kinds: &[Kind], stale: &[&str], path: &str) -> Option<(String, Value)> {
    let plain = |value: Value| Some(("application/json".to_owned(), value));
    let core = path == "/api";
    if (core || path == "/apis") && style != Style::Legacy {
        let version = if style == Style::V2 { "v2" } else { "v2beta1" };
        let media = format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
        return Some((media, aggregated(kinds, stale, core)));
    }
    if core {
        return plain(json!({"kind": "APIVersions", "versions": ["v1"]}));
    }
    if path == "/apis" {
        let named = groups(kinds).into_iter().filter(|(group, _)| !group.is_empty());
        let groups: Vec<Value> = named
            .map(|(group, versions)| {
                let version =
                    |version: &&str| json!({"groupVersion": group_version(group, version), "version": version});
                let all: Vec<Value> = versions.iter().map(version).collect();
                json!({"name": group, "versions": all, "preferredVersion": all.first()})
            })
            .collect();
        return plain(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}));
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (group, version) = match parts.as_slice() {
        ["api", version] => ("", *version),
        ["apis", group, version] => (*group, *version),
        _ => return None,
    };
    let here = kinds.iter().filter(|kind| kind.group == group && kind.version == version);
    let resources: Vec<Value> = here
        .map(|kind| {
            json!({"name": kind.plural, "singularName": kind.kind.to_lowercase(), "namespaced": kind.namespaced,
                "kind": kind.kind, "verbs": verbs(), "shortNames": kind.short, "categories": kind.categories})
        })
        .collect();
    plain(json!({"kind": "APIResourceList", "groupVersion": group_version(group, version), "resources": resources}))
}
