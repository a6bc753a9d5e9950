//! Writing: optimistic, several writes at once or none.

use rusqlite::{OptionalExtension, params};

use super::known::Known;
use super::{COMPACTION_STEP, ListOptions, StoreError, Stored, read};
use crate::object::{Meta, Object};

/// A transaction in progress. It reads its own writes.
pub struct Transaction<'a> {
    raw: rusqlite::Transaction<'a>,
    known: &'a Known,
    /// Of the last write, in this transaction or before it.
    revision: u64,
    wrote: bool,
}

impl<'a> Transaction<'a> {
    pub(super) fn begin(raw: rusqlite::Transaction<'a>, known: &'a Known) -> rusqlite::Result<Self> {
        let revision = read::revision(&raw)?;
        known.begin(revision);
        Ok(Self { raw, known, revision, wrote: false })
    }

    /// The revision of the last write, in this transaction or before it.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The object of that name, or `None`.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Result<Option<Stored>, StoreError> {
        Ok(read::get(&self.raw, resource, namespace, name)?)
    }

    /// Objects of a resource, sorted by namespace and name.
    pub fn list(&self, resource: &str, namespace: Option<&str>) -> Result<Vec<Object>, StoreError> {
        if self.known.is_empty(resource) {
            return Ok(Vec::new());
        }
        let mut objects = Vec::new();
        let options = ListOptions { namespace, ..ListOptions::default() };
        read::scan(&self.raw, resource, &options, |_, _, _, bytes| {
            objects.push(serde_json::from_slice::<Object>(bytes));
        })?;
        if objects.is_empty() && (namespace.is_none() || !read::any(&self.raw, resource)?) {
            self.known.found_empty(resource);
        }
        Ok(objects.into_iter().collect::<Result<_, _>>()?)
    }

    /// Objects of a resource in a namespace whose names start with `prefix`.
    pub fn list_named(&self, resource: &str, namespace: &str, prefix: &str) -> Result<Vec<Object>, StoreError> {
        let mut statement = self.raw.prepare_cached(
            "SELECT value FROM object WHERE resource = ?1 AND namespace = ?2 AND name >= ?3 AND name < ?3 || ?4",
        )?;
        let mut rows = statement.query(params![resource, namespace, prefix, char::MAX.to_string()])?;
        let mut objects = Vec::new();
        while let Some(row) = rows.next()? {
            objects.push(serde_json::from_slice(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?);
        }
        Ok(objects)
    }

    /// Adds an object under the namespace and name that its metadata has, and sets its
    /// `resourceVersion`. Returns the revision.
    pub fn create(&mut self, resource: &str, object: &mut Object) -> Result<u64, StoreError> {
        let (namespace, name) = (object.namespace().to_owned(), object.name().to_owned());
        if self.get(resource, &namespace, &name)?.is_some() {
            return Err(StoreError::AlreadyExists { resource: resource.into(), name });
        }
        self.put(resource, &namespace, &name, object, None)
    }

    /// Replaces an object and sets its `resourceVersion`. Returns the revision. With `expected`, the
    /// object must be at that revision.
    pub fn update(&mut self, resource: &str, object: &mut Object, expected: Option<u64>) -> Result<u64, StoreError> {
        let (namespace, name) = (object.namespace().to_owned(), object.name().to_owned());
        let old = self.expect(resource, &namespace, &name, expected)?;
        self.put(resource, &namespace, &name, object, Some(&old.bytes))
    }

    /// Removes an object and returns what it was. With `expected`, it must be at that revision.
    pub fn delete(
        &mut self,
        resource: &str,
        namespace: &str,
        name: &str,
        expected: Option<u64>,
    ) -> Result<Stored, StoreError> {
        let old = self.expect(resource, namespace, name, expected)?;
        let revision = self.next();
        self.raw
            .prepare_cached("DELETE FROM object WHERE resource = ?1 AND namespace = ?2 AND name = ?3")?
            .execute([resource, namespace, name])?;
        self.log(revision, resource, namespace, name, None, Some(&old.bytes))?;
        Ok(old)
    }

    /// Puts an object into an empty store as it is, under the revision that its `resourceVersion`
    /// names. The log does not hold it: [`Self::restored`] ends the filling.
    pub fn restore(&mut self, resource: &str, object: &Object) -> Result<(), StoreError> {
        let revision: i64 = object.resource_version().parse().unwrap_or(0);
        self.known.write(resource);
        self.raw.prepare_cached("INSERT OR REPLACE INTO object VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
            resource,
            object.namespace(),
            object.name(),
            revision,
            serde_json::to_vec(object)?
        ])?;
        Ok(())
    }

    /// Ends the filling of an empty store: the last write was at this revision, and what was before it
    /// is not known.
    pub fn restored(&mut self, revision: u64) -> Result<(), StoreError> {
        let last: Option<(String, String, String, Vec<u8>)> = self
            .raw
            .prepare_cached("SELECT resource, namespace, name, value FROM object WHERE revision = ?1")?
            .query_row([revision as i64], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        if let Some((resource, namespace, name, value)) = last {
            (self.revision, self.wrote) = (revision, true);
            self.log(revision, &resource, &namespace, &name, Some(&value), None)?;
        }
        self.raw
            .prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'compacted'")?
            .execute([revision.to_string()])?;
        Ok(())
    }

    fn expect(&self, resource: &str, namespace: &str, name: &str, expected: Option<u64>) -> Result<Stored, StoreError> {
        let gone = || StoreError::NotFound { resource: resource.into(), name: name.into() };
        let old = self.get(resource, namespace, name)?.ok_or_else(gone)?;
        match expected {
            Some(expected) if expected != old.revision => {
                Err(StoreError::Conflict { resource: resource.into(), name: name.into() })
            }
            _ => Ok(old),
        }
    }

    fn put(
        &mut self,
        resource: &str,
        namespace: &str,
        name: &str,
        object: &mut Object,
        previous: Option<&[u8]>,
    ) -> Result<u64, StoreError> {
        let revision = self.next();
        object.set_at(&["metadata", "resourceVersion"], revision.to_string());
        let bytes = serde_json::to_vec(object)?;
        self.raw
            .prepare_cached(
                "INSERT INTO object VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (resource, namespace, name) DO UPDATE SET revision = ?4, value = ?5",
            )?
            .execute(params![resource, namespace, name, revision as i64, bytes])?;
        self.log(revision, resource, namespace, name, Some(&bytes), previous)?;
        Ok(revision)
    }

    fn log(
        &self,
        revision: u64,
        resource: &str,
        namespace: &str,
        name: &str,
        value: Option<&[u8]>,
        previous: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        self.known.write(resource);
        self.raw.prepare_cached("INSERT INTO log VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
            revision as i64,
            resource,
            namespace,
            name,
            value,
            previous
        ])?;
        Ok(())
    }

    fn next(&mut self) -> u64 {
        self.revision += 1;
        self.wrote = true;
        self.revision
    }

    /// Makes the writes last. Returns the revision if there were any.
    pub(super) fn commit(self, kept: u64) -> Result<Option<u64>, StoreError> {
        if !self.wrote {
            return Ok(None);
        }
        self.compact(kept)?;
        let revision = self.revision;
        self.raw.commit()?;
        Ok(Some(revision))
    }

    /// Drops what is older than the last `kept` revisions, once in a while.
    fn compact(&self, kept: u64) -> Result<(), StoreError> {
        let target = self.revision.saturating_sub(kept);
        let step = COMPACTION_STEP.min(kept.max(1));
        if target < read::compacted(&self.raw)? + step {
            return Ok(());
        }
        self.raw.prepare_cached("DELETE FROM log WHERE revision <= ?1")?.execute([target as i64])?;
        self.raw.prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'compacted'")?.execute([target.to_string()])?;
        Ok(())
    }
}
