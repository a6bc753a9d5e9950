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

    /// Whether a name in small letters is the plural or the singular; where the server names no singular,
    /// it is the kind.
    fn is_called(&self, name: &str) -> bool {
        let singular = if self.singular.is_empty() { &self.kind.kind } else { &self.singular };
        self.resource.resource == name || singular.eq_ignore_ascii_case(name)
    }

    /// Whether a word is the kind as it is written, or in small letters.
    fn is_of_kind(&self, word: &str) -> bool {
        self.kind.kind == word || self.kind.kind.to_lowercase() == word
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
    /// Whether group versions were passed over whose servers do not answer.
    #[serde(default)]
    pub partial: bool,
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

    /// Whether nothing is missing, so that it may be remembered.
    pub fn is_whole(&self) -> bool {
        self.failures.is_empty() && !self.partial
    }

    /// The resource that a word means, with client-go's precedence: full names and singulars, then
    /// short names, then names in groups that begin as the word's group does, then kinds. Short names are
    /// as they are written, the others in any case.
    pub fn find(&self, word: &str) -> Option<Mapping> {
        let mut parts = word.splitn(3, '.');
        let (name, first, second) = (parts.next()?, parts.next(), parts.next());
        if name.is_empty() {
            return None;
        }
        let lower = name.to_lowercase();
        let all = || self.entries.iter();
        let full = |entry: &&Entry| entry.is_called(&lower);
        let short = |entry: &&Entry| entry.short_names.iter().any(|short| short == name);
        let group = word.split_once('.').map_or("", |(_, group)| group);
        let in_version = first.zip(second).and_then(|(version, group)| {
            let exact = |entry: &&Entry| {
                entry.resource.version == version && (group.is_empty() || entry.resource.group == group)
            };
            // A short name stands for its resource, not for a version of it, unless the group is cut short.
            let in_group = |entry: &&Entry| group.is_empty() || entry.resource.group == group;
            let in_prefix = |entry: &&Entry| {
                entry.resource.version == version && !group.is_empty() && entry.resource.group.starts_with(group)
            };
            (all().filter(exact).find(full))
                .or_else(|| all().filter(in_group).find(short))
                .or_else(|| all().filter(in_prefix).find(short))
        });
        let exact = |entry: &&Entry| group.is_empty() || entry.resource.group == group;
        let prefix = |entry: &&Entry| !group.is_empty() && entry.resource.group.starts_with(group);
        let found = in_version
            .or_else(|| all().filter(exact).find(full))
            .or_else(|| all().filter(exact).find(short))
            .or_else(|| all().filter(prefix).find(full))
            .or_else(|| all().filter(prefix).find(short))
            .or_else(|| {
                let (version, group) = first.zip(second)?;
                let there = |entry: &&Entry| entry.resource.version == version && entry.resource.group == group;
                all().filter(there).find(|entry| entry.is_of_kind(name))
            })
            .or_else(|| all().find(|entry| entry.resource.group == group && entry.is_of_kind(name)))?;
        Some(found.mapping())
    }

    /// Other resources that a short name without a group could mean, as `events.events.k8s.io`: those
    /// after the one that [`find`](Self::find) takes.
    pub fn overshadowed(&self, word: &str) -> Vec<String> {
        let name = word.split_once('.').map_or(word, |(name, _)| name);
        // `ev.v1.` names a version and no group.
        let group = word.splitn(3, '.').nth(if word.matches('.').count() > 1 { 2 } else { 1 });
        if group.is_some_and(|group| !group.is_empty()) || self.entries.iter().any(|entry| entry.is_called(name)) {
            return Vec::new();
        }
        let mut names: Vec<String> = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.short_names.iter().any(|short| short == name)) {
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
        let as_written = word;
        let word = word.to_lowercase();
        let full = self.entries.iter().any(|entry| entry.is_called(&word));
        let is_short = |entry: &&Entry| !full && entry.short_names.iter().any(|short| short == as_written);
        let short = self.entries.iter().find(is_short);
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
