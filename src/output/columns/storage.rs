//! Volumes, claims, storage classes and CSI drivers.

use super::{AGE, Cell, Column, NAME, cells};
use crate::object::{Meta, Object};

const ATTRIBUTES_CLASS: Column = Column::string("VolumeAttributesClass", |object, _| {
    cells::text_or(object, &["spec", "volumeAttributesClassName"], "<unset>").into()
});
const STATUS: Column = Column::string("Status", |object, _| match object.deletion_timestamp() {
    Some(_) => "Terminating".into(),
    None => object.str_at(&["status", "phase"]).into(),
});
const STORAGE_CLASS: Column = Column::string("StorageClass", |object, _| {
    let annotated = object.annotation("volume.beta.kubernetes.io/storage-class");
    annotated.unwrap_or_else(|| object.str_at(&["spec", "storageClassName"])).into()
});
const VOLUME_MODE: Column =
    Column::string("VolumeMode", |object, _| cells::text_or(object, &["spec", "volumeMode"], "<unset>").into()).wide();

pub(super) const PERSISTENT_VOLUMES: &[Column] = &[
    NAME,
    Column::string("Capacity", |object, _| cells::text_or(object, &["spec", "capacity", "storage"], "0").into()),
    Column::string("Access Modes", |object, _| access_modes(object, &["spec", "accessModes"])),
    Column::string("Reclaim Policy", |object, _| object.str_at(&["spec", "persistentVolumeReclaimPolicy"]).into()),
    STATUS,
    Column::string("Claim", |object, _| match object.at(&["spec", "claimRef"]) {
        Some(claim) => format!("{}/{}", claim.str_at(&["namespace"]), claim.str_at(&["name"])).into(),
        None => "".into(),
    }),
    STORAGE_CLASS,
    ATTRIBUTES_CLASS,
    Column::string("Reason", |object, _| object.str_at(&["status", "reason"]).into()),
    AGE,
    VOLUME_MODE,
];

pub(super) const PERSISTENT_VOLUME_CLAIMS: &[Column] = &[
    NAME,
    STATUS,
    Column::string("Volume", |object, _| object.str_at(&["spec", "volumeName"]).into()),
    Column::string("Capacity", |object, _| match is_bound(object) {
        true => cells::text_or(object, &["status", "capacity", "storage"], "0").into(),
        false => "".into(),
    }),
    Column::string("Access Modes", |object, _| match is_bound(object) {
        true => access_modes(object, &["status", "accessModes"]),
        false => "".into(),
    }),
    STORAGE_CLASS,
    ATTRIBUTES_CLASS,
    AGE,
    VOLUME_MODE,
];

pub(super) const STORAGE_CLASSES: &[Column] = &[
    Column::string("Name", |object, _| {
        let default =
            ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"]
                .into_iter()
                .any(|key| object.annotation(key) == Some("true"));
        format!("{}{}", object.name(), if default { " (default)" } else { "" }).into()
    })
    .name_format(),
    Column::string("Provisioner", |object, _| object.str_at(&["provisioner"]).into()),
    Column::string("ReclaimPolicy", |object, _| cells::text_or(object, &["reclaimPolicy"], "Delete").into()),
    Column::string("VolumeBindingMode", |object, _| cells::text_or(object, &["volumeBindingMode"], "Immediate").into()),
    Column::string("AllowVolumeExpansion", |object, _| object.bool_at(&["allowVolumeExpansion"]).into()),
    AGE,
];

pub(super) const VOLUME_ATTACHMENTS: &[Column] = &[
    NAME,
    Column::string("Attacher", |object, _| object.str_at(&["spec", "attacher"]).into()).name_format(),
    Column::string("PV", |object, _| object.str_at(&["spec", "source", "persistentVolumeName"]).into()),
    Column::string("Node", |object, _| object.str_at(&["spec", "nodeName"]).into()),
    Column::boolean("Attached", |object, _| object.bool_at(&["status", "attached"]).into()),
    AGE,
];

pub(super) const VOLUME_ATTRIBUTES_CLASSES: &[Column] =
    &[NAME, Column::string("DriverName", |object, _| object.str_at(&["driverName"]).into()), AGE];

pub(super) const CSI_DRIVERS: &[Column] = &[
    NAME,
    Column::boolean("AttachRequired", |object, _| {
        object.at(&["spec", "attachRequired"]).and_then(Object::as_bool).unwrap_or(true).into()
    }),
    Column::boolean("PodInfoOnMount", |object, _| object.bool_at(&["spec", "podInfoOnMount"]).into()),
    Column::boolean("StorageCapacity", |object, _| object.bool_at(&["spec", "storageCapacity"]).into()),
    Column::string("TokenRequests", |object, _| {
        if object.at(&["spec", "tokenRequests"]).is_none() {
            return "<unset>".into();
        }
        let requests = object.list_at(&["spec", "tokenRequests"]).iter();
        cells::join(requests.map(|request| request.str_at(&["audience"])), ",").into()
    }),
    Column::boolean("RequiresRepublish", |object, _| object.bool_at(&["spec", "requiresRepublish"]).into()),
    Column::string("Modes", |object, _| {
        let modes = object.list_at(&["spec", "volumeLifecycleModes"]).iter().filter_map(Object::as_str);
        match cells::join(modes, ",") {
            text if text.is_empty() => "<none>".into(),
            text => text.into(),
        }
    }),
    AGE,
];

pub(super) const CSI_NODES: &[Column] =
    &[NAME, Column::integer("Drivers", |object, _| cells::len(object, &["spec", "drivers"]).into()), AGE];

fn is_bound(claim: &Object) -> bool {
    !claim.str_at(&["spec", "volumeName"]).is_empty()
}

/// The short names of access modes, always in the same order.
fn access_modes(object: &Object, path: &[&str]) -> Cell {
    const SHORT: [(&str, &str); 4] =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let modes = object.list_at(path);
    let has = |mode: &str| modes.iter().any(|it| it == mode);
    cells::join(SHORT.iter().filter(|(mode, _)| has(mode)).map(|(_, short)| short), ",").into()
}
