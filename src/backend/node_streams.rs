//! The nodes as the API server sees them: requests to a pod's subresources go to its kubelet, which
//! sees the cluster through the API.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use super::api::{Api, Body, BoxFuture, Nodes};
use super::controllers::Event;
use super::kubelet::access::Access;
use super::kubelet::env::Lookup;
use super::kubelet::sandbox::Launcher;
use super::kubelet::streams::Streams;
use crate::object::{Object, Timestamp};

/// The nodes of the cluster in a state folder.
pub(super) struct NodeStreams(Streams);

impl NodeStreams {
    /// Where this program cannot start itself again, nothing is executed in containers.
    pub(super) fn new(api: Api, folder: PathBuf) -> Self {
        Self(Streams::new(Arc::new(ThroughApi(api)), folder, Launcher::this_program().ok()))
    }
}

impl Nodes for NodeStreams {
    fn connect(&self, object: &Object, subresource: &str, request: Request<Bytes>) -> BoxFuture<'_, Response<Body>> {
        let (object, subresource) = (object.clone(), subresource.to_owned());
        Box::pin(async move { self.0.connect(&object, &subresource, request).await })
    }
}

/// The cluster as the kubelets ask for it.
struct ThroughApi(Api);

impl Lookup for ThroughApi {
    fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.0.get(resource, namespace, name).ok().map(Arc::new)
    }

    fn services(&self, namespace: &str) -> Vec<Arc<Object>> {
        Access::list(self, "services", Some(namespace))
    }
}

impl Access for ThroughApi {
    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Object>> {
        self.0.list(resource, namespace).unwrap_or_default().into_iter().map(Arc::new).collect()
    }

    fn now(&self) -> Timestamp {
        self.0.clock().now()
    }

    fn update_status(&self, resource: &'static str, object: Object) {
        // One that is no longer current is overtaken by what the engine makes of it.
        let _ = self.0.update_status(resource, object);
    }

    fn report(&self, event: Event) {
        let _ = self.0.record_event(&event);
    }
}
