//! What admission says about a write besides yes and no.

use super::transaction::Inside;
use crate::backend::registry::strategies::pod_security;
use crate::backend::registry::{Cluster, Plugin};
use crate::object::{Meta, Object};

/// Resources that hold a pod's spec, and where.
const POD_SPECS: &[(&str, &[&str])] = &[
    ("cronjobs.batch", &["spec", "jobTemplate", "spec", "template", "spec"]),
    ("daemonsets.apps", &["spec", "template", "spec"]),
    ("deployments.apps", &["spec", "template", "spec"]),
    ("jobs.batch", &["spec", "template", "spec"]),
    ("pods", &["spec"]),
    ("podtemplates", &["template", "spec"]),
    ("replicasets.apps", &["spec", "template", "spec"]),
    ("replicationcontrollers", &["spec", "template", "spec"]),
    ("statefulsets.apps", &["spec", "template", "spec"]),
];

impl Inside<'_, '_> {
    /// The warning about a pod's spec that breaks the level of which its namespace warns. A spec that
    /// stays as it is has been warned of before.
    pub(super) fn pod_security_warning(&self, key: &str, new: &Object, old: Option<&Object>) -> Option<String> {
        if !self.admits(Plugin::PodSecurity) {
            return None;
        }
        let (_, path) = POD_SPECS.iter().find(|(resource, _)| *resource == key)?;
        let spec = new.at(path)?;
        if old.is_some_and(|old| old.at(path) == Some(spec)) {
            return None;
        }
        let namespace = self.shared("namespaces", "", new.namespace())?;
        pod_security::warning(&namespace, spec)
    }
}
