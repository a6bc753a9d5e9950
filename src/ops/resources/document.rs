//! Documents of manifests: which resource each is, whose namespace it is in, and how the server has it.

use std::collections::VecDeque;

use super::fetch::{is_list, of_object, resource_text};
use super::plan::Plan;
use super::{Builder, Info};
use crate::client::discovery::NoKindMatch;
use crate::client::paging;
use crate::object::{Meta, Object, Status, json_kind};

/// A manifest's object is not in the namespace that was asked for.
#[derive(Debug)]
pub(super) struct OtherNamespace {
    object: String,
    given: String,
}

impl std::fmt::Display for OtherNamespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { object, given } = self;
        write!(
            f,
            "the namespace from the provided object {object:?} does not match the namespace {given:?}. You must pass '--namespace={object}' to perform this operation."
        )
    }
}

impl std::error::Error for OtherNamespace {}

impl Plan<'_> {
    /// The objects of a document of a manifest, namespaces settled, fetched where the newest are wanted.
    pub(super) async fn of_document(
        &self,
        document: anyhow::Result<Object>,
        source: &str,
    ) -> Vec<anyhow::Result<Info>> {
        let info = match document {
            Ok(document) => self.recognize(document, source).await,
            Err(error) => Err(error),
        };
        let info = match info {
            Ok(info) => info,
            Err(error) => return vec![Err(error)],
        };
        let mut settled = Vec::new();
        for info in self.flat(info).await {
            let info = match info {
                Ok(info) => self.newest(info).await,
                Err(error) => Err(error),
            };
            let Ok(info) = info else {
                settled.push(info);
                continue;
            };
            let fits = |selector: &crate::object::labels::Selector| selector.matches(&info.object());
            if self.filter.as_ref().is_none_or(fits) {
                settled.push(self.builder.settle_namespace(info));
            }
        }
        settled
    }

    async fn recognize(&self, document: Object, source: &str) -> anyhow::Result<Info> {
        if let Some(check) = &self.builder.validator {
            check(&document).map_err(|error| {
                anyhow::anyhow!(
                    "error validating {source:?}: error validating data: {error}; if you choose to ignore these errors, turn validation off with --validate=false"
                )
            })?;
        }
        if let Some(fault) = not_an_object(&document) {
            anyhow::bail!("unable to decode {source:?}: {fault}");
        }
        // A list is no resource; its items are.
        if self.builder.local || (is_list(&document) && document.kind().ends_with("List")) {
            return Ok(of_object(None, document, source));
        }
        match self.mapping(&document).await {
            Ok(mapping) => Ok(of_object(Some(mapping), document, source)),
            Err(error) if error.is::<NoKindMatch>() => {
                let (name, namespace) = (document.name(), document.namespace());
                Err(anyhow::anyhow!(
                    "resource mapping not found for name: {name:?} namespace: {namespace:?} from {source:?}: {error}\nensure CRDs are installed first"
                ))
            }
            Err(error) if error.is::<Status>() => Err(anyhow::anyhow!("unable to recognize {source:?}: {error}")),
            Err(error) => Err(error),
        }
    }

    /// A list's items, and those of lists in it; anything else itself.
    async fn flat(&self, info: Info) -> Vec<anyhow::Result<Info>> {
        if !self.builder.flatten || !is_list(&info.object()) {
            return vec![Ok(info)];
        }
        let Info { source, object, .. } = info;
        let mut queue = VecDeque::from([object.unwrap_or_default()]);
        let mut infos = Vec::new();
        while let Some(object) = queue.pop_front() {
            if is_list(&object) {
                queue.extend(paging::take_items(object));
                continue;
            }
            if let Some(fault) = not_an_object(&object) {
                infos.push(Err(anyhow::Error::msg(fault)));
                continue;
            }
            let mapping = match self.builder.local {
                true => Ok(None),
                false => self.mapping(&object).await.map(Some),
            };
            let mapping = mapping.map_err(|error| anyhow::anyhow!("unable to recognize {error}"));
            infos.push(mapping.map(|mapping| of_object(mapping, object, &source)));
        }
        infos
    }

    /// An object of a manifest as the server has it, where that is wanted.
    async fn newest(&self, mut info: Info) -> anyhow::Result<Info> {
        let Some(client) = self.client.filter(|_| self.builder.latest) else { return Ok(info) };
        if self.builder.default_namespace {
            self.builder.default_into(&mut info);
        }
        if is_list(&info.object()) {
            anyhow::bail!(
                "watch is only supported on individual resources and resource collections, but a list of resources is found"
            );
        }
        if info.name.is_empty() {
            return Ok(info);
        }
        if info.namespaced() && info.namespace.is_empty() {
            let kind = info.mapping.as_ref().map(|mapping| resource_text(&mapping.resource)).unwrap_or_default();
            anyhow::bail!("no namespace set on resource {kind} {:?}", info.name);
        }
        if !info.namespaced() {
            info.namespace.clear();
        }
        info.fetch(client, self.builder.accept, self.builder.include_object).await?;
        Ok(info)
    }
}

impl Builder<'_> {
    fn default_into(&self, info: &mut Info) {
        if info.namespaced() && info.namespace.is_empty() && !self.namespace.is_empty() {
            info.namespace.clone_from(&self.namespace);
            if let Some(object) = &mut info.object {
                object.set_at(&["metadata", "namespace"], self.namespace.as_str());
            }
        }
    }

    /// Sets, checks or clears the namespace of an object from a manifest.
    fn settle_namespace(&self, mut info: Info) -> anyhow::Result<Info> {
        // Without a mapping nobody knows whether it lives in one; what it says itself counts.
        if info.namespaced() {
            if self.default_namespace || self.require_namespace {
                self.default_into(&mut info);
            }
            if self.require_namespace && info.namespace != self.namespace {
                return Err(OtherNamespace { object: info.namespace, given: self.namespace.clone() }.into());
            }
        } else {
            info.namespace.clear();
            if let Some(object) = &mut info.object {
                object.remove_at(&["metadata", "namespace"]);
            }
        }
        Ok(info)
    }
}

/// Why a value is no object of the API, in Go's words.
fn not_an_object(value: &Object) -> Option<String> {
    let kind = match value {
        Object::Object(_) if value.kind().is_empty() => {
            return Some(format!("Object 'Kind' is missing in '{value}'"));
        }
        Object::Object(_) => return None,
        other => json_kind(other),
    };
    Some(format!("json: cannot unmarshal {kind} into Go value of type unstructured.detector"))
}
