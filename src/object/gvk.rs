//! Groups, versions, kinds and resources: how the API names types.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An API group and version, written `group/version`, or `version` alone for the core group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupVersion {
    /// Empty for the core group.
    pub group: String,
    /// `v1`, `v1beta1`, …
    pub version: String,
}

impl GroupVersion {
    /// Builds one from its parts.
    pub fn new(group: impl Into<String>, version: impl Into<String>) -> Self {
        Self { group: group.into(), version: version.into() }
    }

    /// Reads an object's `apiVersion`. More than one `/` is not a group version: `None`.
    pub fn parse(api_version: &str) -> Option<Self> {
        let mut parts = api_version.split('/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(version), None, _) => Some(Self::new("", version)),
            (Some(group), Some(version), None) => Some(Self::new(group, version)),
            _ => None,
        }
    }

    /// The path under which a server serves this group version: `/api/v1` or `/apis/GROUP/VERSION`.
    pub fn path(&self) -> String {
        if self.group.is_empty() && self.version.is_empty() {
            "/api".to_owned()
        } else if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        }
    }

    /// This group version's kind of that name.
    pub fn kind(&self, kind: impl Into<String>) -> GroupVersionKind {
        GroupVersionKind { group: self.group.clone(), version: self.version.clone(), kind: kind.into() }
    }
}

impl fmt::Display for GroupVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() { f.write_str(&self.version) } else { write!(f, "{}/{}", self.group, self.version) }
    }
}

/// A kind in a group and version: what `apiVersion` and `kind` of an object say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupVersionKind {
    /// Empty for the core group.
    pub group: String,
    /// `v1`, `v1beta1`, …
    pub version: String,
    /// `Pod`, `Deployment`, …
    pub kind: String,
}

impl GroupVersionKind {
    /// Builds one from its parts.
    pub fn new(group: impl Into<String>, version: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// The group and version.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(self.group.clone(), self.version.clone())
    }

    /// The group and kind.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.group.clone(), kind: self.kind.clone() }
    }

    /// What an object of this kind has as `apiVersion`.
    pub fn api_version(&self) -> String {
        self.group_version().to_string()
    }
}

impl fmt::Display for GroupVersionKind {
    /// Go's form in messages: `apps/v1, Kind=Deployment`, `/v1, Kind=Pod` for the core group.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, Kind={}", self.group, self.version, self.kind)
    }
}

/// A kind in a group, whatever the version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKind {
    /// Empty for the core group.
    pub group: String,
    /// `Pod`, `Deployment`, …
    pub kind: String,
}

impl fmt::Display for GroupKind {
    /// `Deployment.apps`, `Pod`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() { f.write_str(&self.kind) } else { write!(f, "{}.{}", self.kind, self.group) }
    }
}

/// A resource (the plural, lower-case name in paths) in a group and version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupVersionResource {
    /// Empty for the core group.
    pub group: String,
    /// `v1`, `v1beta1`, …
    pub version: String,
    /// `pods`, `deployments`, …
    pub resource: String,
}

impl GroupVersionResource {
    /// Builds one from its parts.
    pub fn new(group: impl Into<String>, version: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { group: group.into(), version: version.into(), resource: resource.into() }
    }

    /// The group and version.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(self.group.clone(), self.version.clone())
    }

    /// `deployments.apps`, `pods`: how messages and `-o name` call the type.
    pub fn group_resource(&self) -> String {
        if self.group.is_empty() { self.resource.clone() } else { format!("{}.{}", self.resource, self.group) }
    }
}
