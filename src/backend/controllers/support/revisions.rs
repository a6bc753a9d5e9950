//! The history of daemon sets and stateful sets: one `ControllerRevision` for each pod template.

use std::sync::Arc;

use serde_json::json;

use super::{names, owners, same};
use crate::backend::controllers::{View, Write};
use crate::object::{Meta, Object};

const REVISIONS: &str = "controllerrevisions.apps";

/// The revisions of a set, oldest first, and what is to be written about them.
#[derive(Debug, Default)]
pub struct History {
    /// The name of the revision of the set's present template: `web-5d4b8c7f9`.
    pub name: String,
    /// Its hash: `5d4b8c7f9`.
    pub hash: String,
    /// Creations, renumberings and, with [`History::forget`], deletions.
    pub writes: Vec<Write>,
    /// The name and hash of each older revision, oldest first.
    older: Vec<Arc<Object>>,
}

/// Finds (or makes) the revision of a set's template. `hash_label` is the label that carries its hash.
pub fn history(view: &View, set: &Object, hash_label: &str) -> History {
    let mut template = set.at(&["spec", "template"]).cloned().unwrap_or_else(|| json!({}));
    template.set_at(&["$patch"], "replace");
    let data = json!({"spec": {"template": template}});
    let mut revisions: Vec<Arc<Object>> = view.owned_by(REVISIONS, set.uid()).cloned().collect();
    revisions.sort_by_key(|revision| (number(revision), revision.name().to_owned()));
    let latest = revisions.last().map_or(0, |revision| number(revision));
    if let Some(place) = revisions.iter().rposition(|revision| same(revision.at(&["data"]), Some(&data))) {
        let found = revisions.remove(place);
        let mut writes = Vec::new();
        if number(&found) < latest {
            // An old template is new again: undone.
            let mut object = Object::clone(&found);
            object.set_at(&["revision"], latest + 1);
            writes.push(Write::Update { resource: REVISIONS, object });
        }
        let hash = found.label(hash_label).unwrap_or("").to_owned();
        return History { name: found.name().to_owned(), hash, writes, older: revisions };
    }
    let hash = names::label_hash(&[&data.to_string()]);
    let name = format!("{}-{hash}", set.name());
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision",
        "metadata": {
            "name": name, "namespace": set.namespace(), "ownerReferences": [owners::controller_ref(set)],
            "labels": set.at(&["spec", "template", "metadata", "labels"]).cloned().unwrap_or_else(|| json!({})),
        },
        "data": data, "revision": latest + 1,
    });
    object.set_at(&["metadata", "labels", hash_label], hash.clone());
    for (key, value) in set.annotations() {
        object.set_at(&["metadata", "annotations", key], value);
    }
    let writes = vec![Write::Create { resource: REVISIONS, object }];
    History { name, hash, writes, older: revisions }
}

impl History {
    /// The template of an older revision, by its name.
    pub fn template(&self, name: &str) -> Option<&Object> {
        self.older.iter().find(|revision| revision.name() == name)?.at(&["data", "spec", "template"])
    }

    /// Deletes the oldest revisions beyond a limit, except those that pods still have.
    pub fn forget(&mut self, limit: i64, live: impl Fn(&Object) -> bool) {
        let unused: Vec<&Arc<Object>> = self.older.iter().filter(|revision| !live(revision)).collect();
        let surplus = unused.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
        for revision in unused.into_iter().take(surplus) {
            self.writes.push(Write::delete(REVISIONS, revision));
        }
    }
}

fn number(revision: &Object) -> i64 {
    revision.int_at(&["revision"]).unwrap_or(0)
}
