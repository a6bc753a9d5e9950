//! Volumes of pods and sources of persistent volumes.

use super::description::Description;
use super::parts::{LONGEST_ANNOTATION, multiline};
use super::pvc;
use super::text::{as_quantity, go_list, int, is_set, shorten, strings, text_at};
use crate::object::{Meta, Object};
use crate::output::number::go_print;

/// How the value of a line is read from the volume's source.
#[derive(Clone, Copy)]
enum Value {
    /// A string, nothing where it is absent.
    Text(&'static str),
    /// A string or number, with what stands for an absent one.
    TextOr(&'static str, &'static str),
    /// A number, 0 where it is absent.
    Int(&'static str),
    /// A boolean, false where it is absent.
    Bool(&'static str),
    /// A list as `[a b]`.
    List(&'static str),
    /// A list as `a, b`.
    Joined(&'static str),
    /// A map as `map[a:b]`.
    Map(&'static str),
    /// A reference to a Secret in the pod's namespace, in Go's form.
    Local(&'static str),
    /// A reference to a Secret of a namespace, in Go's form.
    Secret(&'static str),
    /// A string in a map in the source.
    Inner(&'static str, &'static str),
    /// The limit of an emptyDir.
    SizeLimit,
}
use Value::{Bool, Inner, Int, Joined, List, Local, Map, Secret, SizeLimit, Text, TextOr};

/// A type of volume.
struct Type {
    /// The field that holds its source.
    field: &'static str,
    /// Its name, and what it is.
    title: &'static str,
    /// What stands before the tab of each line, and what behind it.
    lines: &'static [(&'static str, Value)],
    /// What is not a line a field.
    more: Option<fn(&mut Description, &Object)>,
}

impl Type {
    const fn new(field: &'static str, title: &'static str, lines: &'static [(&'static str, Value)]) -> Self {
        Self { field, title, lines, more: None }
    }

    const fn with(self, more: fn(&mut Description, &Object)) -> Self {
        Self { more: Some(more), ..self }
    }
}

const READ_ONLY: (&str, Value) = ("ReadOnly:", Bool("readOnly"));
const FS_TYPE: (&str, Value) = ("FSType:", Text("fsType"));
const OPTIONAL: (&str, Value) = ("Optional:", Bool("optional"));
const SECRET_REF: (&str, Value) = ("SecretRef:", Local("secretRef"));
const GLOBAL_SECRET_REF: (&str, Value) = ("SecretRef:", Secret("secretRef"));

const AZURE_DISK_TITLE: &str = "AzureDisk (an Azure Data Disk mount on the host and bind mount to the pod)";
const AZURE_FILE_TITLE: &str = "AzureFile (an Azure File Service mount on the host and bind mount to the pod)";
const CEPH_FS_TITLE: &str = "CephFS (a CephFS mount on the host that shares a pod's lifetime)";
const CINDER_TITLE: &str = "Cinder (a Persistent Disk resource in OpenStack)";
const CSI_TITLE: &str = "CSI (a Container Storage Interface (CSI) volume source)";
const FLEX_TITLE: &str =
    "FlexVolume (a generic volume resource that is provisioned/attached using an exec based plugin)";
const GLUSTERFS_TITLE: &str = "Glusterfs (a Glusterfs mount on the host that shares a pod's lifetime)";
const ISCSI_TITLE: &str =
    "ISCSI (an ISCSI Disk resource that is attached to a kubelet's host machine and then exposed to the pod)";
const RBD_TITLE: &str = "RBD (a Rados Block Device mount on the host that shares a pod's lifetime)";
const SCALE_IO_TITLE: &str = "ScaleIO (a persistent volume backed by a block device in ScaleIO)";

/// Types that pods and persistent volumes describe alike.
const HOST_PATH: Type = Type::new(
    "hostPath",
    "HostPath (bare host directory volume)",
    &[("Path:", Text("path")), ("HostPathType:", TextOr("type", "<none>"))],
);
const GCE_DISK: Type = Type::new(
    "gcePersistentDisk",
    "GCEPersistentDisk (a Persistent Disk resource in Google Compute Engine)",
    &[("PDName:", Text("pdName")), FS_TYPE, ("Partition:", Int("partition")), READ_ONLY],
);
const AWS_STORE: Type = Type::new(
    "awsElasticBlockStore",
    "AWSElasticBlockStore (a Persistent Disk resource in AWS)",
    &[("VolumeID:", Text("volumeID")), FS_TYPE, ("Partition:", Int("partition")), READ_ONLY],
);
const NFS: Type = Type::new(
    "nfs",
    "NFS (an NFS mount that lasts the lifetime of a pod)",
    &[("Server:", Text("server")), ("Path:", Text("path")), READ_ONLY],
);
const QUOBYTE: Type = Type::new(
    "quobyte",
    "Quobyte (a Quobyte mount on the host that shares a pod's lifetime)",
    &[("Registry:", Text("registry")), ("Volume:", Text("volume")), READ_ONLY],
);
const AZURE_DISK: Type = Type::new(
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
const VSPHERE: Type = Type::new(
    "vsphereVolume",
    "vSphereVolume (a Persistent Disk resource in vSphere)",
    &[("VolumePath:", Text("volumePath")), FS_TYPE, ("StoragePolicyName:", Text("storagePolicyName"))],
);
const PHOTON: Type = Type::new(
    "photonPersistentDisk",
    "PhotonPersistentDisk (a Persistent Disk resource in photon platform)",
    &[("PdID:", Text("pdID")), FS_TYPE],
);
const PORTWORX: Type =
    Type::new("portworxVolume", "PortworxVolume (a Portworx Volume resource)", &[("VolumeID:", Text("volumeID"))]);
const STORAGE_OS: Type = Type::new(
    "storageos",
    "StorageOS (a StorageOS Persistent Disk resource)",
    &[("VolumeName:", Text("volumeName")), ("VolumeNamespace:", Text("volumeNamespace")), FS_TYPE, READ_ONLY],
);
const FC: Type = Type::new(
    "fc",
    "FC (a Fibre Channel disk)",
    &[("TargetWWNs:", Joined("targetWWNs")), ("LUN:", TextOr("lun", "<none>")), FS_TYPE, READ_ONLY],
);
const FLOCKER: Type = Type::new(
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

/// The volumes of pods. The first type whose field is set counts.
static POD_VOLUMES: &[Type] = &[
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

/// The sources of persistent volumes. The first type whose field is set counts.
static PERSISTENT_SOURCES: &[Type] = &[
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

/// Writes the volumes of a pod or pod template; `space` is the template's indentation.
pub(super) fn volumes(d: &mut Description, volumes: &[Object], space: &str) {
    if volumes.is_empty() {
        d.line(0, format_args!("{space}Volumes:\t<none>"));
        return;
    }
    d.line(0, format_args!("{space}Volumes:"));
    let name_indent = if space.is_empty() { "" } else { " " };
    for volume in volumes {
        d.line(1, format_args!("{name_indent}{}:", volume.str_at(&["name"])));
        source(d, POD_VOLUMES, volume);
    }
}

/// Writes the source of a persistent volume.
pub(super) fn persistent_source(d: &mut Description, spec: &Object) {
    source(d, PERSISTENT_SOURCES, spec);
}

fn source(d: &mut Description, types: &[Type], holder: &Object) {
    let found =
        types.iter().find_map(|kind| Some((kind, holder.at(&[kind.field]).filter(|source| !source.is_null())?)));
    let Some((kind, source)) = found else {
        d.line(1, "<unknown>");
        return;
    };
    d.field(2, "Type", kind.title);
    for (label, value) in kind.lines {
        d.line(2, format_args!("{label}\t{}", value.read(source)));
    }
    if let Some(more) = kind.more {
        more(d, source);
    }
}

impl Value {
    fn read(self, source: &Object) -> String {
        match self {
            Text(field) => text_at(source, &[field], "").into_owned(),
            TextOr(field, absent) => text_at(source, &[field], absent).into_owned(),
            Int(field) => int(source, &[field]).to_string(),
            Bool(field) => source.bool_at(&[field]).to_string(),
            List(field) => go_list(&strings(source, &[field])),
            Joined(field) => strings(source, &[field]).join(", "),
            Map(field) => match source.at(&[field]) {
                Some(map @ Object::Object(_)) => go_print(map),
                _ => "map[]".to_owned(),
            },
            Local(field) => reference(source, field, |secret| {
                format!("&LocalObjectReference{{Name:{},}}", secret.str_at(&["name"]))
            }),
            Secret(field) => reference(source, field, |secret| {
                let (name, namespace) = (secret.str_at(&["name"]), secret.str_at(&["namespace"]));
                format!("&SecretReference{{Name:{name},Namespace:{namespace},}}")
            }),
            Inner(outer, inner) => source.str_at(&[outer, inner]).to_owned(),
            SizeLimit => match source.at(&["sizeLimit"]).map(as_quantity) {
                Some(limit) if limit.sign() > 0 => limit.to_string(),
                _ => "<unset>".to_owned(),
            },
        }
    }
}

fn reference(source: &Object, field: &str, write: impl FnOnce(&Object) -> String) -> String {
    source.at(&[field]).filter(|secret| !secret.is_null()).map_or_else(|| "nil".to_owned(), write)
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

fn csi_attributes(d: &mut Description, source: &Object) {
    let attributes = source.map_at(&["volumeAttributes"]);
    let lines =
        attributes.iter().map(|(key, value)| shorten(&format!("{key}={value}"), LONGEST_ANNOTATION).into_owned());
    multiline(d, 2, "", "VolumeAttributes", lines);
}

fn ephemeral_claim(d: &mut Description, source: &Object) {
    if let Some(template) = source.get("volumeClaimTemplate") {
        d.nest(2, |d| pvc::claim(d, template, false));
    }
}
