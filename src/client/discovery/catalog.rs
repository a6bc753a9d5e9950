//! A list of resources, and finding them by name.

use serde::{Deserialize, Serialize};

use super::Mapping;
use crate::object::{GroupVersionKind, GroupVersionResource, builtin};

/// A resource in one version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Group, version and plural name.
    pub resource: GroupVersionResource,
    /// Group, version and kind.
    pub kind: GroupVersionKind,
    /// `pod`; empty where the server does not say.
    pub singular: String,
    /// `po`, …
    pub short_names: Vec<String>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// `all`, …
    pub categories: Vec<String>,
    /// `get`, `list`, …
    pub verbs: Vec<String>,
    /// `status`, `scale`, …
    pub subresources: Vec<String>,
}

impl Entry {
    /// Where it is and what its objects are.
    pub fn mapping(&self) -> Mapping {
        Mapping { resource: self.resource.clone(), kind: self.kind.clone(), namespaced: self.namespaced }
    }

    fn is_called(&self, name: &str) -> bool {
        self.resource.resource == name || self.singular == name || self.kind.kind.eq_ignore_ascii_case(name)
    }
}

/// A group version whose resources could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupFailure {
    /// `metrics.k8s.io/v1beta1`.
    pub group_version: String,
    /// Why.
    pub error: String,
}

/// Resources in order of precedence: groups as the server orders them, in each the preferred version
/// first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Catalog {
    /// All resources in all versions.
    pub entries: Vec<Entry>,
    /// All group versions, whether or not their resources are known.
    pub group_versions: Vec<String>,
    /// What could not be had.
    pub failures: Vec<GroupFailure>,
}

/// Built-in resources that are younger, in this version, than servers in use today: whether a server
/// has them only it can tell. Group, and resource or all of the group.
const YOUNG: [(&str, &str); 7] = [
    ("resource.k8s.io", ""),
    ("flowcontrol.apiserver.k8s.io", ""),
    ("admissionregistration.k8s.io", "mutatingadmissionpolic"),
    ("admissionregistration.k8s.io", "validatingadmissionpolic"),
    ("networking.k8s.io", "ipaddresses"),
    ("networking.k8s.io", "servicecidrs"),
    ("storage.k8s.io", "volumeattributesclasses"),
];

impl Catalog {
    /// The resources that every server in use has, in the same versions.
    pub fn builtin() -> Self {
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let settled = |resource: &&builtin::Resource| {
            !YOUNG.iter().any(|(group, plural)| resource.group == *group && resource.plural.starts_with(plural))
        };
        let entries = builtin::resources().iter().filter(settled).map(|resource| Entry {
            resource: resource.gvr(),
            kind: resource.gvk(),
            singular: resource.singular.to_owned(),
            short_names: own(&resource.short_names),
            namespaced: resource.namespaced,
            categories: own(&resource.categories),
            verbs: own(&resource.verbs),
            subresources: resource.subresources.iter().map(|part| part.name.to_owned()).collect(),
        });
        Self { entries: entries.collect(), ..Self::default() }
    }

    /// The resource that a word means, with client-go's precedence: full names and singulars, then
    /// short names, then names in groups that begin as the word's group does.
    pub fn find(&self, word: &str) -> Option<Mapping> {
        let mut parts = word.splitn(3, '.');
        let (name, first, second) = (parts.next()?, parts.next(), parts.next());
        if name.is_empty() {
            return None;
        }
        let lower = name.to_lowercase();
        if let (Some(version), Some(group)) = (first, second) {
            let in_version = |entry: &&Entry| {
                entry.resource.version == version && (group.is_empty() || entry.resource.group == group)
            };
            let exact = self.entries.iter().filter(in_version).find(|entry| entry.is_called(&lower));
            // A short name stands for its resource, not for a version of it, unless the group is cut short.
            let in_group = |entry: &&Entry| group.is_empty() || entry.resource.group == group;
            let in_prefix = |entry: &&Entry| {
                entry.resource.version == version && !group.is_empty() && entry.resource.group.starts_with(group)
            };
            let is_short = |entry: &&Entry| entry.short_names.contains(&lower);
            let short = || self.entries.iter().filter(in_group).find(is_short);
            let short_in_prefix = || self.entries.iter().filter(in_prefix).find(is_short);
            if let Some(entry) = exact.or_else(short).or_else(short_in_prefix) {
                return Some(entry.mapping());
            }
        }
        let group = word.split_once('.').map_or("", |(_, group)| group);
        let exact = |entry: &&Entry| group.is_empty() || entry.resource.group == group;
        let prefix = |entry: &&Entry| !group.is_empty() && entry.resource.group.starts_with(group);
        let full = |entry: &&Entry| entry.is_called(&lower);
        let short = |entry: &&Entry| entry.short_names.contains(&lower);
        let all = || self.entries.iter();
        let found = (all().filter(exact).find(full))
            .or_else(|| all().filter(exact).find(short))
            .or_else(|| all().filter(prefix).find(full))
            .or_else(|| all().filter(prefix).find(short))?;
        Some(found.mapping())
    }

    /// Other resources that a short name without a group could mean, as `events.events.k8s.io`: those
    /// after the one that [`find`](Self::find) takes.
    pub fn overshadowed(&self, word: &str) -> Vec<String> {
        let name = word.split_once('.').map_or(word, |(name, _)| name).to_lowercase();
        // `ev.v1.` names a version and no group.
        let group = word.splitn(3, '.').nth(if word.matches('.').count() > 1 { 2 } else { 1 });
        if group.is_some_and(|group| !group.is_empty()) || self.entries.iter().any(|entry| entry.is_called(&name)) {
            return Vec::new();
        }
        let mut names: Vec<String> = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.short_names.contains(&name)) {
            let name = entry.resource.group_resource();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.drain(..names.len().min(1));
        names
    }

    /// All resources, in all groups and versions, that a word without a group may mean.
    pub fn all_called(&self, word: &str) -> impl Iterator<Item = &Entry> {
        let word = word.to_lowercase();
        let full = self.entries.iter().any(|entry| entry.is_called(&word));
        let short = self.entries.iter().find(|entry| !full && entry.short_names.contains(&word));
        self.entries.iter().filter(move |entry| match short {
            Some(short) => {
                entry.resource.resource == short.resource.resource && entry.resource.group == short.resource.group
            }
            None => entry.is_called(&word),
        })
    }

    /// The resource that holds objects of a kind; in the preferred version where none is named.
    pub fn by_kind(&self, kind: &GroupVersionKind) -> Option<Mapping> {
        let fits = |entry: &&Entry| {
            entry.kind.kind == kind.kind
                && entry.kind.group == kind.group
                && (kind.version.is_empty() || entry.kind.version == kind.version)
        };
        self.entries.iter().find(fits).map(Entry::mapping)
    }

    /// The resources of a category, each once, as `pods`, `deployments.apps`.
    pub fn category(&self, category: &str) -> Option<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.categories.iter().any(|name| name == category)) {
            let name = entry.resource.group_resource();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        (!names.is_empty()).then_some(names)
    }

    /// Each resource once, in the version that the server prefers.
    pub fn preferred(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().enumerate().filter_map(|(at, entry)| {
            let same = |other: &Entry| {
                other.resource.group == entry.resource.group && other.resource.resource == entry.resource.resource
            };
            let earlier = self.entries.get(..at).unwrap_or_default().iter().any(same);
            (!earlier).then_some(entry)
        })
    }

    /// The entry of a mapping.
    pub fn entry(&self, mapping: &Mapping) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.resource == mapping.resource)
    }
}
