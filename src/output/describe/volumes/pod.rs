//! The volumes of pods.

use super::Type;
use super::Value::{Bool, Int, List, Map, SizeLimit, Text, TextOr};
use super::common::*;
use super::source;
use crate::object::{Meta, Object};
use crate::output::describe::description::Description;
use crate::output::describe::pvc;
use crate::output::describe::text::{int, is_set};

/// The volumes of pods. The first type whose field is set counts.
static TYPES: &[Type] = &[
    HOST_PATH,
    Type::new(
        "emptyDir",
        "EmptyDir (a temporary directory that shares a pod's lifetime)",
        &[("Medium:", Text("medium")), ("SizeLimit:", SizeLimit)],
    ),
    GCE_DISK,
    AWS_STORE,
    Type::new(
        "gitRepo",
        "GitRepo (a volume that is pulled from git when the pod is created)",
        &[("Repository:", Text("repository")), ("Revision:", Text("revision"))],
    ),
    Type::new("secret", "Secret (a volume populated by a Secret)", &[("SecretName:", Text("secretName")), OPTIONAL]),
    Type::new("configMap", "ConfigMap (a volume populated by a ConfigMap)", &[("Name:", Text("name")), OPTIONAL]),
    NFS,
    iscsi!(SECRET_REF),
    Type::new(
        "glusterfs",
        GLUSTERFS_TITLE,
        &[("EndpointsName:", Text("endpoints")), ("Path:", Text("path")), READ_ONLY],
    ),
    Type::new(
        "persistentVolumeClaim",
        "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
        &[("ClaimName:", Text("claimName")), READ_ONLY],
    ),
    Type::new(
        "ephemeral",
        "EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)",
        &[],
    )
    .with(ephemeral_claim),
    rbd!(SECRET_REF),
    QUOBYTE,
    Type::new("downwardAPI", "DownwardAPI (a volume populated by information about the pod)", &[]).with(downward_items),
    AZURE_DISK,
    VSPHERE,
    cinder!(SECRET_REF),
    PHOTON,
    PORTWORX,
    Type::new(
        "scaleIO",
        SCALE_IO_TITLE,
        &[
            ("Gateway:", Text("gateway")),
            ("System:", Text("system")),
            ("Protection Domain:", Text("protectionDomain")),
            ("Storage Pool:", Text("storagePool")),
            ("Storage Mode:", Text("storageMode")),
            ("VolumeName:", Text("volumeName")),
            FS_TYPE,
            READ_ONLY,
        ],
    ),
    cephfs!(SECRET_REF),
    STORAGE_OS,
    FC,
    Type::new(
        "azureFile",
        AZURE_FILE_TITLE,
        &[("SecretName:", Text("secretName")), ("ShareName:", Text("shareName")), READ_ONLY],
    ),
    flex!(SECRET_REF),
    FLOCKER,
    Type::new("projected", "Projected (a volume that contains injected data from multiple sources)", &[])
        .with(projected_sources),
    Type::new("csi", CSI_TITLE, &[("Driver:", Text("driver")), FS_TYPE, READ_ONLY]).with(csi_attributes),
    Type::new(
        "image",
        "Image (a container image or OCI artifact)",
        &[("Reference:", Text("reference")), ("PullPolicy:", Text("pullPolicy"))],
    ),
];

/// Writes the volumes of a pod or pod template; `space` is the template's indentation.
pub(in crate::output::describe) fn volumes(d: &mut Description, volumes: &[Object], space: &str) {
    if volumes.is_empty() {
        d.line(0, format_args!("{space}Volumes:\t<none>"));
        return;
    }
    d.line(0, format_args!("{space}Volumes:"));
    let name_indent = if space.is_empty() { "" } else { " " };
    for volume in volumes {
        d.line(1, format_args!("{name_indent}{}:", volume.str_at(&["name"])));
        source(d, TYPES, volume);
    }
}

fn downward_items(d: &mut Description, source: &Object) {
    d.line(2, "Items:");
    for item in source.list_at(&["items"]) {
        let path = item.str_at(&["path"]);
        for (reference, what) in [("fieldRef", "fieldPath"), ("resourceFieldRef", "resource")] {
            if is_set(item, &[reference]) {
                d.line(3, format_args!("{} -> {path}", item.str_at(&[reference, what])));
            }
        }
    }
}

fn projected_sources(d: &mut Description, source: &Object) {
    for source in source.list_at(&["sources"]) {
        if let Some(secret) = source.get("secret") {
            d.field(2, "SecretName", secret.str_at(&["name"]));
            d.field(2, "Optional", secret.bool_at(&["optional"]));
        } else if source.get("downwardAPI").is_some() {
            d.field(2, "DownwardAPI", true);
        } else if let Some(map) = source.get("configMap") {
            d.field(2, "ConfigMapName", map.str_at(&["name"]));
            d.field(2, "Optional", map.bool_at(&["optional"]));
        } else if let Some(token) = source.get("serviceAccountToken") {
            d.field(2, "TokenExpirationSeconds", int(token, &["expirationSeconds"]));
        }
    }
}

fn ephemeral_claim(d: &mut Description, source: &Object) {
    if let Some(template) = source.get("volumeClaimTemplate") {
        d.nest(2, |d| pvc::claim(d, template, false));
    }
}
