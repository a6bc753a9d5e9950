//! The engine over the bundled cluster's own store and API.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::io::{Compacted, DeleteOptions, LogSink, Reviewer, Source, Writer};
use super::{Engine, EngineLock, Parts};
use crate::backend::api::{self, Api, Session, WayToWebhooks};
use crate::backend::controllers::view::{SharedView, UNSEEN};
use crate::backend::controllers::{Change, Controller, Event};
use crate::backend::registry::DisabledPlugins;
use crate::backend::store::{ListOptions, Store, StoreError, intern};
use crate::object::clock::Clock;
use crate::object::{Meta, Object, Status, Timestamp, builtin};

/// How many wait for things to happen in the cluster. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<AtomicUsize>);

/// One who waits, for as long as it lives.
#[derive(Debug)]
pub struct Waiter(Waiting);

impl Waiting {
    /// Someone begins to wait.
    pub fn begin(&self) -> Waiter {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waiter(self.clone())
    }

    fn anyone(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What [`engine`] puts together.
pub struct Bundle {
    /// The store of the cluster.
    pub store: Store,
    /// The process's clock.
    pub clock: Clock,
    /// The seed of names and UIDs; `None` takes the store's own.
    pub seed: Option<u64>,
    /// The admission plugins that the cluster goes without.
    pub disabled: DisabledPlugins,
    /// The controllers, the scheduler and the kubelet.
    pub controllers: Vec<Box<dyn Controller>>,
    /// Where container logs go.
    pub logs: Box<dyn LogSink>,
    /// Who waits.
    pub waiting: Waiting,
    /// The way to webhooks.
    pub way_to_webhooks: WayToWebhooks,
}

/// The engine of a cluster in this state folder, or in memory.
pub fn engine(bundle: Bundle, folder: Option<&Path>) -> Engine {
    // Its writes are dated by a clock of its own, which starts as early as there is time.
    let moment = Clock::manual(Timestamp::UNIX_EPOCH);
    let store = bundle.store.in_batches();
    let writer = Api::without(bundle.disabled, store.clone(), moment.clone(), bundle.seed);
    let writer = writer.with_way_to_webhooks(bundle.way_to_webhooks);
    let session = Session::of_components(&writer);
    let writer = writer.in_session(Arc::clone(&session));
    Engine::new(Parts {
        controllers: bundle.controllers,
        writer: Box::new(writer),
        source: Arc::new(StoreSource { store, waiting: bundle.waiting }),
        reviewer: session,
        logs: bundle.logs,
        clock: bundle.clock,
        moment,
        lock: folder.map_or_else(EngineLock::default, EngineLock::in_folder),
    })
}

impl Reviewer for Session {
    fn act_as(&self, component: &'static str) {
        Session::act_as(self, component);
    }

    fn is_wanted(&self) -> bool {
        Session::is_wanted(self)
    }

    fn is_ready(&self) -> bool {
        Session::is_ready(self)
    }

    fn ask(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(Session::ask(self))
    }

    fn finish(&self) {
        Session::finish(self);
    }
}

impl Writer for Api {
    fn create(&self, resource: &str, object: Object) -> Result<Object, Status> {
        Api::create(self, resource, object)
    }

    fn update(&self, resource: &str, object: Object) -> Result<Object, Status> {
        if resource == super::NAMESPACE_FINALIZERS {
            return self.finalize(object);
        }
        Api::update(self, resource, object)
    }

    fn update_status(&self, resource: &str, object: Object) -> Result<Object, Status> {
        Api::update_status(self, resource, object)
    }

    fn bind(&self, namespace: &str, pod: &str, node: &str) -> Result<(), Status> {
        Api::bind(self, namespace, pod, node)
    }

    fn delete(&self, resource: &str, namespace: &str, name: &str, options: &DeleteOptions) -> Result<(), Status> {
        let options = api::DeleteOptions {
            uid: options.uid.clone().unwrap_or_default(),
            grace_period_seconds: options.grace_period_seconds,
            propagation: options.propagation.unwrap_or("").to_owned(),
            ..api::DeleteOptions::default()
        };
        Api::delete(self, resource, namespace, name, &options).map(drop)
    }

    fn record_event(&self, event: &Event) -> Result<(), Status> {
        Api::record_event(self, event)
    }

    fn drop_events(&self, until: Timestamp) -> Result<(), Status> {
        Api::drop_events(self, until)
    }
}

struct StoreSource {
    store: Store,
    waiting: Waiting,
}

impl StoreSource {
    fn list(&self, resource: &'static str, into: &mut Vec<(&'static str, Object)>) -> anyhow::Result<()> {
        let mut failed = None;
        self.store.scan(resource, &ListOptions::default(), |_, _, _, bytes| match serde_json::from_slice(bytes) {
            Ok(object) => into.push((resource, object)),
            Err(error) => failed = Some(error),
        })?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

impl Source for StoreSource {
    fn revision(&self) -> anyhow::Result<u64> {
        Ok(self.store.revision()?)
    }

    fn snapshot(&self) -> anyhow::Result<(u64, Vec<(&'static str, Object)>)> {
        // What is written meanwhile is replayed from this revision on.
        let revision = self.store.revision()?;
        let mut objects = Vec::new();
        let resources: BTreeSet<&'static str> =
            builtin::resources().iter().map(builtin::Resource::group_resource).collect();
        for resource in resources.into_iter().filter(|resource| *resource != UNSEEN) {
            self.list(resource, &mut objects)?;
        }
        let definitions: Vec<&'static str> = objects
            .iter()
            .filter(|(resource, _)| *resource == "customresourcedefinitions.apiextensions.k8s.io")
            .map(|(_, definition)| intern(definition.name()))
            .collect();
        for resource in definitions {
            self.list(resource, &mut objects)?;
        }
        Ok((revision, objects))
    }

    fn each_unseen(&self, visit: &mut dyn FnMut(&[u8])) -> anyhow::Result<()> {
        self.store.scan(UNSEEN, &ListOptions::default(), |_, _, _, bytes| visit(bytes))?;
        Ok(())
    }

    fn changes_since(&self, revision: u64) -> anyhow::Result<Result<Vec<Change>, Compacted>> {
        match self.store.changes_since(revision) {
            Ok(changes) => Ok(Ok(changes)),
            // What is not there any longer, or never came to be.
            Err(StoreError::Compacted { .. } | StoreError::Future { .. }) => Ok(Err(Compacted)),
            Err(error) => Err(error.into()),
        }
    }

    fn meta_get(&self, key: &str) -> anyhow::Result<Option<String>> {
        Ok(self.store.meta_get(key)?)
    }

    fn meta_set(&self, key: &str, value: &str) -> anyhow::Result<()> {
        Ok(self.store.meta_set(key, value)?)
    }

    fn begin(&self, view: &SharedView) -> anyhow::Result<()> {
        Ok(self.store.begin(Arc::new(view.clone()))?)
    }

    fn is_in_batch(&self) -> bool {
        self.store.is_in_batch()
    }

    fn load(&self) -> (usize, bool) {
        self.store.batch_load()
    }

    fn commit(&self) -> anyhow::Result<()> {
        Ok(self.store.commit()?)
    }

    fn abandon(&self) {
        self.store.abandon();
    }

    fn changed<'a>(&'a self, revision: u64) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            if self.store.subscribe().after(revision).await.is_err() {
                // The next settling will say what is wrong with the store.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })
    }

    fn someone_waits(&self) -> bool {
        self.waiting.anyone()
    }
}
