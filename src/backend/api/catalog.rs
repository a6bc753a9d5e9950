//! Which resources there are: the built-in ones, and those of the definitions in the store.

use std::sync::{Mutex, PoisonError};

use super::Api;
use super::transaction::Inside;
use super::usage;
use crate::backend::registry::custom::Definition;
use crate::backend::registry::{self, Cluster};
use crate::backend::store::ListOptions;
use crate::object::builtin::{self, Resource};
use crate::object::{Object, Status};

/// The resource of definitions.
pub(super) const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// What was last read of the definitions; other processes may write some too.
#[derive(Default)]
pub(super) struct Catalog(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The store's revision at which this was so.
    revision: u64,
    /// Each object's revision and what it defines.
    definitions: Vec<(u64, Option<&'static Definition>)>,
}

impl Api {
    /// The definitions whose resources are served, sorted by group and name.
    pub(super) fn definitions(&self) -> Result<Vec<&'static Definition>, Status> {
        let revision = self.store().revision()?;
        let mut known = self.shared.catalog.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.revision != revision {
            let mut failed = None;
            let mut fresh = Vec::new();
            self.store().scan(DEFINITIONS, &ListOptions::default(), |_, _, revision, bytes| {
                let before = known.definitions.iter().find(|(known, _)| *known == revision);
                fresh.push(match before {
                    Some(before) => *before,
                    None => match serde_json::from_slice::<Object>(bytes) {
                        Ok(object) => (revision, Definition::of(&object)),
                        Err(error) => return failed = Some(error),
                    },
                });
            })?;
            if let Some(error) = failed {
                return Err(Status::internal(error.to_string()));
            }
            *known = Known { revision, definitions: fresh };
        }
        let mut found: Vec<_> = known.definitions.iter().filter_map(|(_, definition)| *definition).collect();
        found.sort_by_key(|definition| (definition.storage().resource.group, &definition.name));
        Ok(found)
    }

    /// Every resource in every version that is served, in discovery's order.
    pub(super) fn resources(&self) -> Result<Vec<&'static Resource>, Status> {
        let definitions = self.definitions()?;
        let usage = self.usage_resources()?;
        Ok(builtin::resources()
            .iter()
            .chain(definitions.into_iter().flat_map(Definition::served))
            .chain(usage)
            .collect())
    }

    /// The resource at a path.
    pub(super) fn resource_at(
        &self,
        group: &str,
        version: &str,
        plural: &str,
    ) -> Result<Option<&'static Resource>, Status> {
        if let Some(found) = builtin::by_path(group, version, plural) {
            return Ok(Some(found));
        }
        // Groups of custom resources have a dot.
        if !group.contains('.') {
            return Ok(None);
        }
        if group == usage::GROUP {
            let found = self.usage_resources()?.iter();
            return Ok(found.into_iter().find(|r| r.version == version && r.plural == plural));
        }
        let is_it = |r: &&'static Resource| r.group == group && r.version == version && r.plural == plural;
        Ok(self.definitions()?.into_iter().flat_map(Definition::served).find(is_it))
    }

    /// The resource of that name, in its storage version.
    pub(super) fn known(&self, name: &str) -> Result<&'static Resource, Status> {
        match builtin_storage(name) {
            Some(found) => Ok(found),
            None => {
                let found = self.definitions()?.into_iter().find(|definition| definition.name == name);
                found.map(|definition| &definition.storage().resource).ok_or_else(|| unknown(name))
            }
        }
    }
}

impl Inside<'_, '_> {
    /// The same, as this transaction sees it.
    pub(super) fn known(&self, name: &str) -> Result<&'static Resource, Status> {
        match builtin_storage(name) {
            Some(found) => Ok(found),
            None => {
                let definition = self.get(DEFINITIONS, "", name).and_then(|object| Definition::of(&object));
                definition.map(|definition| &definition.storage().resource).ok_or_else(|| unknown(name))
            }
        }
    }
}

fn builtin_storage(name: &str) -> Option<&'static Resource> {
    builtin::by_group_resource(name).map(registry::storage_of)
}

fn unknown(name: &str) -> Status {
    Status::internal(format!("no resource {name}"))
}
