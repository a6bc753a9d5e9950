//! How kustomizations name objects.

use std::fmt;

use crate::object::{GroupVersion, GroupVersionKind, Meta, Object};

/// The namespace of what has none, in comparisons.
pub const NO_NAMESPACE: &str = "_non_namespaceable_";

/// The kinds that belong to no namespace, as kustomize knows them: group, then kinds. Later kinds of the API are
/// not among them, and get a namespace.
const CLUSTER_SCOPED: &[(&str, &[&str])] = &[
    ("", &["ComponentStatus", "Namespace", "Node", "NodeProxyOptions", "PersistentVolume"]),
    ("admissionregistration.k8s.io", &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["APIService"]),
    ("certificates.k8s.io", &["CertificateSigningRequest"]),
    ("flowcontrol.apiserver.k8s.io", &["FlowSchema", "PriorityLevelConfiguration"]),
    ("networking.k8s.io", &["IngressClass"]),
    ("node.k8s.io", &["RuntimeClass"]),
    ("policy", &["PodSecurityPolicy"]),
    ("rbac.authorization.k8s.io", &["ClusterRole", "ClusterRoleBinding"]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    ("storage.k8s.io", &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"]),
];

/// The versions at which [`CLUSTER_SCOPED`] kinds are known.
const VERSIONS: [&str; 2] = ["v1", "v1beta1"];

/// Whether a kind is known to belong to no namespace.
pub fn is_cluster_scoped(gvk: &GroupVersionKind) -> bool {
    VERSIONS.contains(&gvk.version.as_str())
        && CLUSTER_SCOPED.iter().any(|(group, kinds)| *group == gvk.group && kinds.contains(&gvk.kind.as_str()))
}

/// Whether a kind fits a selection, in which empty parts stand for anything.
pub fn is_selected(gvk: &GroupVersionKind, by: &GroupVersionKind) -> bool {
    let fits = |want: &str, have: &str| want.is_empty() || want == have;
    fits(&by.group, &gvk.group) && fits(&by.version, &gvk.version) && fits(&by.kind, &gvk.kind)
}

/// `Kind.version.group`, with words for the parts that are empty.
pub fn gvk_text(gvk: &GroupVersionKind) -> String {
    let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
    format!("{}.{}.{}", or(&gvk.kind, "[noKind]"), or(&gvk.version, "[noVer]"), or(&gvk.group, "[noGrp]"))
}

/// Reads `apiVersion` leniently: what follows the first slash is the version.
pub fn gvk(api_version: &str, kind: &str) -> GroupVersionKind {
    match api_version.split_once('/') {
        Some((group, version)) => GroupVersion::new(group, version).kind(kind),
        None => GroupVersion::new("", api_version).kind(kind),
    }
}

/// An object's type, name and namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Id {
    /// The type.
    pub gvk: GroupVersionKind,
    /// The name.
    pub name: String,
    /// The namespace, as written.
    pub namespace: String,
}

impl Id {
    /// The identity of an object as it stands.
    pub fn of(object: &Object) -> Self {
        Self {
            gvk: gvk(object.api_version(), object.kind()),
            name: object.name().to_owned(),
            namespace: object.namespace().to_owned(),
        }
    }

    /// Whether the kind is known to belong to no namespace.
    pub fn is_cluster_scoped(&self) -> bool {
        is_cluster_scoped(&self.gvk)
    }

    /// The namespace for comparisons: never empty.
    pub fn effective_namespace(&self) -> &str {
        if self.is_cluster_scoped() {
            NO_NAMESPACE
        } else if self.namespace.is_empty() {
            "default"
        } else {
            &self.namespace
        }
    }

    /// Whether both mean the same object.
    pub fn equals(&self, other: &Self) -> bool {
        self.same_kind_and_name(other) && self.effective_namespace() == other.effective_namespace()
    }

    /// [`Id::equals`], whatever the namespaces.
    pub fn same_kind_and_name(&self, other: &Self) -> bool {
        self.name == other.name && self.gvk == other.gvk
    }

    /// Whether this fits a selection, in which empty parts stand for anything.
    pub fn is_selected_by(&self, by: &Self) -> bool {
        (by.name.is_empty() || by.name == self.name)
            && (by.namespace.is_empty() || by.effective_namespace() == self.effective_namespace())
            && is_selected(&self.gvk, &by.gvk)
    }
}

impl fmt::Display for Id {
    /// `Deployment.v1.apps/web.[noNs]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() { "[noName]" } else { &self.name };
        let namespace = if self.namespace.is_empty() { "[noNs]" } else { &self.namespace };
        write!(f, "{}/{name}.{namespace}", gvk_text(&self.gvk))
    }
}
