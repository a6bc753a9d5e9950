//! Reading: one object, a range of objects, a range of the log.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, intern};
use crate::backend::controllers::{Change, Key};
use crate::object::Object;

/// An object as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Empty for what belongs to no namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The revision of its last write: its `resourceVersion`.
    pub revision: u64,
    /// JSON, in the resource's storage version.
    pub bytes: Vec<u8>,
}

impl Stored {
    /// The object itself.
    pub fn parse(&self) -> Result<Object, StoreError> {
        Ok(serde_json::from_slice(&self.bytes)?)
    }
}

/// Which part of a resource's objects a list is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListOptions<'a> {
    /// Only what is in this namespace.
    pub namespace: Option<&'a str>,
    /// Only what comes after this namespace and name.
    pub after: Option<(&'a str, &'a str)>,
    /// At most so many; 0 for all.
    pub limit: u64,
}

/// A part of a list.
#[derive(Debug, Default)]
pub struct Page {
    /// Sorted by namespace and name.
    pub items: Vec<Stored>,
    /// The store's revision at that moment.
    pub revision: u64,
    /// How many more there are.
    pub remaining: u64,
}

/// A line of the log.
#[derive(Debug)]
pub struct Logged {
    /// The write's revision.
    pub revision: u64,
    /// `pods`, `deployments.apps`.
    pub resource: &'static str,
    /// Empty for what belongs to no namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The object before; `None` if this created it.
    pub old: Option<Vec<u8>>,
    /// The object after; `None` if this removed it.
    pub new: Option<Vec<u8>>,
}

impl TryFrom<Logged> for Change {
    type Error = StoreError;

    fn try_from(logged: Logged) -> Result<Self, StoreError> {
        let parse = |bytes: Option<Vec<u8>>| -> Result<Option<Arc<Object>>, StoreError> {
            bytes.map(|bytes| Ok(Arc::new(serde_json::from_slice(&bytes)?))).transpose()
        };
        Ok(Self {
            key: Key { resource: logged.resource, namespace: logged.namespace, name: logged.name },
            revision: logged.revision,
            old: parse(logged.old)?,
            new: parse(logged.new)?,
        })
    }
}

/// The revision of the last write.
pub fn revision(connection: &Connection) -> rusqlite::Result<u64> {
    // Revision 0 has a meaning of its own in requests, so that an empty store is at 1.
    let last: Option<i64> =
        connection.prepare_cached("SELECT max(revision) FROM log")?.query_row([], |row| row.get(0))?;
    Ok(last.and_then(|last| u64::try_from(last).ok()).unwrap_or(1))
}

/// The revision up to which the log was dropped.
pub fn compacted(connection: &Connection) -> rusqlite::Result<u64> {
    let text: Option<String> = connection
        .prepare_cached("SELECT value FROM meta WHERE key = 'compacted'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// One object.
pub fn get(connection: &Connection, resource: &str, namespace: &str, name: &str) -> rusqlite::Result<Option<Stored>> {
    connection
        .prepare_cached("SELECT revision, value FROM object WHERE resource = ?1 AND namespace = ?2 AND name = ?3")?
        .query_row([resource, namespace, name], |row| {
            Ok(Stored {
                namespace: namespace.into(),
                name: name.into(),
                revision: row.get::<_, i64>(0)?.unsigned_abs(),
                bytes: row.get(1)?,
            })
        })
        .optional()
}

/// The objects of a resource in a namespace whose names start with `prefix`.
pub fn named(connection: &Connection, resource: &str, namespace: &str, prefix: &str) -> rusqlite::Result<Vec<Vec<u8>>> {
    let mut statement = connection.prepare_cached(
        "SELECT value FROM object WHERE resource = ?1 AND namespace = ?2 AND name >= ?3 AND name < ?3 || ?4",
    )?;
    let rows = statement.query_map(params![resource, namespace, prefix, char::MAX.to_string()], |row| row.get(0))?;
    rows.collect()
}

/// The revision of an object's last write.
pub fn revision_of(
    connection: &Connection,
    resource: &str,
    namespace: &str,
    name: &str,
) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached("SELECT revision FROM object WHERE resource = ?1 AND namespace = ?2 AND name = ?3")?
        .query_row([resource, namespace, name], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))
        .optional()
}

/// Whether there is an object of that name.
pub fn exists(connection: &Connection, resource: &str, namespace: &str, name: &str) -> rusqlite::Result<bool> {
    Ok(revision_of(connection, resource, namespace, name)?.is_some())
}

/// Whether there is any object of a resource.
pub fn any(connection: &Connection, resource: &str) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM object WHERE resource = ?1 LIMIT 1")?.exists([resource])
}

/// How many objects there are of each resource.
pub fn counts(connection: &Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    let mut statement =
        connection.prepare_cached("SELECT resource, count(*) FROM object GROUP BY resource ORDER BY resource")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    rows.collect()
}

/// Hands a range of objects to `visit`, in order.
pub fn scan(
    connection: &Connection,
    resource: &str,
    options: &ListOptions<'_>,
    mut visit: impl FnMut(&str, &str, u64, &[u8]),
) -> rusqlite::Result<Page> {
    let revision = revision(connection)?;
    // Every name is greater than "", so that a start before all of a namespace is ("namespace", "").
    let (after_namespace, after_name) = match (options.after, options.namespace) {
        (Some(after), _) => after,
        (None, Some(namespace)) => (namespace, ""),
        (None, None) => ("", ""),
    };
    let range = if options.namespace.is_some() {
        "resource = ?1 AND namespace = ?2 AND name > ?3"
    } else {
        "resource = ?1 AND (namespace, name) > (?2, ?3)"
    };
    let limit = if options.limit == 0 { -1 } else { i64::try_from(options.limit).unwrap_or(-1) };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT namespace, name, revision, value FROM object WHERE {range} ORDER BY namespace, name LIMIT ?4"
    ))?;
    let mut rows = statement.query(params![resource, after_namespace, after_name, limit])?;
    let mut found = 0_u64;
    while let Some(row) = rows.next()? {
        found += 1;
        let revision = row.get_ref(2)?.as_i64()?.unsigned_abs();
        visit(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?, revision, row.get_ref(3)?.as_blob()?);
    }
    let mut remaining = 0;
    if options.limit != 0 && found == options.limit {
        let total: i64 = connection
            .prepare_cached(&format!("SELECT count(*) FROM object WHERE {range}"))?
            .query_row(params![resource, after_namespace, after_name], |row| row.get(0))?;
        remaining = total.unsigned_abs().saturating_sub(found);
    }
    Ok(Page { items: Vec::new(), revision, remaining })
}

/// The log after a revision.
pub fn log_since(connection: &Connection, since: u64, resource: Option<&str>) -> Result<Vec<Logged>, StoreError> {
    log_page(connection, since, resource, usize::MAX).map(|(log, _)| log)
}

/// The first `most` lines of the log after a revision, and the revision up to which they are all.
pub fn log_page(
    connection: &Connection,
    since: u64,
    resource: Option<&str>,
    most: usize,
) -> Result<(Vec<Logged>, u64), StoreError> {
    let (oldest, current) = (compacted(connection)?, revision(connection)?);
    if since < oldest {
        return Err(StoreError::Compacted { requested: since, oldest });
    }
    if since > current {
        return Err(StoreError::Future { requested: since, current });
    }
    // What an object was is in the line of its write before, or, where that is gone, in this one.
    let mut statement = connection.prepare_cached(
        "SELECT log.revision, log.resource, log.namespace, log.name, coalesce(log.previous, earlier.value), log.value
         FROM log LEFT JOIN log AS earlier ON earlier.revision = log.before
         WHERE log.revision > ?1 AND (?2 IS NULL OR log.resource = ?2) ORDER BY log.revision LIMIT ?3",
    )?;
    let since = i64::try_from(since).unwrap_or(i64::MAX);
    let logged = |row: &Row<'_>| {
        Ok(Logged {
            revision: row.get::<_, i64>(0)?.unsigned_abs(),
            resource: intern(row.get_ref(1)?.as_str()?),
            namespace: row.get(2)?,
            name: row.get(3)?,
            old: row.get(4)?,
            new: row.get(5)?,
        })
    };
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let log = statement.query_map(params![since, resource, limit], logged)?.collect::<Result<Vec<_>, _>>()?;
    let reached = match log.last() {
        Some(last) if log.len() == most => last.revision,
        _ => current,
    };
    Ok((log, reached))
}
