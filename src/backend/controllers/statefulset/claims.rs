//! What becomes of a pod's claims when the set shrinks or goes (`persistentVolumeClaimRetentionPolicy`).

use crate::backend::controllers::support::owners;
use crate::object::{Meta, Object};

/// Who takes a claim along when it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    Set,
    Pod,
}

/// The owner of a claim of a pod that the set keeps, or does not keep.
fn owner(set: &Object, is_kept: bool) -> Owner {
    let deletes = |when: &str| set.str_at(&["spec", "persistentVolumeClaimRetentionPolicy", when]) == "Delete";
    match (deletes("whenScaled"), deletes("whenDeleted")) {
        (true, _) if !is_kept => Owner::Pod,
        (_, true) => Owner::Set,
        _ => Owner::Nobody,
    }
}

/// Gives a new claim its owner.
pub fn own_new(set: &Object, claim: &mut Object) {
    if owner(set, true) == Owner::Set {
        claim.set_at(&["metadata", "ownerReferences"], vec![owners::controller_ref(set)]);
    }
}

/// A claim with the owner that it should have; `None` where it has, or where another controller has it.
pub fn owned(set: &Object, pod: &Object, is_kept: bool, claim: &Object) -> Option<Object> {
    let before = claim.list_at(&["metadata", "ownerReferences"]);
    let is_of = |reference: &Object, owner: &Object, kind: &str| {
        reference.str_at(&["kind"]) == kind && reference.str_at(&["name"]) == owner.name()
    };
    let is_ours = |reference: &Object| is_of(reference, set, "StatefulSet") || is_of(reference, pod, "Pod");
    let is_stale =
        |reference: &Object| is_ours(reference) && ![set.uid(), pod.uid()].contains(&reference.str_at(&["uid"]));
    let mut references: Vec<Object> = before.iter().filter(|reference| !is_ours(reference)).cloned().collect();
    let is_others =
        references.iter().any(|reference| reference.bool_at(&["controller"])) || before.iter().any(is_stale);
    let wanted = owner(set, is_kept);
    if is_others && wanted != Owner::Nobody {
        return None;
    }
    match wanted {
        Owner::Nobody => {}
        Owner::Set => references.push(owners::controller_ref(set)),
        Owner::Pod => references.push(owners::controller_ref(pod)),
    }
    if references == before {
        return None;
    }
    let mut claim = claim.clone();
    if references.is_empty() {
        claim.remove_at(&["metadata", "ownerReferences"]);
    } else {
        claim.set_at(&["metadata", "ownerReferences"], references);
    }
    Some(claim)
}
