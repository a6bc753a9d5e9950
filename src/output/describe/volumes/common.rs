//! The types of volumes that pods and persistent volumes describe alike, or nearly so.

use super::Type;
use super::Value::{self, Bool, Int, Joined, Local, Secret, Text, TextOr};
use crate::object::{Meta, Object};
use crate::output::describe::description::Description;
use crate::output::describe::parts::{LONGEST_ANNOTATION, multiline};
use crate::output::describe::text::shorten;

pub(super) const READ_ONLY: (&str, Value) = ("ReadOnly:", Bool("readOnly"));
pub(super) const FS_TYPE: (&str, Value) = ("FSType:", Text("fsType"));
pub(super) const OPTIONAL: (&str, Value) = ("Optional:", Bool("optional"));
pub(super) const SECRET_REF: (&str, Value) = ("SecretRef:", Local("secretRef"));
pub(super) const GLOBAL_SECRET_REF: (&str, Value) = ("SecretRef:", Secret("secretRef"));

pub(super) const AZURE_DISK_TITLE: &str = "AzureDisk (an Azure Data Disk mount on the host and bind mount to the pod)";
pub(super) const AZURE_FILE_TITLE: &str =
    "AzureFile (an Azure File Service mount on the host and bind mount to the pod)";
pub(super) const CEPH_FS_TITLE: &str = "CephFS (a CephFS mount on the host that shares a pod's lifetime)";
pub(super) const CINDER_TITLE: &str = "Cinder (a Persistent Disk resource in OpenStack)";
pub(super) const CSI_TITLE: &str = "CSI (a Container Storage Interface (CSI) volume source)";
pub(super) const FLEX_TITLE: &str =
    "FlexVolume (a generic volume resource that is provisioned/attached using an exec based plugin)";
pub(super) const GLUSTERFS_TITLE: &str = "Glusterfs (a Glusterfs mount on the host that shares a pod's lifetime)";
pub(super) const ISCSI_TITLE: &str =
    "ISCSI (an ISCSI Disk resource that is attached to a kubelet's host machine and then exposed to the pod)";
pub(super) const RBD_TITLE: &str = "RBD (a Rados Block Device mount on the host that shares a pod's lifetime)";
pub(super) const SCALE_IO_TITLE: &str = "ScaleIO (a persistent volume backed by a block device in ScaleIO)";

/// Types that pods and persistent volumes describe alike.
pub(super) const HOST_PATH: Type = Type::new(
    "hostPath",
    "HostPath (bare host directory volume)",
    &[("Path:", Text("path")), ("HostPathType:", TextOr("type", "<none>"))],
);
pub(super) const GCE_DISK: Type = Type::new(
    "gcePersistentDisk",
    "GCEPersistentDisk (a Persistent Disk resource in Google Compute Engine)",
    &[("PDName:", Text("pdName")), FS_TYPE, ("Partition:", Int("partition")), READ_ONLY],
);
pub(super) const AWS_STORE: Type = Type::new(
    "awsElasticBlockStore",
    "AWSElasticBlockStore (a Persistent Disk resource in AWS)",
    &[("VolumeID:", Text("volumeID")), FS_TYPE, ("Partition:", Int("partition")), READ_ONLY],
);
pub(super) const NFS: Type = Type::new(
    "nfs",
    "NFS (an NFS mount that lasts the lifetime of a pod)",
    &[("Server:", Text("server")), ("Path:", Text("path")), READ_ONLY],
);
pub(super) const QUOBYTE: Type = Type::new(
    "quobyte",
    "Quobyte (a Quobyte mount on the host that shares a pod's lifetime)",
    &[("Registry:", Text("registry")), ("Volume:", Text("volume")), READ_ONLY],
);
pub(super) const AZURE_DISK: Type = Type::new(
    "azureDisk",
    AZURE_DISK_TITLE,
    &[
        ("DiskName:", Text("diskName")),
        ("DiskURI:", Text("diskURI")),
        ("Kind: ", Text("kind")),
        FS_TYPE,
        ("CachingMode:", Text("cachingMode")),
        READ_ONLY,
    ],
);
pub(super) const VSPHERE: Type = Type::new(
    "vsphereVolume",
    "vSphereVolume (a Persistent Disk resource in vSphere)",
    &[("VolumePath:", Text("volumePath")), FS_TYPE, ("StoragePolicyName:", Text("storagePolicyName"))],
);
pub(super) const PHOTON: Type = Type::new(
    "photonPersistentDisk",
    "PhotonPersistentDisk (a Persistent Disk resource in photon platform)",
    &[("PdID:", Text("pdID")), FS_TYPE],
);
pub(super) const PORTWORX: Type =
    Type::new("portworxVolume", "PortworxVolume (a Portworx Volume resource)", &[("VolumeID:", Text("volumeID"))]);
pub(super) const STORAGE_OS: Type = Type::new(
    "storageos",
    "StorageOS (a StorageOS Persistent Disk resource)",
    &[("VolumeName:", Text("volumeName")), ("VolumeNamespace:", Text("volumeNamespace")), FS_TYPE, READ_ONLY],
);
pub(super) const FC: Type = Type::new(
    "fc",
    "FC (a Fibre Channel disk)",
    &[("TargetWWNs:", Joined("targetWWNs")), ("LUN:", TextOr("lun", "<none>")), FS_TYPE, READ_ONLY],
);
pub(super) const FLOCKER: Type = Type::new(
    "flocker",
    "Flocker (a Flocker volume mounted by the Flocker agent)",
    &[("DatasetName:", Text("datasetName")), ("DatasetUUID:", Text("datasetUUID"))],
);

macro_rules! iscsi {
    ($secret:expr) => {
        Type::new(
            "iscsi",
            ISCSI_TITLE,
            &[
                ("TargetPortal:", Text("targetPortal")),
                ("IQN:", Text("iqn")),
                ("Lun:", Int("lun")),
                ("ISCSIInterface", Text("iscsiInterface")),
                FS_TYPE,
                READ_ONLY,
                ("Portals:", List("portals")),
                ("DiscoveryCHAPAuth:", Bool("chapAuthDiscovery")),
                ("SessionCHAPAuth:", Bool("chapAuthSession")),
                $secret,
                ("InitiatorName:", TextOr("initiatorName", "<none>")),
            ],
        )
    };
}

macro_rules! rbd {
    ($secret:expr) => {
        Type::new(
            "rbd",
            RBD_TITLE,
            &[
                ("CephMonitors:", List("monitors")),
                ("RBDImage:", Text("image")),
                FS_TYPE,
                ("RBDPool:", Text("pool")),
                ("RadosUser:", Text("user")),
                ("Keyring:", Text("keyring")),
                $secret,
                READ_ONLY,
            ],
        )
    };
}

macro_rules! cephfs {
    ($secret:expr) => {
        Type::new(
            "cephfs",
            CEPH_FS_TITLE,
            &[
                ("Monitors:", List("monitors")),
                ("Path:", Text("path")),
                ("User:", Text("user")),
                ("SecretFile:", Text("secretFile")),
                $secret,
                READ_ONLY,
            ],
        )
    };
}

macro_rules! cinder {
    ($secret:expr) => {
        Type::new("cinder", CINDER_TITLE, &[("VolumeID:", Text("volumeID")), FS_TYPE, READ_ONLY, $secret])
    };
}

macro_rules! flex {
    ($secret:expr) => {
        Type::new(
            "flexVolume",
            FLEX_TITLE,
            &[("Driver:", Text("driver")), FS_TYPE, $secret, READ_ONLY, ("Options:", Map("options"))],
        )
    };
}

pub(super) use {cephfs, cinder, flex, iscsi, rbd};

/// The attributes of a CSI volume.
pub(super) fn csi_attributes(d: &mut Description, source: &Object) {
    let attributes = source.map_at(&["volumeAttributes"]);
    let lines =
        attributes.iter().map(|(key, value)| shorten(&format!("{key}={value}"), LONGEST_ANNOTATION).into_owned());
    multiline(d, 2, "", "VolumeAttributes", lines);
}
