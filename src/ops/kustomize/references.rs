//! Names that changed, followed into the fields that refer to them.

use super::fields::{self, Config, Create, FieldSpec};
use super::id::{self, Id};
use super::resource::{Resource, Resources};
use crate::object::{GroupVersionKind, Meta, Object};

/// What the search for a referent needs of each object.
struct Candidate {
    id: Id,
    original_namespace: String,
    previous: Vec<Id>,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
}

/// Updates every reference to an object whose name has changed.
///
/// # Errors
/// A reference that could mean several objects; fields of the wrong type.
pub fn fix(resources: &mut Resources, config: &Config) -> anyhow::Result<()> {
    let candidates: Vec<Candidate> = resources
        .0
        .iter()
        // What was never called otherwise is no one's referent.
        .filter(|resource| !resource.previous.is_empty())
        .map(|resource| Candidate {
            id: resource.id(),
            original_namespace: resource.original_id().effective_namespace().to_owned(),
            previous: resource.previous.clone(),
            prefixes: resource.prefixes.clone(),
            suffixes: resource.suffixes.clone(),
        })
        .collect();
    if candidates.is_empty() {
        return Ok(());
    }
    for resource in &mut resources.0 {
        let original = resource.original_id().gvk;
        let mut reachable: Option<Vec<&Candidate>> = None;
        for reference in &config.name_reference {
            for spec in &reference.fields {
                if !id::is_selected(&original, &spec.owner) {
                    continue;
                }
                if reachable.is_none() {
                    reachable = Some(reachable_from(resource, &candidates));
                }
                let search = Search {
                    referrer: resource.id(),
                    prefixes: &resource.prefixes,
                    suffixes: &resource.suffixes,
                    role: role_of(spec, &resource.object),
                    referent: &reference.referent,
                    candidates: reachable.as_deref().unwrap_or_default(),
                };
                let spec = FieldSpec { owner: GroupVersionKind::default(), ..spec.clone() };
                let mut set = |field: &mut Object| search.update(field);
                fields::visit(&spec, &mut resource.object, Create::Nothing, &mut set).map_err(|error| {
                    anyhow::anyhow!(
                        "updating name reference in '{}' field of '{}': {error}",
                        spec.path,
                        search.referrer
                    )
                })?;
            }
        }
    }
    Ok(())
}

/// What an object may refer to at all: its own namespace, what has none, and those of a binding's subjects.
fn reachable_from<'a>(resource: &Resource, candidates: &'a [Candidate]) -> Vec<&'a Candidate> {
    let id = resource.id();
    if id.is_cluster_scoped() {
        return candidates.iter().collect();
    }
    let subjects: Vec<&str> = if resource.object.kind() == "RoleBinding" {
        let accounts = resource.object.list_at(&["subjects"]).iter();
        accounts
            .filter(|subject| subject.str_at(&["kind"]) == "ServiceAccount")
            .map(|subject| subject.str_at(&["namespace"]))
            .collect()
    } else {
        Vec::new()
    };
    let reaches = |candidate: &&Candidate| {
        candidate.id.is_cluster_scoped()
            || candidate.id.effective_namespace() == id.effective_namespace()
            || subjects.contains(&candidate.id.namespace.as_str())
    };
    candidates.iter().filter(reaches).collect()
}

/// For the name in a `roleRef`, the kind beside it.
fn role_of(spec: &FieldSpec, object: &Object) -> Option<GroupVersionKind> {
    if !spec.path.ends_with("roleRef/name") {
        return None;
    }
    let group = object.at(&["roleRef", "apiGroup"])?.as_str()?;
    let kind = object.at(&["roleRef", "kind"])?.as_str()?;
    Some(GroupVersionKind::new(group, "", kind))
}

struct Search<'a> {
    referrer: Id,
    prefixes: &'a [String],
    suffixes: &'a [String],
    role: Option<GroupVersionKind>,
    referent: &'a GroupVersionKind,
    candidates: &'a [&'a Candidate],
}

impl Search<'_> {
    fn update(&self, field: &mut Object) -> anyhow::Result<()> {
        match field {
            Object::Null => Ok(()),
            Object::Object(_) => self.update_map(field),
            Object::Array(elements) => elements.iter_mut().try_for_each(|element| match element {
                Object::Null => Ok(()),
                Object::Object(_) => self.update_map(element),
                Object::Array(_) => {
                    anyhow::bail!("{element} is expected to be either a string or a map of string")
                }
                _ => self.update_scalar(element),
            }),
            _ => self.update_scalar(field),
        }
    }

    fn update_scalar(&self, field: &mut Object) -> anyhow::Result<()> {
        let Some(name) = field.as_str() else { return Ok(()) };
        if let Some(found) = self.select(name, self.candidates, |one, other| one.name == other.name)?
            && found.id.name != name
        {
            *field = found.id.name.as_str().into();
        }
        Ok(())
    }

    /// A map with a name, and maybe a namespace.
    fn update_map(&self, field: &mut Object) -> anyhow::Result<()> {
        let Some(name) = field.get("name").map(|name| name.as_str().unwrap_or_default().to_owned()) else {
            anyhow::bail!("path config error; no 'name' field in node");
        };
        let there: Vec<&Candidate> = match field.get("namespace").and_then(Object::as_str) {
            None => self.candidates.to_vec(),
            Some(namespace) => {
                let of = |fits: &dyn Fn(&Candidate) -> bool| -> Vec<&Candidate> {
                    self.candidates.iter().copied().filter(|candidate| fits(candidate)).collect()
                };
                let original = of(&|candidate| candidate.original_namespace == namespace);
                if original.is_empty() {
                    of(&|candidate| candidate.id.effective_namespace() == namespace)
                } else {
                    original
                }
            }
        };
        let same = |one: &Id, other: &Id| one.name == other.name && one.namespace == other.namespace;
        let Some(found) = self.select(&name, &there, same)? else { return Ok(()) };
        if found.id.name == name && found.id.namespace.is_empty() {
            return Ok(());
        }
        field.set_at(&["name"], found.id.name.as_str());
        if !found.id.namespace.is_empty() {
            field.set_at(&["namespace"], found.id.namespace.as_str());
        }
        Ok(())
    }

    /// The object that a name means.
    fn select<'c>(
        &self,
        name: &str,
        candidates: &[&'c Candidate],
        same: impl Fn(&Id, &Id) -> bool,
    ) -> anyhow::Result<Option<&'c Candidate>> {
        let was = |candidate: &Candidate, kind: &GroupVersionKind| {
            candidate.previous.iter().any(|id| id::is_selected(&id.gvk, kind))
        };
        let in_reach = |candidate: &Candidate| {
            self.referrer.is_cluster_scoped()
                || candidate.id.is_cluster_scoped()
                || candidate.id.gvk.kind == "ServiceAccount"
                || candidate.id.effective_namespace() == self.referrer.effective_namespace()
        };
        let mut found: Vec<&'c Candidate> = candidates
            .iter()
            .copied()
            .filter(|candidate| {
                candidate.previous.iter().any(|id| id.name == name)
                    && was(candidate, self.referent)
                    && self.role.as_ref().is_none_or(|role| was(candidate, role))
                    && in_reach(candidate)
            })
            .collect();
        if found.len() > 1 {
            found.retain(|candidate| self.same_affixes(candidate, true));
        }
        if found.len() > 1 {
            found.retain(|candidate| self.same_affixes(candidate, false));
        }
        let Some((first, rest)) = found.split_first() else { return Ok(None) };
        if rest.iter().all(|other| same(&first.id, &other.id)) {
            return Ok(Some(first));
        }
        let ids: Vec<String> = found.iter().map(|candidate| candidate.id.to_string()).collect();
        anyhow::bail!("found multiple possible referrals: {}", ids.join(", "))
    }

    /// Whether prefixes and suffixes came from the same kustomizations.
    fn same_affixes(&self, candidate: &Candidate, or_none: bool) -> bool {
        let same = |mine: &[String], theirs: &[String]| {
            if mine.is_empty() || theirs.is_empty() {
                return or_none || mine.len() == theirs.len();
            }
            mine.iter().rev().zip(theirs.iter().rev()).all(|(mine, theirs)| mine == theirs)
        };
        same(self.prefixes, &candidate.prefixes) && same(self.suffixes, &candidate.suffixes)
    }
}
