//! The kubelet's edges, joined to the bundled cluster's API and engine.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use super::access::{Access, Body};
use super::env::Lookup;
use super::logs::LogFiles;
use super::streams::Streams;
use crate::backend::api::{Api, BoxFuture, Nodes};
use crate::backend::controllers::Event;
use crate::backend::controllers::engine::LogSink;
use crate::object::{Object, Timestamp};

impl Lookup for Api {
    fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.get(resource, namespace, name).ok().map(Arc::new)
    }

    fn services(&self, namespace: &str) -> Vec<Arc<Object>> {
        Access::list(self, "services", Some(namespace))
    }
}

impl Access for Api {
    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Object>> {
        Self::list(self, resource, namespace).unwrap_or_default().into_iter().map(Arc::new).collect()
    }

    fn now(&self) -> Timestamp {
        self.clock().now()
    }

    fn update_status(&self, resource: &'static str, object: Object) {
        // A status that has changed meanwhile is looked at again by the kubelet.
        let _ = Self::update_status(self, resource, object);
    }

    fn report(&self, event: Event) {
        let _ = self.record_event(&event);
    }
}

impl Nodes for Streams {
    fn connect(&self, object: &Object, subresource: &str, request: Request<Bytes>) -> BoxFuture<'_, Response<Body>> {
        let (object, subresource) = (object.clone(), subresource.to_owned());
        Box::pin(async move { Self::connect(self, &object, &subresource, request).await })
    }
}

impl LogSink for LogFiles {
    fn append(&self, pod_uid: &str, container: &str, restart: i64, time: Timestamp, line: &str) {
        Self::append(self, pod_uid, container, restart, time, line);
    }
}
