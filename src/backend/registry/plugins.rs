//! Admission plugins, and which of them a cluster goes without (kube-apiserver's
//! `--disable-admission-plugins`).

/// A plugin of the API server that this cluster has too, and that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plugin {
    /// A class for ingresses that name none.
    DefaultIngressClass,
    /// A class for volume claims that name none.
    DefaultStorageClass,
    /// How long pods stay on nodes that fail.
    DefaultTolerationSeconds,
    /// Defaults and bounds of a namespace's containers.
    LimitRanger,
    /// Policies that change objects.
    MutatingAdmissionPolicy,
    /// Webhooks that change objects.
    MutatingAdmissionWebhook,
    /// Levels of security, by labels of namespaces.
    PodSecurity,
    /// Zone and region of a pod's node, as labels of the pod.
    PodTopologyLabels,
    /// Priorities by classes.
    Priority,
    /// What a namespace may hold.
    ResourceQuota,
    /// Overhead and places of runtime classes.
    RuntimeClass,
    /// Accounts for pods, and their tokens.
    ServiceAccount,
    /// Volumes and claims that are in use stay.
    StorageObjectInUseProtection,
    /// Policies that refuse objects.
    ValidatingAdmissionPolicy,
    /// Webhooks that refuse objects.
    ValidatingAdmissionWebhook,
}

const ALL: &[(&str, Plugin)] = &[
    ("DefaultIngressClass", Plugin::DefaultIngressClass),
    ("DefaultStorageClass", Plugin::DefaultStorageClass),
    ("DefaultTolerationSeconds", Plugin::DefaultTolerationSeconds),
    ("LimitRanger", Plugin::LimitRanger),
    ("MutatingAdmissionPolicy", Plugin::MutatingAdmissionPolicy),
    ("MutatingAdmissionWebhook", Plugin::MutatingAdmissionWebhook),
    ("PodSecurity", Plugin::PodSecurity),
    ("PodTopologyLabels", Plugin::PodTopologyLabels),
    ("Priority", Plugin::Priority),
    ("ResourceQuota", Plugin::ResourceQuota),
    ("RuntimeClass", Plugin::RuntimeClass),
    ("ServiceAccount", Plugin::ServiceAccount),
    ("StorageObjectInUseProtection", Plugin::StorageObjectInUseProtection),
    ("ValidatingAdmissionPolicy", Plugin::ValidatingAdmissionPolicy),
    ("ValidatingAdmissionWebhook", Plugin::ValidatingAdmissionWebhook),
];

/// Plugins of the API server that are part of this cluster for good.
const FIXED: &[&str] = &["CertificateApproval", "CertificateSigning", "NamespaceExists", "NamespaceLifecycle"];

/// Plugins of the API server that this cluster does not have, so that there is nothing to leave out.
const ABSENT: &[&str] = &[
    "AlwaysAdmit",
    "AlwaysDeny",
    "AlwaysPullImages",
    "CertificateSubjectRestriction",
    "ClusterTrustBundleAttest",
    "DenyServiceExternalIPs",
    "EventRateLimit",
    "ExtendedResourceToleration",
    "ImagePolicyWebhook",
    "JobValidation",
    "LimitPodHardAntiAffinityTopology",
    "NamespaceAutoProvision",
    "NodeDeclaredFeatureValidator",
    "NodeRestriction",
    "OwnerReferencesPermissionEnforcement",
    "PersistentVolumeClaimResize",
    "PodGroupProtection",
    "PodGroupWorkloadExists",
    "PodNodeSelector",
    "PodResizeValidator",
    "PodTolerationRestriction",
    "TaintNodesByCondition",
];

/// The plugins that a cluster goes without; by default none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DisabledPlugins(u32);

impl DisabledPlugins {
    /// Reads plugins' names.
    ///
    /// # Errors
    /// The name of no plugin, or of one that cannot be left out.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut disabled = Self::default();
        for name in names {
            match ALL.iter().find(|(known, _)| *known == name) {
                Some((_, plugin)) => disabled.0 |= bit(*plugin),
                None if ABSENT.contains(&name) => {}
                None if FIXED.contains(&name) => return Err(format!("the offline cluster cannot do without {name}")),
                None => return Err(format!("admission plugin {name:?} is unknown")),
            }
        }
        Ok(disabled)
    }

    /// Whether the cluster goes without a plugin.
    pub fn has(self, plugin: Plugin) -> bool {
        self.0 & bit(plugin) != 0
    }
}

fn bit(plugin: Plugin) -> u32 {
    1 << (plugin as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names() {
        let disabled = DisabledPlugins::parse(["ServiceAccount", "EventRateLimit"]).unwrap();
        assert!(disabled.has(Plugin::ServiceAccount) && !disabled.has(Plugin::Priority));
        let hooks = DisabledPlugins::parse(["MutatingAdmissionWebhook", "ValidatingAdmissionWebhook"]).unwrap();
        assert!(hooks.has(Plugin::MutatingAdmissionWebhook) && hooks.has(Plugin::ValidatingAdmissionWebhook));
        assert_eq!(DisabledPlugins::parse([]), Ok(DisabledPlugins::default()));
        assert_eq!(DisabledPlugins::parse(["Nothing"]), Err("admission plugin \"Nothing\" is unknown".into()));
        assert!(DisabledPlugins::parse(["NamespaceLifecycle"]).is_err());
    }
}
