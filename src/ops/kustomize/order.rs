//! The order of the result: what others depend on first.

use std::cmp::Ordering;

use super::id::{self, Id};
use super::kustomization::SortOptions;
use super::resource::{Resource, Resources};
use crate::object::GroupVersionKind;

const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Puts objects into the order that is asked for; the default is by kind.
///
/// # Errors
/// Options that do not go together.
pub fn sort(resources: &mut Resources, options: Option<&SortOptions>) -> anyhow::Result<()> {
    let (first, last): (Vec<&str>, Vec<&str>) = match options {
        None => (FIRST.to_vec(), LAST.to_vec()),
        Some(options) => {
            let legacy = options.legacy_sort_options.as_ref();
            match (options.order.as_str(), legacy) {
                ("fifo", None) => return Ok(()),
                ("fifo", Some(_)) => anyhow::bail!(
                    "the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'"
                ),
                ("legacy", None) => (FIRST.to_vec(), LAST.to_vec()),
                ("legacy", Some(legacy)) => (
                    legacy.order_first.iter().map(String::as_str).collect(),
                    legacy.order_last.iter().map(String::as_str).collect(),
                ),
                _ => anyhow::bail!("the field 'sortOptions.order' must be one of [fifo, legacy]"),
            }
        }
    };
    let rank = |kind: &str| {
        let at = |list: &[&str]| list.iter().rposition(|known| *known == kind).and_then(|at| i64::try_from(at).ok());
        match (at(&last), at(&first)) {
            (Some(at), _) => at + 1,
            (None, Some(at)) => at - i64::try_from(first.len()).unwrap_or(i64::MAX),
            (None, None) => 0,
        }
    };
    let mut keyed: Vec<(Id, Resource)> =
        std::mem::take(&mut resources.0).into_iter().map(|resource| (resource.id(), resource)).collect();
    keyed.sort_by(|(one, _), (other, _)| compare(one, other, &rank));
    resources.0 = keyed.into_iter().map(|(_, resource)| resource).collect();
    Ok(())
}

fn compare(one: &Id, other: &Id, rank: &dyn Fn(&str) -> i64) -> Ordering {
    if one.gvk == other.gvk {
        return name_key(one).cmp(&name_key(other));
    }
    rank(&one.gvk.kind).cmp(&rank(&other.gvk.kind)).then_with(|| {
        let by_type = type_key(&one.gvk).cmp(&type_key(&other.gvk));
        let both = one.gvk.kind == "Namespace" && other.gvk.kind == "Namespace";
        // The core Namespace comes before others of that name.
        if both && (one.gvk.group.is_empty() || other.gvk.group.is_empty()) { by_type.reverse() } else { by_type }
    })
}

fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

fn type_key(gvk: &GroupVersionKind) -> String {
    format!("{}_{}_{}", or(&gvk.group, "~G"), or(&gvk.version, "~V"), or(&gvk.kind, "~K"))
}

fn name_key(id: &Id) -> String {
    format!("{}|{}|{}", id::gvk_text(&id.gvk), or(&id.namespace, "~X"), or(&id.name, "~N"))
}
