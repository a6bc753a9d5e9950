//! The API server: the verbs over the store and the registry, and HTTP around them.
//!
//! Every verb is one transaction. Below, objects are in their storage version; `http` converts on
//! the way in and out.

mod accept;
mod access;
mod admission;
mod approval;
mod body;
mod budget;
mod call;
mod catalog;
mod create;
mod definition;
mod delete;
mod discovery;
mod events;
mod form;
mod health;
pub mod http;
mod import;
mod layout;
mod list;
mod metrics;
mod openapi;
mod passing;
mod patch;
mod policies;
mod query;
mod random;
pub mod response;
mod review;
mod route;
mod scale;
mod selection;
mod size;
mod table;
mod token;
mod transaction;
mod update;
mod usage;
mod watch;
mod webhooks;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use ::http::{Request, Response};
use bytes::Bytes;

pub use access::{AlwaysAllow, Caller, User};
pub use delete::{DeleteOptions, Deleted};
pub use update::Part;
pub use webhooks::{Session, WayToWebhooks, WebhookCall, Webhooks};

use super::controllers;
use super::registry::DisabledPlugins;
use super::registry::convert::Conversion;
use super::registry::custom::Custom;
pub use super::registry::managed::Manager;
use super::store::{ListOptions, Store};
use super::trust::Trust;
use crate::object::clock::Clock;
use crate::object::{Object, Status, Timestamp};

/// Any error, as bodies report it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A response's body: a stream of chunks.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;
/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the nodes do for the API server: streams from and to containers.
pub trait Nodes: Send + Sync {
    /// Answers a request to a pod's (or service's, or node's) `log`, `exec`, `attach`, `portforward`
    /// or `proxy`. Connections are taken over with `hyper::upgrade::on(&mut request)`.
    fn connect(&self, object: &Object, subresource: &str, request: Request<Bytes>) -> BoxFuture<'_, Response<Body>>;
}

/// What a write is asked to do besides writing.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Do everything but write.
    pub dry_run: bool,
    /// The version in which the client writes a custom resource, whose schema counts; the storage
    /// version's where there is none.
    pub version: Option<&'static Custom>,
    /// Who writes, for `managedFields`; nobody keeps books where there is none.
    pub manager: Option<Manager>,
    /// Who writes, where that is somebody who may not do everything: roles and bindings give nobody more
    /// than the writer has.
    pub user: Option<User>,
}

/// What a write led to.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The object as it is now.
    pub object: Object,
    /// Texts for `Warning` headers.
    pub warnings: Vec<String>,
}

/// The API server's core, for everything in this process. Clones are handles on the same one.
#[derive(Clone)]
pub struct Api {
    shared: Arc<Shared>,
    way_to_webhooks: WayToWebhooks,
    /// Where webhooks are asked about writes; nobody is asked where there is none.
    session: Option<Arc<Session>>,
}

struct Shared {
    store: Store,
    clock: Clock,
    seed: OnceLock<u64>,
    catalog: catalog::Catalog,
    trust: Trust,
    disabled: DisabledPlugins,
    access: access::Cache,
    metrics: metrics::Metrics,
}

impl Api {
    /// An API server over a store. Without a seed, the store's own is used (made when first needed).
    pub fn new(store: Store, clock: Clock, seed: Option<u64>) -> Self {
        Self::without(DisabledPlugins::default(), store, clock, seed)
    }

    /// The same without some admission plugins.
    pub fn without(disabled: DisabledPlugins, store: Store, clock: Clock, seed: Option<u64>) -> Self {
        let cell = OnceLock::new();
        if let Some(seed) = seed {
            let _ = cell.set(seed);
        }
        let way_to_webhooks = WayToWebhooks::default();
        let trust = Trust::new(store.path().and_then(Path::parent));
        let catalog = catalog::Catalog::default();
        Self {
            shared: Arc::new(Shared {
                store,
                clock,
                seed: cell,
                catalog,
                trust,
                disabled,
                access: access::Cache::default(),
                metrics: metrics::Metrics::default(),
            }),
            way_to_webhooks,
            session: None,
        }
    }

    /// The same, asking webhooks in a session about what is written.
    #[must_use]
    pub fn in_session(&self, session: Arc<Session>) -> Self {
        Self { session: Some(session), ..self.clone() }
    }

    /// The same with another API's way to webhooks.
    #[must_use]
    pub fn with_way_to_webhooks(self, way_to_webhooks: WayToWebhooks) -> Self {
        Self { way_to_webhooks, ..self }
    }

    /// The way to webhooks; the first that is set stays.
    pub fn way_to_webhooks(&self) -> &WayToWebhooks {
        &self.way_to_webhooks
    }

    /// The cluster's keys.
    pub fn trust(&self) -> &Trust {
        &self.shared.trust
    }

    /// The admission plugins that this cluster goes without.
    pub fn disabled(&self) -> DisabledPlugins {
        self.shared.disabled
    }

    fn metrics(&self) -> &metrics::Metrics {
        &self.shared.metrics
    }

    /// The clock that dates what is written.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The time of what is written: in a session, that of the first attempt.
    fn now(&self) -> Timestamp {
        let begun = self.session.as_ref().and_then(|session| session.begun());
        begun.unwrap_or_else(|| self.clock().now())
    }

    /// An object in another version.
    fn convert(&self, way: Conversion, object: &Object) -> Result<Object, Status> {
        webhooks::convert(self.session.as_deref(), way, object)
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Reads an object; `resource` is `pods` or `deployments.apps`, a namespace of `""` is that of
    /// cluster-wide objects.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Result<Object, Status> {
        let stored = self.store().get(resource, namespace, name)?;
        Ok(stored.ok_or_else(|| Status::not_found(resource, name))?.parse()?)
    }

    /// Reads all objects of a resource, in one namespace or in all, sorted by namespace and name.
    pub fn list(&self, resource: &str, namespace: Option<&str>) -> Result<Vec<Object>, Status> {
        let page = self.store().list(resource, &ListOptions { namespace, ..ListOptions::default() })?;
        page.items.iter().map(|stored| Ok(stored.parse()?)).collect()
    }

    /// Creates an object where its metadata says; a name is made from `generateName` where there is none.
    pub fn create(&self, resource: &str, object: Object) -> Result<Object, Status> {
        let resource = self.known(resource)?;
        self.create_with(resource, object, &WriteOptions::default()).map(|written| written.object)
    }

    /// Replaces an object, all but its status. A `resourceVersion` must be the current one.
    pub fn update(&self, resource: &str, object: Object) -> Result<Object, Status> {
        let resource = self.known(resource)?;
        self.update_with(resource, Part::Whole, object, &WriteOptions::default()).map(|written| written.object)
    }

    /// Replaces an object's status. A `resourceVersion` must be the current one.
    pub fn update_status(&self, resource: &str, object: Object) -> Result<Object, Status> {
        let resource = self.known(resource)?;
        self.update_with(resource, Part::Status, object, &WriteOptions::default()).map(|written| written.object)
    }

    /// Replaces a namespace's `spec.finalizers`; one that is being deleted goes with the last of them.
    pub fn finalize(&self, namespace: Object) -> Result<Object, Status> {
        let resource = self.known("namespaces")?;
        self.update_with(resource, Part::Finalize, namespace, &WriteOptions::default()).map(|written| written.object)
    }

    /// Deletes an object, or marks it as being deleted.
    pub fn delete(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted, Status> {
        self.delete_with(self.known(resource)?, namespace, name, options)
    }

    /// Records an event as client-go's recorder does: one that equals an earlier one raises its count.
    pub fn record_event(&self, event: &controllers::Event) -> Result<(), Status> {
        events::record(self, event)
    }

    /// Removes the events that end until then.
    pub fn drop_events(&self, until: Timestamp) -> Result<(), Status> {
        events::drop_over(self, until)
    }
}

#[cfg(test)]
mod tests;
