//! Reading what was: a list as of an earlier revision.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::StoreError;
use super::read::{self, ListOptions, Page, Stored};
use crate::object::Meta;

/// What became of an object since then.
struct Since {
    /// What it was; `None` where it was not there yet.
    then: Option<Vec<u8>>,
    is_there_now: bool,
}

/// Lists objects as of `revision`: what is there now, with everything undone that the log has since.
pub fn list(
    connection: &Connection,
    resource: &str,
    options: &ListOptions<'_>,
    revision: u64,
) -> Result<Page, StoreError> {
    let mut changed: BTreeMap<(String, String), Since> = BTreeMap::new();
    for logged in read::log_since(connection, revision, Some(resource))? {
        let within = options.namespace.is_none_or(|namespace| namespace == logged.namespace);
        let after = options.after.is_none_or(|after| (logged.namespace.as_str(), logged.name.as_str()) > after);
        if within && after {
            let is_there_now = logged.new.is_some();
            let first = Since { then: logged.old, is_there_now };
            changed.entry((logged.namespace, logged.name)).or_insert(first).is_there_now = is_there_now;
        }
    }
    // Of those that are there now, at most as many are none of the list as came since.
    let limit = if options.limit == 0 { 0 } else { options.limit.saturating_add(changed.len() as u64) };
    let mut items = Vec::new();
    let mut now = 0_u64;
    let page =
        read::scan(connection, resource, &ListOptions { limit, ..*options }, |namespace, name, revision, bytes| {
            now += 1;
            let place = (namespace.to_owned(), name.to_owned());
            if !changed.contains_key(&place) {
                items.push(Stored { namespace: place.0, name: place.1, revision, bytes: bytes.to_vec() });
            }
        })?;
    let mut total = now + page.remaining;
    for ((namespace, name), since) in changed {
        total = total.saturating_add(u64::from(since.then.is_some()));
        total = total.saturating_sub(u64::from(since.is_there_now));
        let Some(bytes) = since.then else { continue };
        let object: crate::object::Object = serde_json::from_slice(&bytes)?;
        items.push(Stored { namespace, name, revision: object.resource_version().parse().unwrap_or(0), bytes });
    }
    items.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    if options.limit != 0 {
        items.truncate(usize::try_from(options.limit).unwrap_or(usize::MAX));
    }
    let remaining = total.saturating_sub(items.len() as u64);
    Ok(Page { items, revision, remaining })
}
