//! Profiles: what a container for debugging may do, and what becomes of its pod.

use anyhow::bail;
use serde_json::json;

use crate::object::{Meta, Object};
use crate::ops::pod_template::containers_mut;

/// How something is debugged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// By a container that is added to the running pod.
    Ephemeral,
    /// In a copy of the pod.
    Copy,
    /// By a pod on the node.
    Node,
}

/// What of the original a copy keeps (`--keep-…`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keep {
    pub(super) labels: bool,
    pub(super) annotations: bool,
    pub(super) liveness: bool,
    pub(super) readiness: bool,
    pub(super) startup: bool,
    pub(super) init_containers: bool,
}

/// One change that a profile makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The node's root folder is mounted at `/host`.
    MountRoot,
    /// The pod uses the node's network, processes and memory.
    HostNamespaces,
    /// The container has no security settings of its own.
    ClearSecurity,
    /// The container has nothing that the restricted Pod Security Standard forbids.
    Restrict,
    /// The container is privileged.
    Privileged,
    /// The container may do more.
    Add(&'static [&'static str]),
    /// The copy loses what is not kept.
    Trim,
    /// The copy loses its labels, whatever is kept.
    ForgetLabels,
    /// Containers see each other's processes, unless the pod says otherwise.
    ShareProcesses,
}
use Step::{Add, ClearSecurity, ForgetLabels, HostNamespaces, MountRoot, Privileged, Restrict, ShareProcesses, Trim};

/// A profile: the changes for each style.
#[derive(Debug)]
pub(super) struct Profile {
    name: &'static str,
    ephemeral: &'static [Step],
    copy: &'static [Step],
    node: &'static [Step],
}

const TRACE: Step = Add(&["SYS_PTRACE"]);
const NET: Step = Add(&["NET_ADMIN", "NET_RAW"]);
/// The profile that is on its way out.
pub(super) const LEGACY: &str = "legacy";

static PROFILES: [Profile; 6] = [
    Profile { name: LEGACY, ephemeral: &[], copy: &[ForgetLabels], node: &[MountRoot, HostNamespaces] },
    Profile {
        name: "general",
        ephemeral: &[TRACE],
        copy: &[Trim, TRACE, ShareProcesses],
        node: &[MountRoot, ClearSecurity, HostNamespaces],
    },
    Profile {
        name: "baseline",
        ephemeral: &[ClearSecurity],
        copy: &[ClearSecurity, Trim, ShareProcesses],
        node: &[ClearSecurity],
    },
    Profile {
        name: "restricted",
        ephemeral: &[ClearSecurity, Restrict],
        copy: &[ClearSecurity, Restrict, Trim, ShareProcesses],
        node: &[ClearSecurity, Restrict],
    },
    Profile { name: "netadmin", ephemeral: &[NET], copy: &[NET, Trim, ShareProcesses], node: &[NET, HostNamespaces] },
    Profile {
        name: "sysadmin",
        ephemeral: &[Privileged],
        copy: &[Privileged, Trim, ShareProcesses],
        node: &[Privileged, HostNamespaces, MountRoot],
    },
];

impl Profile {
    /// The profile of that name.
    pub(super) fn named(name: &str) -> anyhow::Result<&'static Self> {
        match PROFILES.iter().find(|profile| profile.name == name) {
            Some(profile) => Ok(profile),
            None => bail!("unknown profile: {name}"),
        }
    }

    /// Changes the pod and the container of that name in it.
    pub(super) fn apply(&self, style: Style, pod: &mut Object, container: &str, keep: Keep) {
        let steps = match style {
            Style::Ephemeral => self.ephemeral,
            Style::Copy => self.copy,
            Style::Node => self.node,
        };
        for step in steps {
            step.apply(pod, container, keep);
        }
    }
}

impl Step {
    fn apply(self, pod: &mut Object, name: &str, keep: Keep) {
        match self {
            MountRoot => mount_root(pod, name),
            HostNamespaces => {
                for field in ["hostNetwork", "hostPID", "hostIPC"] {
                    pod.set_at(&["spec", field], true);
                }
            }
            Trim => trim(pod, keep),
            ForgetLabels => drop(pod.remove_at(&["metadata", "labels"])),
            ShareProcesses => {
                if pod.at(&["spec", "shareProcessNamespace"]).is_none_or(Object::is_null) {
                    pod.set_at(&["spec", "shareProcessNamespace"], true);
                }
            }
            ClearSecurity | Restrict | Privileged | Add(_) => {
                if let Some(container) = container_mut(pod, name) {
                    self.secure(container);
                }
            }
        }
    }

    /// Changes what a container may do.
    fn secure(self, container: &mut Object) {
        match self {
            ClearSecurity => drop(container.remove_at(&["securityContext"])),
            Privileged => container.set_at(&["securityContext", "privileged"], true),
            Add(capabilities) => {
                let mut all = container.list_at(&["securityContext", "capabilities", "add"]).to_vec();
                all.extend(capabilities.iter().map(|capability| Object::from(*capability)));
                container.set_at(&["securityContext", "capabilities", "add"], all);
            }
            Restrict => container.set_at(
                &["securityContext"],
                json!({
                    "allowPrivilegeEscalation": false,
                    "capabilities": {"drop": ["ALL"]},
                    "runAsNonRoot": true,
                    "seccompProfile": {"type": "RuntimeDefault"},
                }),
            ),
            _ => {}
        }
    }
}

/// The container of that name, the first of all lists.
pub(super) fn container_mut<'a>(pod: &'a mut Object, name: &str) -> Option<&'a mut Object> {
    let spec = pod.get_mut("spec")?;
    let list = ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .find(|list| spec.list_at(&[list]).iter().any(|container| container.str_at(&["name"]) == name))?;
    containers_mut(spec, list).iter_mut().find(|container| container.str_at(&["name"]) == name)
}

/// Adds an element to a list, which is made where there is none.
pub(super) fn push(object: &mut Object, path: &[&str], element: Object) {
    let mut list = object.list_at(path).to_vec();
    list.push(element);
    object.set_at(path, list);
}

fn mount_root(pod: &mut Object, name: &str) {
    const VOLUME: &str = "host-root";
    push(pod, &["spec", "volumes"], json!({"name": VOLUME, "hostPath": {"path": "/"}}));
    let Some(spec) = pod.get_mut("spec") else { return };
    let mut containers = containers_mut(spec, "containers").iter_mut();
    if let Some(container) = containers.find(|container| container.str_at(&["name"]) == name) {
        push(container, &["volumeMounts"], json!({"mountPath": "/host", "name": VOLUME}));
    }
}

fn trim(pod: &mut Object, keep: Keep) {
    for (kept, path) in [
        (keep.labels, &["metadata", "labels"]),
        (keep.annotations, &["metadata", "annotations"]),
        (keep.init_containers, &["spec", "initContainers"]),
    ] {
        if !kept {
            pod.remove_at(path);
        }
    }
    let Some(spec) = pod.get_mut("spec") else { return };
    for container in containers_mut(spec, "containers") {
        for (kept, probe) in
            [(keep.liveness, "livenessProbe"), (keep.readiness, "readinessProbe"), (keep.startup, "startupProbe")]
        {
            if !kept {
                container.remove_at(&[probe]);
            }
        }
    }
}
