//! `apply --prune`: what was applied before and is no longer in the files goes.

use std::collections::HashSet;

use crate::client::Client;
use crate::client::discovery::Mapping;
use crate::client::paging;
use crate::client::request::{Call, DeleteParams, Endpoint, ListParams};
use crate::object::{GroupVersionKind, Meta, Object};
use crate::ops::last_applied;

/// The types that are looked through where no flag names any: group, version, kind.
const DEFAULT: &[(&str, &str, &str)] = &[
    ("", "v1", "ConfigMap"),
    ("", "v1", "Endpoints"),
    ("", "v1", "PersistentVolumeClaim"),
    ("", "v1", "Pod"),
    ("", "v1", "ReplicationController"),
    ("", "v1", "Secret"),
    ("", "v1", "Service"),
    ("batch", "v1", "Job"),
    ("batch", "v1", "CronJob"),
    ("networking.k8s.io", "v1", "Ingress"),
    ("apps", "v1", "DaemonSet"),
    ("apps", "v1", "Deployment"),
    ("apps", "v1", "ReplicaSet"),
    ("apps", "v1", "StatefulSet"),
    ("", "v1", "Namespace"),
    ("", "v1", "PersistentVolume"),
];

/// What is said where those types are looked through.
pub const DEPRECATED: &str = "Deprecated: kubectl apply will no longer prune non-namespaced resources by default when used with the --namespace flag in a future release. To preserve the current behaviour, list the resources you want to target explicitly in the --prune-allowlist flag.";

/// The types of `--prune-allowlist`, each `GROUP/VERSION/KIND` with `core` for the core group; the usual
/// ones where there are none.
///
/// # Errors
/// A type of another form, and one that the server does not have.
pub async fn types(client: &Client, allowlist: &[String]) -> anyhow::Result<Vec<Mapping>> {
    let mut kinds = Vec::new();
    for text in allowlist {
        let parts: Vec<&str> = text.split('/').collect();
        let [group, version, kind] = parts.as_slice() else {
            anyhow::bail!("invalid GroupVersionKind format: {text}, please follow <group/version/kind>");
        };
        let group = if *group == "core" { "" } else { group };
        kinds.push(GroupVersionKind::new(group, *version, *kind));
    }
    if kinds.is_empty() {
        kinds = DEFAULT.iter().map(|(group, version, kind)| GroupVersionKind::new(*group, *version, *kind)).collect();
    }
    let mut mappings = Vec::new();
    for kind in &kinds {
        mappings.push(client.mapping(kind).await?);
    }
    Ok(mappings)
}

/// What to prune.
pub struct Pruning<'a> {
    /// The server.
    pub client: &'a Client,
    /// The types.
    pub types: &'a [Mapping],
    /// The namespaces of what was applied.
    pub namespaces: &'a [String],
    /// Labels; empty for all.
    pub labels: &'a str,
    /// The UIDs of what was applied.
    pub applied: &'a HashSet<String>,
    /// How to delete; none where that is only pretended.
    pub delete: Option<DeleteParams>,
}

impl Pruning<'_> {
    /// Deletes what `apply` made and did not see now, and hands it to `pruned`.
    ///
    /// # Errors
    /// What the server refuses.
    pub async fn run(&self, mut pruned: impl FnMut(Object) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let (namespaced, others): (Vec<&Mapping>, Vec<&Mapping>) =
            self.types.iter().partition(|mapping| mapping.namespaced);
        for namespace in self.namespaces {
            for mapping in &namespaced {
                self.prune(mapping, namespace, &mut pruned)
                    .await
                    .map_err(|error| anyhow::anyhow!("error pruning namespaced object {}: {error:#}", mapping.kind))?;
            }
        }
        for mapping in others {
            self.prune(mapping, "", &mut pruned)
                .await
                .map_err(|error| anyhow::anyhow!("error pruning nonNamespaced object {}: {error:#}", mapping.kind))?;
        }
        Ok(())
    }

    async fn prune(
        &self,
        mapping: &Mapping,
        namespace: &str,
        pruned: &mut impl FnMut(Object) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let collection = Endpoint::collection(&mapping.resource, namespace);
        let params = ListParams { labels: self.labels.to_owned(), ..ListParams::default() };
        let list = self.client.json(Call::list(&collection, &params)).await?;
        for mut object in paging::take_items(list) {
            if last_applied::original(&object).is_none() || self.applied.contains(object.uid()) {
                continue;
            }
            if let Some(delete) = &self.delete {
                let endpoint = Endpoint { name: object.name().to_owned(), ..collection.clone() };
                self.client.bytes(Call::delete(&endpoint, delete)).await?;
            }
            // Items of lists need not say what they are.
            object.set_at(&["apiVersion"], mapping.kind.api_version());
            object.set_at(&["kind"], mapping.kind.kind.as_str());
            pruned(object)?;
        }
        Ok(())
    }
}
