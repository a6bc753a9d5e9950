//! The sources of persistent volumes.

use super::Type;
use super::Value::{Bool, Inner, Int, List, Map, Text, TextOr};
use super::common::*;
use super::source;
use crate::object::Object;
use crate::output::describe::description::Description;

/// The sources of persistent volumes. The first type whose field is set counts.
static TYPES: &[Type] = &[
    HOST_PATH,
    GCE_DISK,
    AWS_STORE,
    NFS,
    iscsi!(GLOBAL_SECRET_REF),
    Type::new(
        "glusterfs",
        GLUSTERFS_TITLE,
        &[
            ("EndpointsName:", Text("endpoints")),
            ("EndpointsNamespace:", TextOr("endpointsNamespace", "<unset>")),
            ("Path:", Text("path")),
            READ_ONLY,
        ],
    ),
    rbd!(GLOBAL_SECRET_REF),
    QUOBYTE,
    VSPHERE,
    cinder!(GLOBAL_SECRET_REF),
    AZURE_DISK,
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
            ("SecretName:", Inner("secretRef", "name")),
            ("SecretNamespace:", Inner("secretRef", "namespace")),
            FS_TYPE,
            READ_ONLY,
        ],
    ),
    Type::new(
        "local",
        "LocalVolume (a persistent volume backed by local storage on a node)",
        &[("Path:", Text("path"))],
    ),
    cephfs!(GLOBAL_SECRET_REF),
    STORAGE_OS,
    FC,
    Type::new(
        "azureFile",
        AZURE_FILE_TITLE,
        &[
            ("SecretName:", Text("secretName")),
            ("SecretNamespace:", Text("secretNamespace")),
            ("ShareName:", Text("shareName")),
            READ_ONLY,
        ],
    ),
    flex!(GLOBAL_SECRET_REF),
    FLOCKER,
    Type::new(
        "csi",
        CSI_TITLE,
        &[("Driver:", Text("driver")), FS_TYPE, ("VolumeHandle:", Text("volumeHandle")), READ_ONLY],
    )
    .with(csi_attributes),
];

/// Writes the source of a persistent volume.
pub(in crate::output::describe) fn persistent_source(d: &mut Description, spec: &Object) {
    source(d, TYPES, spec);
}
