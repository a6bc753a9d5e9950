//! Writes that are decided but not in the database yet.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, params};

use super::{COMPACTION_STEP, StoreError, read};
use crate::backend::controllers::view::UNSEEN;
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
    pub bytes: Option<Bytes>,
    /// What was there before, where somebody is going to ask for it.
    pub old: Option<Arc<Object>>,
    /// What is there now, where somebody is going to ask for it.
    pub new: Option<Arc<Object>>,
    /// What those who follow the changes are told in place of `new`, where that was never made.
    pub summary: Option<Arc<Object>>,
}

/// The writes of a transaction: its objects are read here first, and go to the database together.
pub struct Pending {
    entries: Vec<Entry>,
    /// By the hash of the key, its last entry.
    latest: HashMap<u64, usize>,
    /// The same of events, which nobody has in memory, by namespace and name.
    events: BTreeMap<(String, String), usize>,
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
            events: BTreeMap::new(),
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
        self.events.clear();
        self.size = 0;
        for entry in std::mem::take(&mut self.entries) {
            self.push(entry);
        }
    }

    /// Adds a write.
    pub fn push(&mut self, entry: Entry) {
        let place = hash(entry.key.resource, &entry.key.namespace, &entry.key.name);
        self.latest.insert(place, self.entries.len());
        self.size += entry.bytes.as_ref().map_or(0, Bytes::len);
        if entry.key.resource == UNSEEN {
            self.events.insert((entry.key.namespace.clone(), entry.key.name.clone()), self.entries.len());
        }
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

    /// The last writes to events in a namespace whose names start so.
    pub fn events<'a>(&'a self, namespace: &str, prefix: &'a str) -> impl Iterator<Item = &'a Entry> {
        let first = (namespace.to_owned(), prefix.to_owned());
        let namespace = first.0.clone();
        let places = self.events.range(first..);
        let places = places.take_while(move |((own, name), _)| *own == namespace && name.starts_with(prefix));
        places.filter_map(|(_, place)| self.entries.get(*place))
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
            text: entry.new.as_ref().and(entry.bytes.clone()),
            new: entry.new.take().or_else(|| entry.summary.take()),
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
            // What was before is in the log itself, unless it was restored.
            let previous = match entry.before {
                0 => None,
                before if before > self.compacted => None,
                _ => read::restored(connection, resource, namespace, name)?,
            };
            let before = (entry.before > 0).then_some(entry.before as i64);
            let bytes = entry.bytes.as_deref();
            log.execute(params![entry.revision as i64, resource, namespace, name, bytes, previous, before])?;
        }
        let mut put = connection.prepare_cached(
            "INSERT INTO object VALUES (?1, ?2, ?3, ?4, x'')
             ON CONFLICT (resource, namespace, name) DO UPDATE SET revision = ?4, value = x''",
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
                Some(_) => put.execute(params![resource, namespace, name, entry.revision as i64])?,
                None => remove.execute([resource, namespace.as_str(), name.as_str()])?,
            };
        }
        self.entries.clear();
        self.latest.clear();
        self.events.clear();
        (self.handed, self.size) = (0, 0);
        Ok(())
    }

    /// Drops what is older than the last `kept` revisions and no longer there, once in a while.
    pub fn compact(&mut self, connection: &Connection, kept: u64) -> Result<(), StoreError> {
        let target = self.revision.saturating_sub(kept);
        let step = COMPACTION_STEP.min(kept.max(1));
        if target < self.compacted + step {
            return Ok(());
        }
        // What a write replaced is needed for as long as the log is read from before that write.
        for gone in [
            "DELETE FROM log WHERE revision IN (SELECT before FROM log WHERE revision > ?1 AND revision <= ?2)",
            "DELETE FROM log WHERE revision > ?1 AND revision <= ?2 AND value IS NULL",
        ] {
            connection.prepare_cached(gone)?.execute([self.compacted as i64, target as i64])?;
        }
        connection
            .prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'compacted'")?
            .execute([target.to_string()])?;
        self.compacted = target;
        Ok(())
    }
}
