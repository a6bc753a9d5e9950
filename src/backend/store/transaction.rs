//! Writing: optimistic, several writes at once or none.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::known::Known;
use super::pending::{Entry, Pending};
use super::{ListOptions, Mirror, StoreError, Stored, database, intern, read};
use crate::backend::controllers::Key;
use crate::backend::controllers::view::UNSEEN;
use crate::object::{Meta, Object};

/// A transaction in progress. It reads its own writes.
pub struct Transaction<'a> {
    connection: &'a Connection,
    pending: &'a mut Pending,
    known: &'a Known,
    mirror: Option<&'a dyn Mirror>,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        pending: &'a mut Pending,
        known: &'a Known,
        mirror: Option<&'a dyn Mirror>,
    ) -> Self {
        Self { connection, pending, known, mirror }
    }

    fn mirror_of(&self, resource: &str) -> Option<&'a dyn Mirror> {
        self.mirror.filter(|mirror| mirror.has(resource))
    }

    /// Reads the database; an error says of which file it speaks.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        work(self.connection).map_err(|error| match self.connection.path().filter(|path| !path.is_empty()) {
            Some(path) => database::about(path.as_ref(), error.into()),
            None => error.into(),
        })
    }

    /// The revision of the last write, in this transaction or before it.
    pub fn revision(&self) -> u64 {
        self.pending.revision()
    }

    /// The object of that name as it is stored, or `None`.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Result<Option<Stored>, StoreError> {
        match self.pending.find(resource, namespace, name) {
            Some(entry) => Ok(entry.bytes.as_ref().map(|bytes| Stored {
                namespace: namespace.into(),
                name: name.into(),
                revision: entry.revision,
                bytes: bytes.to_vec(),
            })),
            None => self.read(|connection| read::get(connection, resource, namespace, name)),
        }
    }

    /// The object of that name and its revision, or `None`.
    pub fn object(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<(Arc<Object>, u64)>, StoreError> {
        if let Some(entry) = self.pending.find(resource, namespace, name) {
            return match (&entry.new, &entry.bytes) {
                (Some(object), _) => Ok(Some((Arc::clone(object), entry.revision))),
                (None, Some(bytes)) => {
                    match self.mirror_of(resource).and_then(|mirror| mirror.object(resource, namespace, name)) {
                        // What was handed on is there, without being read again.
                        Some((object, revision)) if revision == entry.revision => Ok(Some((object, revision))),
                        _ => Ok(Some((Arc::new(serde_json::from_slice(bytes)?), entry.revision))),
                    }
                }
                (None, None) => Ok(None),
            };
        }
        if let Some(mirror) = self.mirror_of(resource) {
            return Ok(mirror.object(resource, namespace, name));
        }
        let stored = self.read(|connection| read::get(connection, resource, namespace, name))?;
        stored.map(|stored| Ok((Arc::new(stored.parse()?), stored.revision))).transpose()
    }

    /// Whether there is an object of that name.
    pub fn exists(&self, resource: &str, namespace: &str, name: &str) -> Result<bool, StoreError> {
        match (self.pending.find(resource, namespace, name), self.mirror_of(resource)) {
            (Some(entry), _) => Ok(entry.bytes.is_some()),
            (None, Some(mirror)) => Ok(mirror.exists(resource, namespace, name)),
            (None, None) => self.read(|connection| read::exists(connection, resource, namespace, name)),
        }
    }

    /// Objects of a resource, sorted by namespace and name.
    pub fn list(&self, resource: &str, namespace: Option<&str>) -> Result<Vec<Object>, StoreError> {
        if self.known.is_empty(resource) {
            return Ok(Vec::new());
        }
        let mut objects: Vec<Object> = Vec::new();
        if let Some(mirror) = self.mirror_of(resource) {
            mirror.each(resource, namespace, "", &mut |object| objects.push(object.clone()));
        } else {
            let mut failed = None;
            let options = ListOptions { namespace, ..ListOptions::default() };
            let mut take = |bytes: &[u8]| match serde_json::from_slice(bytes) {
                Ok(object) => objects.push(object),
                Err(error) => failed = Some(error),
            };
            self.read(|connection| read::scan(connection, resource, &options, |_, _, _, bytes| take(bytes)))?;
            if let Some(error) = failed {
                return Err(error.into());
            }
            let untouched = objects.is_empty() && self.pending.all(resource).next().is_none();
            if untouched && (namespace.is_none() || !self.read(|connection| read::any(connection, resource))?) {
                self.known.found_empty(resource);
            }
        }
        overlay(objects, &self.fresh(resource, |key| namespace.is_none_or(|namespace| key.namespace == namespace)))
    }

    /// Objects of a resource in a namespace whose names start with `prefix`.
    pub fn list_named(&self, resource: &str, namespace: &str, prefix: &str) -> Result<Vec<Object>, StoreError> {
        let mut objects = Vec::new();
        if let Some(mirror) = self.mirror_of(resource) {
            mirror.each(resource, Some(namespace), prefix, &mut |object| objects.push(object.clone()));
        } else {
            for bytes in self.read(|connection| read::named(connection, resource, namespace, prefix))? {
                objects.push(serde_json::from_slice(&bytes)?);
            }
        }
        let fresh: Vec<&Entry> = if resource == UNSEEN {
            self.pending.events(namespace, prefix).collect()
        } else {
            self.fresh(resource, |key| key.namespace == namespace && key.name.starts_with(prefix))
        };
        overlay(objects, &fresh)
    }

    /// What is known of events that does not follow from the database changes with this number.
    pub fn events_epoch(&self) -> u64 {
        self.known.events_epoch()
    }

    /// The writes that lists of a resource do not know of.
    fn fresh<'e>(&'e self, resource: &'e str, concerns: impl Fn(&Key) -> bool) -> Vec<&'e Entry> {
        match self.mirror_of(resource) {
            Some(_) => self.pending.fresh(resource).filter(|entry| concerns(&entry.key)).collect(),
            None => self.pending.all(resource).filter(|entry| concerns(&entry.key)).collect(),
        }
    }

    /// Adds an object under the namespace and name that its metadata has, and sets its
    /// `resourceVersion`. Returns the revision.
    ///
    /// In a batch the object goes on to who reads the changes: nothing but its name and
    /// `resourceVersion` is left behind.
    pub fn create(&mut self, resource: &str, object: &mut Object) -> Result<u64, StoreError> {
        let (namespace, name) = (object.namespace().to_owned(), object.name().to_owned());
        if self.exists(resource, &namespace, &name)? {
            return Err(StoreError::AlreadyExists { resource: resource.into(), name });
        }
        self.put(Key { resource: intern(resource), namespace, name }, object, None)
    }

    /// Replaces an object and sets its `resourceVersion`. Returns the revision. With `expected`, the
    /// object must be at that revision. In a batch, as with [`Self::create`].
    pub fn update(&mut self, resource: &str, object: &mut Object, expected: Option<u64>) -> Result<u64, StoreError> {
        let (namespace, name) = (object.namespace().to_owned(), object.name().to_owned());
        let old = self.expect(resource, &namespace, &name, expected)?;
        self.put(Key { resource: intern(resource), namespace, name }, object, Some(old))
    }

    /// Adds an object as JSON that nobody has read: what `write` makes of its revision. Those who follow the
    /// changes are told the summary. Returns the revision.
    ///
    /// # Errors
    /// What `write` says. The name must be free.
    pub fn create_text(
        &mut self,
        key: Key,
        summary: Arc<Object>,
        write: impl FnOnce(u64) -> serde_json::Result<Vec<u8>>,
    ) -> Result<u64, StoreError> {
        let bytes = Some(write(self.pending.revision() + 1)?.into());
        let revision = self.pending.next();
        self.known.write(key.resource);
        let summary = self.mirror.map(|_| summary);
        self.pending.push(Entry { key, revision, before: 0, bytes, old: None, new: None, summary });
        Ok(revision)
    }

    /// Replaces an object that [`Self::object`] gave, as [`Self::update`] does.
    ///
    /// # Errors
    /// An object that cannot be written as JSON.
    pub fn replace(&mut self, resource: &str, object: &mut Object, old: (Arc<Object>, u64)) -> Result<u64, StoreError> {
        let (namespace, name) = (object.namespace().to_owned(), object.name().to_owned());
        let old = (self.mirror_of(resource).map(|_| old.0), old.1);
        self.put(Key { resource: intern(resource), namespace, name }, object, Some(old))
    }

    /// Removes an object and returns what it was. With `expected`, it must be at that revision.
    pub fn delete(
        &mut self,
        resource: &str,
        namespace: &str,
        name: &str,
        expected: Option<u64>,
    ) -> Result<(), StoreError> {
        let (old, before) = self.expect(resource, namespace, name, expected)?;
        let revision = self.pending.next();
        let key = Key { resource: intern(resource), namespace: namespace.to_owned(), name: name.to_owned() };
        self.known.write(key.resource);
        self.pending.push(Entry { key, revision, before, bytes: None, old, new: None, summary: None });
        Ok(())
    }

    /// Puts an object into an empty store as it is, under the revision that its `resourceVersion`
    /// names. The log does not hold it: [`Self::restored`] ends the filling.
    pub fn restore(&mut self, resource: &str, object: &Object) -> Result<(), StoreError> {
        let revision: i64 = object.resource_version().parse().unwrap_or(0);
        self.known.write(resource);
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO object VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![resource, object.namespace(), object.name(), revision, serde_json::to_vec(object)?])?;
        Ok(())
    }

    /// Ends the filling of an empty store: the last write was at this revision, and what was before it
    /// is not known.
    pub fn restored(&mut self, revision: u64) -> Result<(), StoreError> {
        let last: Option<(String, String, String, Vec<u8>)> = self
            .connection
            .prepare_cached("SELECT resource, namespace, name, value FROM object WHERE revision = ?1")?
            .query_row([revision as i64], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        if let Some((resource, namespace, name, value)) = last {
            self.connection
                .prepare_cached("INSERT INTO log VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL)")?
                .execute(params![revision as i64, resource, namespace, name, value])?;
        }
        self.connection
            .prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'compacted'")?
            .execute([revision.to_string()])?;
        self.pending.restored(revision);
        Ok(())
    }

    /// What is there, where somebody will ask what it was, and its revision.
    fn expect(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        expected: Option<u64>,
    ) -> Result<(Option<Arc<Object>>, u64), StoreError> {
        let found = if self.mirror_of(resource).is_some() {
            self.object(resource, namespace, name)?.map(|(object, revision)| (Some(object), revision))
        } else {
            let pending = self.pending.find(resource, namespace, name);
            let revision = match pending {
                Some(entry) => entry.bytes.is_some().then_some(entry.revision),
                None => self.read(|connection| read::revision_of(connection, resource, namespace, name))?,
            };
            revision.map(|revision| (None, revision))
        };
        let found = found.ok_or_else(|| StoreError::NotFound { resource: resource.into(), name: name.into() })?;
        match expected {
            Some(expected) if expected != found.1 => {
                Err(StoreError::Conflict { resource: resource.into(), name: name.into() })
            }
            _ => Ok(found),
        }
    }

    fn put(
        &mut self,
        key: Key,
        object: &mut Object,
        old: Option<(Option<Arc<Object>>, u64)>,
    ) -> Result<u64, StoreError> {
        let revision = self.pending.next();
        let version = revision.to_string();
        object.set_at(&["metadata", "resourceVersion"], version.as_str());
        let bytes = Some(serde_json::to_vec(object)?.into());
        let new = self.mirror.map(|_| {
            let left = serde_json::json!({"metadata": {
                "namespace": key.namespace, "name": key.name, "resourceVersion": version}});
            Arc::new(std::mem::replace(object, left))
        });
        let (old, before) = old.unwrap_or((None, 0));
        self.known.write(key.resource);
        self.pending.push(Entry { key, revision, before, bytes, old, new, summary: None });
        Ok(revision)
    }
}

/// A list with writes that it does not know of.
fn overlay(objects: Vec<Object>, fresh: &[&Entry]) -> Result<Vec<Object>, StoreError> {
    if fresh.is_empty() {
        return Ok(objects);
    }
    let place = |object: &Object| (object.namespace().to_owned(), object.name().to_owned());
    let mut all: BTreeMap<_, _> = objects.into_iter().map(|object| (place(&object), object)).collect();
    for entry in fresh {
        let place = (entry.key.namespace.clone(), entry.key.name.clone());
        match &entry.bytes {
            Some(bytes) => drop(all.insert(place, serde_json::from_slice(bytes)?)),
            None => drop(all.remove(&place)),
        }
    }
    Ok(all.into_values().collect())
}
