//! What a request asks for besides its object.

use serde_json::json;

use crate::object::Object;

/// What a list is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListParams {
    /// Label selector; empty for all.
    pub labels: String,
    /// Field selector; empty for all.
    pub fields: String,
    /// Items a page; 0 for all at once.
    pub limit: u64,
    /// The rest of a list that was begun.
    pub continue_token: String,
    /// Resource version; empty for the newest.
    pub resource_version: String,
}

/// How a watch is narrowed and where it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchParams {
    /// Label selector; empty for all.
    pub labels: String,
    /// Field selector; empty for all.
    pub fields: String,
    /// Resource version after which to begin.
    pub resource_version: String,
    /// Seconds after which the server ends the watch; 0 for its own choice.
    pub timeout_seconds: u64,
    /// Whether to ask for bookmarks.
    pub bookmarks: bool,
}

/// How a write is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteParams {
    /// Whether the server only pretends.
    pub dry_run: bool,
    /// Name of the field manager; empty for the server's guess.
    pub field_manager: String,
    /// `Strict`, `Warn` or `Ignore`; empty for the server's choice.
    pub field_validation: String,
    /// Server-side apply only: whether to take fields from other managers.
    pub force: Option<bool>,
}

/// What a delete asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteParams {
    /// Seconds of grace; the kind's own where none are given.
    pub grace_period_seconds: Option<i64>,
    /// `Background`, `Foreground` or `Orphan`; the kind's own where empty.
    pub propagation: String,
    /// Whether the server only pretends.
    pub dry_run: bool,
    /// The object must have this UID; empty for any.
    pub uid: String,
    /// The object must have this resource version; empty for any.
    pub resource_version: String,
}

impl DeleteParams {
    /// The body, `v1 DeleteOptions`.
    pub fn to_object(&self) -> Object {
        let mut body = json!({"kind": "DeleteOptions", "apiVersion": "v1"});
        if let Some(seconds) = self.grace_period_seconds {
            body["gracePeriodSeconds"] = json!(seconds);
        }
        if !self.propagation.is_empty() {
            body["propagationPolicy"] = json!(self.propagation);
        }
        if self.dry_run {
            body["dryRun"] = json!(["All"]);
        }
        for (field, value) in [("uid", &self.uid), ("resourceVersion", &self.resource_version)] {
            if !value.is_empty() {
                body["preconditions"][field] = json!(value);
            }
        }
        body
    }
}
