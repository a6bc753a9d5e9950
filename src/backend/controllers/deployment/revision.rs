//! Which replica set is the new one, and the history of those before it.

use serde_json::json;

use super::Rollout;
use super::sets::{DESIRED, MAXIMUM, Set};
use super::status::Progress;
use crate::backend::controllers::support::{names, owners, same};
use crate::object::{Meta, Object, Status};

const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const HASH_LABEL: &str = "pod-template-hash";
/// The history of revisions is kept to so many characters.
const HISTORY_LENGTH: usize = 2000;
/// Annotations of a deployment that its replica sets do not inherit.
const NOT_COPIED: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MAXIMUM,
    "deprecated.deployment.rollback.to",
];

/// Whether a create was refused because the namespace is being deleted.
pub fn namespace_ends(status: &Status) -> bool {
    status.message.contains("because it is being terminated")
        || status.details.iter().flat_map(|details| &details.causes).any(|cause| cause.reason == "NamespaceTerminating")
}

fn revision(set: &Set) -> i64 {
    set.object.annotation(REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Whether two pod templates are the same but for the label that the controller adds.
fn same_template(a: &Object, b: &Object) -> bool {
    let metadata = |template: &Object| {
        let mut metadata = template.at(&["metadata"]).cloned().unwrap_or_else(|| json!({}));
        metadata.remove_at(&["labels", HASH_LABEL]);
        metadata
    };
    same(a.at(&["spec"]), b.at(&["spec"])) && same(Some(&metadata(a)), Some(&metadata(b)))
}

impl Rollout<'_> {
    fn template(&self) -> &Object {
        self.original.at(&["spec", "template"]).unwrap_or(&Object::Null)
    }

    /// Finds the replica set with the deployment's template and brings its revision and annotations up
    /// to date; makes one where there is none and `create` says so.
    pub fn find_new(&mut self, create: bool) {
        let template = self.template();
        let empty = Object::Null;
        let found = self
            .sets
            .iter()
            .position(|set| same_template(set.object.at(&["spec", "template"]).unwrap_or(&empty), template));
        let newest_old = self.sets.iter().enumerate().filter(|(index, _)| Some(*index) != found);
        let next = newest_old.map(|(_, set)| revision(set)).max().unwrap_or(0).max(0) + 1;
        match found {
            Some(index) => self.refresh(index, next),
            None if create => self.create(next),
            None => {}
        }
    }

    fn refresh(&mut self, index: usize, next: i64) {
        let min_ready = self.original.int_at(&["spec", "minReadySeconds"]).unwrap_or(0);
        let original = self.original;
        let Some(set) = self.sets.get_mut(index) else { return };
        set.is_new = true;
        annotate(original, set, next, true);
        if set.object.int_at(&["spec", "minReadySeconds"]).unwrap_or(0) != min_ready {
            set.set_field("minReadySeconds", min_ready);
        }
        let (name, current) = (set.name().to_owned(), revision(set));
        self.set_revision(current);
        if self.has_deadline() && self.condition("Progressing").is_none() {
            self.set_progress(Progress::Found, &format!("Found new replica set \"{name}\""));
        }
    }

    fn create(&mut self, next: i64) {
        let mut template = self.template().clone();
        let collisions = self.original.int_at(&["status", "collisionCount"]).unwrap_or(0);
        let text = template.to_string();
        let hash = if collisions == 0 {
            names::label_hash(&[&text])
        } else {
            names::label_hash(&[&text, &collisions.to_string()])
        };
        let room = 253 - 1 - hash.len();
        let name = format!("{}-{hash}", self.original.name().chars().take(room).collect::<String>());
        let taken = self.view.get(super::REPLICA_SETS, self.original.namespace(), &name);
        if taken.is_some_and(|taken| !owners::is_controlled_by(taken, self.original)) {
            // Another set has this name: the next look tries the next hash.
            self.status.set_at(&["collisionCount"], collisions + 1);
            return;
        }
        template.set_at(&["metadata", "labels", HASH_LABEL], hash.clone());
        let mut selector = self.original.at(&["spec", "selector"]).cloned().unwrap_or_else(|| json!({}));
        selector.set_at(&["matchLabels", HASH_LABEL], hash);
        let labels = template.at(&["metadata", "labels"]).cloned().unwrap_or_default();
        let mut object = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": name, "namespace": self.original.namespace(), "labels": labels,
                "ownerReferences": [owners::controller_ref(self.original)],
            },
            "spec": {"replicas": 0, "selector": selector, "template": template},
        });
        let min_ready = self.original.int_at(&["spec", "minReadySeconds"]).unwrap_or(0);
        if min_ready != 0 {
            object.set_at(&["spec", "minReadySeconds"], min_ready);
        }
        let mut set = Set::created(object);
        annotate(self.original, &mut set, next, false);
        set.set_annotation(DESIRED, &self.replicas().to_string());
        set.set_annotation(MAXIMUM, &(self.replicas() + self.max_surge()).to_string());
        self.sets.push(set);
        let index = self.sets.len() - 1;
        let size = self.new_size(index);
        if let Some(set) = self.sets.get_mut(index) {
            set.set_field("replicas", size);
        }
        if size > 0 {
            self.event("Normal", "ScalingReplicaSet", format!("Scaled up replica set {name} from 0 to {size}"));
        }
        self.set_revision(next);
        if self.has_deadline() {
            self.set_progress(Progress::Created, &format!("Created new replica set \"{name}\""));
        }
    }

    /// Says why the new replica set could not be made.
    pub fn creation_failed(&mut self, set: &Object, why: &Status) {
        let message = format!("Failed to create new replica set \"{}\": {}", set.name(), why.message);
        if self.has_deadline() {
            self.set_progress(Progress::CreateError, &message);
        }
        self.event("Warning", "ReplicaSetCreateError", message);
    }

    fn set_revision(&mut self, revision: i64) {
        let revision = revision.to_string();
        if self.deployment.annotation(REVISION) != Some(&revision) {
            self.deployment.set_at(&["metadata", "annotations", REVISION], revision);
        }
    }

    /// Deletes the oldest sets that hold no pods, beyond the `revisionHistoryLimit`.
    pub fn clean_up(&mut self) {
        let Some(limit) =
            self.original.int_at(&["spec", "revisionHistoryLimit"]).filter(|limit| *limit != i64::from(i32::MAX))
        else {
            return;
        };
        let mut old: Vec<usize> = self
            .sets
            .iter()
            .enumerate()
            .filter(|(_, set)| !set.is_new && set.object.deletion_timestamp().is_none())
            .map(|(index, _)| index)
            .collect();
        let surplus = usize::try_from(old.len() as i64 - limit).unwrap_or(0);
        old.sort_by_key(|index| self.sets.get(*index).map(revision));
        for index in old.into_iter().take(surplus) {
            let Some(set) = self.sets.get_mut(index) else { continue };
            let unseen = set.object.generation() > set.count("observedGeneration");
            if set.count("replicas") != 0 || set.size() != 0 || unseen {
                continue;
            }
            self.deletions.push(super::Write::Delete {
                key: owners::key_of(super::REPLICA_SETS, &set.object),
                uid: set.object.uid().to_owned(),
                grace_period_seconds: None,
                propagation: None,
            });
            set.mark_deleted();
        }
    }
}

/// Copies the deployment's annotations to a set and raises its revision, keeping the ones it had.
fn annotate(deployment: &Object, set: &mut Set, next: i64, exists: bool) {
    for (key, value) in deployment.annotations() {
        if !NOT_COPIED.contains(&key) {
            set.set_annotation(key, value);
        }
    }
    let before = set.object.annotation(REVISION).map(ToOwned::to_owned);
    let number = match before.as_deref().unwrap_or("0").parse::<i64>() {
        Ok(number) => number,
        Err(_) if before.as_deref() == Some("") => 0,
        Err(_) => return,
    };
    if number >= next {
        return;
    }
    set.set_annotation(REVISION, &next.to_string());
    let Some(before) = before.filter(|_| exists) else { return };
    let history = set.object.annotation(HISTORY).unwrap_or("").to_owned();
    let mut revisions: Vec<&str> = history.split(',').filter(|revision| !revision.is_empty()).collect();
    revisions.push(&before);
    let mut start = 0;
    let mut length = revisions.iter().map(|revision| revision.len() + 1).sum::<usize>().saturating_sub(1);
    while length > HISTORY_LENGTH && start + 1 < revisions.len() {
        length -= revisions.get(start).map_or(0, |revision| revision.len() + 1);
        start += 1;
    }
    let kept = revisions.get(start..).unwrap_or_default().join(",");
    set.set_annotation(HISTORY, &kept);
}
