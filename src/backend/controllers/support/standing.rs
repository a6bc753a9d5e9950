//! What those who count pods ask of each, kept where the pod itself may be kept as text.

use std::sync::{Arc, Mutex};

use super::pods;
use crate::object::{Meta, Object, Timestamp};

/// How a pod stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Neither finished nor being deleted.
    pub is_active: bool,
    /// Being deleted and not finished yet.
    pub is_terminating: bool,
    /// The condition `Ready` is true.
    pub is_ready: bool,
    ready_since: Option<Timestamp>,
    /// Shared with the controller's other pods.
    pub membership: Arc<Membership>,
}

/// Whose a pod is.
#[derive(Debug, Default)]
pub struct Membership {
    /// The UID of its controller; empty where it has none.
    pub controller: String,
    /// Its labels; null where it has none.
    pub labels: Object,
    /// The text of one of them, for others that are like it.
    pub text: Mutex<Option<Arc<[u8]>>>,
}

impl PartialEq for Membership {
    fn eq(&self, other: &Self) -> bool {
        self.controller == other.controller && self.labels == other.labels
    }
}

impl Standing {
    /// How a pod stands. What it has in common with `like` is shared.
    pub fn of(pod: &Object, like: Option<&Arc<Membership>>) -> Self {
        let controller = pod.controller_ref().map_or("", |owner| owner.str_at(&["uid"]));
        let labels = pod.at(&["metadata", "labels"]).unwrap_or(&Object::Null);
        let same = like.filter(|like| like.controller == controller && like.labels == *labels);
        let fresh = || {
            Arc::new(Membership { controller: controller.to_owned(), labels: labels.clone(), ..Membership::default() })
        };
        Self {
            is_active: pods::is_active(pod),
            is_terminating: pods::is_terminating(pod),
            is_ready: pods::is_ready(pod),
            ready_since: pods::ready_since(pod),
            membership: same.map_or_else(fresh, Arc::clone),
        }
    }

    /// From when on the pod counts as available: see [`pods::available_at`].
    pub fn available_at(&self, min_ready_seconds: i64) -> Option<Timestamp> {
        if min_ready_seconds == 0 {
            return self.is_ready.then_some(Timestamp::UNIX_EPOCH);
        }
        pods::after(self.ready_since?, min_ready_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn says_what_the_pod_says() {
        let ready = |since: &str| json!([{"type": "Ready", "status": "True", "lastTransitionTime": since}]);
        let owner = json!([{"uid": "u", "controller": true}]);
        let pods = [
            json!({"metadata": {"labels": {"a": "b"}, "ownerReferences": owner}}),
            json!({"metadata": {"labels": {"a": "b"}, "ownerReferences": owner},
                "status": {"phase": "Running", "conditions": ready("2026-01-01T00:00:00Z")}}),
            json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Running"}}),
            json!({"status": {"phase": "Failed"}}),
        ];
        let mut like: Option<Arc<Membership>> = None;
        for pod in &pods {
            let standing = Standing::of(pod, like.as_ref());
            assert_eq!(standing.is_active, pods::is_active(pod));
            assert_eq!(standing.is_terminating, pods::is_terminating(pod));
            assert_eq!(standing.is_ready, pods::is_ready(pod));
            for seconds in [0, 10] {
                assert_eq!(standing.available_at(seconds), pods::available_at(pod, seconds));
            }
            like = Some(standing.membership);
        }
        let [first, second] = [&pods[0], &pods[1]].map(|pod| Standing::of(pod, None).membership);
        assert_eq!(first, second);
        assert!(Arc::ptr_eq(&Standing::of(&pods[1], Some(&first)).membership, &first));
        assert!(!Arc::ptr_eq(&Standing::of(&pods[2], Some(&first)).membership, &first));
    }
}
