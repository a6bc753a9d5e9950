//! The cluster's network while it is served: pods listen on loopback addresses of their own, Services
//! balance over those that are ready.
//!
//! An address of the cluster is found on this machine with 127 in the place of its first number: the pod
//! 10.244.1.5 at 127.244.1.5, the Service 10.96.0.10 at 127.96.0.10. NodePorts are on 127.0.0.1. A
//! port below 1024 that this user may not open is 8000 higher (80 becomes 8080), which an event says.
//!
//! [`Proxy`] is a controller that writes nothing: it works out what should listen, and hands that to
//! [`Network`], the task that does. So the network follows every change at once, and rests with the cluster.

mod bind;
mod pods;
mod services;
mod table;

use std::collections::HashMap;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::access::Access;
use super::logs::LogFiles;
use crate::backend::controllers::{Change, Controller, Key, Outcome, View};
use crate::object::Meta;
use pods::PodPlan;
pub use pods::connect;
use services::ServicePlan;
use table::Table;

/// The resource in which the ready addresses of Services are found.
const SLICES: &str = "endpointslices.discovery.k8s.io";

/// Where an address of the cluster is found on this machine.
pub fn loopback(ip: &str) -> Option<Ipv4Addr> {
    let [_, b, c, d] = ip.parse::<Ipv4Addr>().ok()?.octets();
    Some(Ipv4Addr::new(127, b, c, d))
}

/// What should listen for one pod or Service.
#[derive(Debug)]
enum Plan {
    Pod(PodPlan),
    Service(ServicePlan),
    /// Nothing (any more).
    Gone,
}

/// The controller that works out what should listen.
pub struct Proxy {
    plans: mpsc::UnboundedSender<(Key, Plan)>,
}

/// The task that listens.
pub struct Network {
    access: Arc<dyn Access>,
    logs: LogFiles,
    plans: mpsc::UnboundedReceiver<(Key, Plan)>,
    table: Arc<Table>,
}

/// A network for the cluster. `api_server` is where the `kubernetes` Service leads.
pub fn network(access: Arc<dyn Access>, logs: LogFiles, api_server: Option<SocketAddr>) -> (Proxy, Network) {
    let (sender, plans) = mpsc::unbounded_channel();
    (Proxy { plans: sender }, Network { access, logs, plans, table: Arc::new(Table::new(api_server)) })
}

impl Controller for Proxy {
    fn name(&self) -> &'static str {
        "kube-proxy"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["pods", "services", SLICES]
    }

    fn keys(&self, change: &Change, _: &View) -> Vec<Key> {
        if change.key.resource != SLICES {
            return vec![change.key.clone()];
        }
        let services = [&change.new, &change.old]
            .into_iter()
            .flatten()
            .filter_map(|slice| slice.label("kubernetes.io/service-name"));
        let mut names: Vec<&str> = services.collect();
        names.dedup();
        names
            .into_iter()
            .map(|name| Key { resource: "services", namespace: change.key.namespace.clone(), name: name.to_owned() })
            .collect()
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let plan = match (view.at(key), key.resource) {
            (Some(pod), "pods") => pods::plan(pod).map_or(Plan::Gone, Plan::Pod),
            (Some(service), "services") => {
                let slices = view.list(SLICES, Some(&key.namespace));
                let own = slices.filter(|slice| slice.label("kubernetes.io/service-name") == Some(&key.name));
                services::plan(service, own.map(|slice| &**slice)).map_or(Plan::Gone, Plan::Service)
            }
            _ => Plan::Gone,
        };
        // Nobody listens to plans only once the network has ended.
        let _ = self.plans.send((key.clone(), plan));
        Outcome::default()
    }
}

impl Network {
    /// Listens as planned until `shutdown`; then everything is closed.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut pods: HashMap<Key, pods::Pod> = HashMap::new();
        let mut services: HashMap<Key, services::Service> = HashMap::new();
        loop {
            let (key, plan) = tokio::select! {
                () = &mut shutdown => return,
                next = self.plans.recv() => match next {
                    Some(next) => next,
                    None => return,
                },
            };
            match plan {
                Plan::Pod(plan) => {
                    let same = pods.get(&key).is_some_and(|pod| pod.is_of(&plan));
                    if !same {
                        pods.remove(&key);
                    }
                    match pods.get(&key) {
                        Some(pod) => pod.update(&plan),
                        None => {
                            let pod = pods::Pod::start(plan, &self.access, &self.logs, &self.table).await;
                            pods.insert(key, pod);
                        }
                    }
                }
                Plan::Service(plan) => {
                    let service = services.entry(key.clone()).or_insert_with(|| services::Service::new(&key));
                    service.update(plan, &self.access, &self.table).await;
                }
                Plan::Gone => {
                    pods.remove(&key);
                    services.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
