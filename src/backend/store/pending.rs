//! Writes that are decided but not in the database yet.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::{COMPACTION_STEP, StoreError, read};
use crate::backend::controllers::{Change, Key};
use crate::object::Object;

/// A write.
pub struct Entry {
    /// What was written.
    pub key: Key,
    /// Its revision.
    pub revision: u64,
    /// The revision of what was there before; 0 for nothing.
    pub before: u64,
    /// What is there now, as it is stored; `None` for nothing.
    pub bytes: Option<Vec<u8>>,
    /// What was there before, where somebody is going to ask for it.
    pub old: Option<Arc<Object>>,
    /// What is there now, where somebody is going to ask for it.
    pub new: Option<Arc<Object>>,
}

/// The writes of a transaction: its objects are read here first, and go to the database together.
pub struct Pending {
    entries: Vec<Entry>,
    /// By the hash of the key, its last entry.
    latest: HashMap<u64, usize>,
    /// Entries that were handed on as changes.
    handed: usize,
    /// Of the last write, in this transaction or before it.
    revision: u64,
    /// The revision up to which the log was dropped.
    compacted: u64,
    /// Bytes of all entries.
    size: usize,
}

/// How far a transaction was.
#[derive(Clone, Copy)]
pub struct Mark {
    entries: usize,
    revision: u64,
}

fn hash(resource: &str, namespace: &str, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (resource, namespace, name).hash(&mut hasher);
    hasher.finish()
}

impl Pending {
    /// Nothing yet, after what the database has.
    pub fn begin(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            entries: Vec::new(),
            latest: HashMap::new(),
            handed: 0,
            revision: read::revision(connection)?,
            compacted: read::compacted(connection)?,
            size: 0,
        })
    }

    /// The revision of the last write.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The bytes of all writes that are not in the database.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The revision of the next write.
    pub fn next(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    /// Starts over from a restored cluster's revision.
    pub fn restored(&mut self, revision: u64) {
        (self.revision, self.compacted) = (revision, revision);
    }

    /// How far it is.
    pub fn mark(&self) -> Mark {
        Mark { entries: self.entries.len(), revision: self.revision }
    }

    /// Forgets what came after a mark.
    pub fn rewind(&mut self, mark: Mark) {
        self.revision = mark.revision;
        if self.entries.len() <= mark.entries {
            return;
        }
        self.entries.truncate(mark.entries);
        self.handed = self.handed.min(mark.entries);
        self.latest.clear();
        self.size = 0;
        for (place, entry) in self.entries.iter().enumerate() {
            self.latest.insert(hash(entry.key.resource, &entry.key.namespace, &entry.key.name), place);
            self.size += entry.bytes.as_ref().map_or(0, Vec::len);
        }
    }

    /// Adds a write.
    pub fn push(&mut self, entry: Entry) {
        let place = hash(entry.key.resource, &entry.key.namespace, &entry.key.name);
        self.latest.insert(place, self.entries.len());
        self.size += entry.bytes.as_ref().map_or(0, Vec::len);
        self.entries.push(entry);
    }

    /// The last write to an object.
    pub fn find(&self, resource: &str, namespace: &str, name: &str) -> Option<&Entry> {
        if self.entries.is_empty() {
            return None;
        }
        let entry = self.entries.get(*self.latest.get(&hash(resource, namespace, name))?)?;
        let is = |key: &Key| key.resource == resource && key.namespace == namespace && key.name == name;
        // Two keys with one hash are not to be expected, but nothing may depend on that.
        if is(&entry.key) { Some(entry) } else { self.entries.iter().rev().find(|entry| is(&entry.key)) }
    }

    /// The last writes to objects of a resource that were not handed on yet.
    pub fn fresh<'a>(&'a self, resource: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().skip(self.handed).filter(move |entry| entry.key.resource == resource)
    }

    /// The same with those that were handed on, of a resource of which there are few or none.
    pub fn all<'a>(&'a self, resource: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.key.resource == resource)
    }

    /// The changes since the last call, where they begin after that revision.
    pub fn hand_on(&mut self, since: u64) -> Option<Vec<Change>> {
        if since == self.revision {
            return Some(Vec::new());
        }
        let fresh = self.entries.get_mut(self.handed..)?;
        if fresh.first().is_none_or(|first| first.revision != since + 1) {
            return None;
        }
        let changes = fresh.iter_mut().map(|entry| Change {
            key: entry.key.clone(),
            revision: entry.revision,
            old: entry.old.take(),
            new: entry.new.take(),
        });
        let changes = changes.collect();
        self.handed = self.entries.len();
        Some(changes)
    }

    /// Puts everything into the database.
    pub fn flush(&mut self, connection: &Connection) -> Result<(), StoreError> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let mut log = connection.prepare_cached("INSERT INTO log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        for entry in &self.entries {
            let Key { resource, namespace, name } = &entry.key;
            // What was before is in the log itself, as long as the log reaches back so far.
            let logged = entry.before > self.compacted;
            let previous: Option<Vec<u8>> = match entry.before {
                0 => None,
                _ if logged => None,
                _ => read::get(connection, resource, namespace, name)?.map(|stored| stored.bytes),
            };
            let before = logged.then_some(entry.before as i64);
            log.execute(params![entry.revision as i64, resource, namespace, name, entry.bytes, previous, before])?;
        }
        let mut put = connection.prepare_cached(
            "INSERT INTO object VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (resource, namespace, name) DO UPDATE SET revision = ?4, value = ?5",
        )?;
        let mut remove =
            connection.prepare_cached("DELETE FROM object WHERE resource = ?1 AND namespace = ?2 AND name = ?3")?;
        for (place, entry) in self.entries.iter().enumerate() {
            let Key { resource, namespace, name } = &entry.key;
            // Only what an object is in the end.
            if self.latest.get(&hash(resource, namespace, name)).is_some_and(|last| *last > place) {
                continue;
            }
            match &entry.bytes {
                Some(bytes) => put.execute(params![resource, namespace, name, entry.revision as i64, bytes])?,
                None => remove.execute([resource, namespace.as_str(), name.as_str()])?,
            };
        }
        self.entries.clear();
        self.latest.clear();
        (self.handed, self.size) = (0, 0);
        Ok(())
    }

    /// Drops what is older than the last `kept` revisions, once in a while.
    pub fn compact(&mut self, connection: &Connection, kept: u64) -> Result<(), StoreError> {
        let target = self.revision.saturating_sub(kept);
        let step = COMPACTION_STEP.min(kept.max(1));
        if target < self.compacted + step {
            return Ok(());
        }
        // What stays and stands upon what goes takes it along.
        connection
            .prepare_cached(
                "UPDATE log SET before = NULL,
                     previous = (SELECT earlier.value FROM log AS earlier WHERE earlier.revision = log.before)
                 WHERE revision > ?1 AND before <= ?1",
            )?
            .execute([target as i64])?;
        connection.prepare_cached("DELETE FROM log WHERE revision <= ?1")?.execute([target as i64])?;
        connection
            .prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'compacted'")?
            .execute([target.to_string()])?;
        self.compacted = target;
        Ok(())
    }
}
