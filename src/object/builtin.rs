//! The resources that every API server of this Kubernetes version has, as a table.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::{GroupVersion, GroupVersionKind, GroupVersionResource};

/// Tab-separated, one resource and version a line, in the order in which discovery lists them
/// (groups by priority, preferred versions first); the first line names the columns.
const TABLE: &str = include_str!("data/builtin.tsv");

/// All verbs of an ordinary resource.
const ALL_VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// A resource in one of its versions.
#[derive(Debug)]
pub struct Resource {
    /// Empty for the core group.
    pub group: &'static str,
    /// `v1`, …
    pub version: &'static str,
    /// The name in paths: `deployments`.
    pub plural: &'static str,
    /// `deployment`.
    pub singular: &'static str,
    /// `Deployment`.
    pub kind: &'static str,
    /// `deploy`, …
    pub short_names: Vec<&'static str>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// `all`, …
    pub categories: Vec<&'static str>,
    /// `get`, `list`, …, sorted.
    pub verbs: Vec<&'static str>,
    /// `status`, `scale`, …
    pub subresources: Vec<Subresource>,
    group_resource: String,
}

/// A part of a resource with a path of its own.
#[derive(Debug)]
pub struct Subresource {
    /// `status`, `scale`, …
    pub name: &'static str,
    /// The kind's group; empty for the core group.
    pub group: &'static str,
    /// The kind's version.
    pub version: &'static str,
    /// What it takes and returns: `Scale`, or the resource's own kind.
    pub kind: &'static str,
    /// `get`, `patch`, `update`, …
    pub verbs: Vec<&'static str>,
}

impl Resource {
    /// A resource by its parts; `path` is group, version and plural name.
    pub fn new(
        path: (&'static str, &'static str, &'static str),
        singular: &'static str,
        kind: &'static str,
        short_names: Vec<&'static str>,
        namespaced: bool,
        categories: Vec<&'static str>,
        verbs: Vec<&'static str>,
        subresources: Vec<Subresource>,
    ) -> Self {
        let (group, version, plural) = path;
        let group_resource = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
        Self {
            group,
            version,
            plural,
            singular,
            kind,
            short_names,
            namespaced,
            categories,
            verbs,
            subresources,
            group_resource,
        }
    }

    /// Whether it allows a verb.
    pub fn allows(&self, verb: &str) -> bool {
        self.verbs.contains(&verb)
    }

    /// The subresource of that name.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|subresource| subresource.name == name)
    }

    /// Group and version.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(self.group, self.version)
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind::new(self.group, self.version, self.kind)
    }

    /// Group, version and plural name.
    pub fn gvr(&self) -> GroupVersionResource {
        GroupVersionResource::new(self.group, self.version, self.plural)
    }

    /// `pods`, `deployments.apps`.
    pub fn group_resource(&self) -> &str {
        &self.group_resource
    }
}

/// Every resource in every version, in discovery's order. Read from the table when first asked for.
pub fn resources() -> &'static [Resource] {
    static RESOURCES: OnceLock<Vec<Resource>> = OnceLock::new();
    RESOURCES.get_or_init(|| TABLE.lines().skip(1).filter_map(parse_line).collect())
}

/// A resource by group, version and plural name, as paths have them.
pub fn by_path(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
    resources().iter().find(|r| r.plural == plural && r.group == group && r.version == version)
}

/// A resource in its preferred version by `pods`, `deployments.apps`.
pub fn by_group_resource(group_resource: &str) -> Option<&'static Resource> {
    static INDEX: OnceLock<HashMap<&'static str, &'static Resource>> = OnceLock::new();
    let index = INDEX.get_or_init(|| {
        let mut index = HashMap::new();
        for resource in resources() {
            index.entry(resource.group_resource()).or_insert(resource);
        }
        index
    });
    // The core group may be named by nothing after the dot.
    let core = || index.get(group_resource.strip_suffix('.').filter(|plural| !plural.contains('.'))?);
    index.get(group_resource).or_else(core).copied()
}

/// The resource whose objects have this kind.
pub fn by_gvk(gvk: &GroupVersionKind) -> Option<&'static Resource> {
    resources().iter().find(|r| r.kind == gvk.kind && r.group == gvk.group && r.version == gvk.version)
}

fn parse_line(line: &'static str) -> Option<Resource> {
    let mut columns = line.split('\t');
    let mut next = || columns.next();
    let (group, version, plural, singular, kind) = (next()?, next()?, next()?, next()?, next()?);
    let (short_names, scope, categories, verbs, subresources) = (next()?, next()?, next()?, next()?, next()?);
    let subresources = subresources.split(';').filter_map(|text| {
        let (name, rest) = text.split_once('=')?;
        let (kind, verbs) = rest.split_once(':')?;
        let mut parts = kind.rsplitn(3, '/');
        let kind = parts.next()?;
        let (group, version) = match (parts.next(), parts.next()) {
            (Some(version), Some(group)) => (group, version),
            _ => (group, version),
        };
        Some(Subresource { name, group, version, kind, verbs: words(verbs) })
    });
    Some(Resource::new(
        (group, version, plural),
        singular,
        kind,
        words(short_names),
        scope == "N",
        words(categories),
        if verbs == "*" { ALL_VERBS.to_vec() } else { words(verbs) },
        subresources.collect(),
    ))
}

fn words(text: &'static str) -> Vec<&'static str> {
    text.split(',').filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_resource() {
        assert_eq!(resources().len(), TABLE.lines().count() - 1);
        for resource in resources() {
            assert!(!resource.verbs.is_empty() && !resource.kind.is_empty(), "{resource:?}");
            assert!(std::ptr::eq(
                by_path(resource.group, resource.version, resource.plural).expect("found by its path"),
                resource
            ));
        }
    }

    #[test]
    fn finds_resources_and_their_parts() {
        let deployments = by_group_resource("deployments.apps").expect("deployments");
        assert_eq!(deployments.gvk().to_string(), "apps/v1, Kind=Deployment");
        assert_eq!(deployments.short_names, ["deploy"]);
        assert_eq!(deployments.categories, ["all"]);
        let scale = deployments.subresource("scale").expect("scale");
        assert_eq!((scale.group, scale.version, scale.kind), ("autoscaling", "v1", "Scale"));
        assert_eq!(deployments.subresource("status").expect("status").group, "apps");
        assert_eq!(by_group_resource("horizontalpodautoscalers.autoscaling").expect("hpa").version, "v2");
        let pods = by_gvk(&GroupVersionKind::new("", "v1", "Pod")).expect("pods");
        assert!(pods.namespaced && pods.allows("watch") && pods.subresource("log").is_some());
        assert!(by_path("", "v1", "nothing").is_none());
    }
}
