//! Services: each of their ports takes connections and passes them on to a pod that is ready.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::table::Table;
use super::{bind, loopback};
use crate::backend::controllers::{Event, Key};
use crate::backend::kubelet::access::Access;
use crate::backend::kubelet::chance;
use crate::object::{Meta, Object};

/// How long a pod may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(1);

/// What should listen for a Service.
#[derive(Clone, Debug)]
pub(super) struct ServicePlan {
    about: Object,
    /// Where it listens, and to where each port leads.
    ports: BTreeMap<(IpAddr, u16), Vec<(String, u16)>>,
    sticky: bool,
}

/// What should listen for this Service; nothing for one without an address of its own.
pub(super) fn plan<'a>(service: &Object, slices: impl Iterator<Item = &'a Object>) -> Option<ServicePlan> {
    let ip = loopback(service.str_at(&["spec", "clusterIP"]))?;
    let slices: Vec<&Object> = slices.filter(|slice| slice.str_at(&["addressType"]) == "IPv4").collect();
    let mut ports = BTreeMap::new();
    for port in service.list_at(&["spec", "ports"]) {
        if !matches!(port.str_at(&["protocol"]), "" | "TCP") {
            continue;
        }
        let backends = backends(&slices, port.str_at(&["name"]));
        let number =
            |field: &str| port.int_at(&[field]).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        if let Some(node_port) = number("nodePort") {
            ports.insert((IpAddr::V4(Ipv4Addr::LOCALHOST), node_port), backends.clone());
        }
        if let Some(port) = number("port") {
            ports.insert((IpAddr::V4(ip), port), backends);
        }
    }
    let mut about = super::super::pod::reference(service);
    about.set_at(&["kind"], "Service");
    Some(ServicePlan { about, ports, sticky: service.str_at(&["spec", "sessionAffinity"]) == "ClientIP" })
}

/// The addresses behind a port: those that are ready, or else those that still serve while they end.
fn backends(slices: &[&Object], port_name: &str) -> Vec<(String, u16)> {
    let mut ready = Vec::new();
    let mut serving = Vec::new();
    for slice in slices {
        let port = slice.list_at(&["ports"]).iter().find(|port| port.str_at(&["name"]) == port_name);
        let Some(port) = port.and_then(|port| u16::try_from(port.int_at(&["port"])?).ok()) else { continue };
        for endpoint in slice.list_at(&["endpoints"]) {
            let condition = |name: &str| endpoint.at(&["conditions", name]).and_then(Object::as_bool);
            let list = if condition("ready").unwrap_or(true) {
                &mut ready
            } else if condition("serving").unwrap_or(false) && condition("terminating").unwrap_or(false) {
                &mut serving
            } else {
                continue;
            };
            list.extend(endpoint.list_at(&["addresses"]).iter().filter_map(|ip| Some((ip.as_str()?.to_owned(), port))));
        }
    }
    if ready.is_empty() { serving } else { ready }
}

/// A Service that listens, until it is dropped.
pub(super) struct Service {
    namespace: String,
    name: String,
    listeners: HashMap<(IpAddr, u16), Listener>,
}

struct Listener {
    balance: Arc<Balance>,
    _end: watch::Sender<()>,
}

/// The choice among the addresses behind a port.
pub(super) struct Balance {
    backends: RwLock<Arc<Vec<(String, u16)>>>,
    next: AtomicUsize,
    sticky: bool,
}

impl Service {
    pub(super) fn new(key: &Key) -> Self {
        Self { namespace: key.namespace.clone(), name: key.name.clone(), listeners: HashMap::new() }
    }

    /// Opens and closes ports, and tells those that stay where they lead. Connections that are open go on.
    pub(super) async fn update(&mut self, plan: ServicePlan, access: &Arc<dyn Access>, table: &Arc<Table>) {
        self.listeners.retain(|place, _| plan.ports.contains_key(place));
        for (place, backends) in plan.ports {
            if let Some(listener) = self.listeners.get(&place) {
                *listener.balance.backends.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(backends);
                continue;
            }
            let listener = match bind::open(place.0, place.1) {
                Ok(listener) => listener,
                Err(error) => {
                    let what = if place.0 == IpAddr::V4(Ipv4Addr::LOCALHOST) { "nodePort" } else { "clusterIP" };
                    access.report(warning(
                        &plan.about,
                        format!(
                            "can't open port \"{what} for {}/{}\" ({}:{}/tcp), skipping it: {error}",
                            self.namespace, self.name, place.0, place.1
                        ),
                    ));
                    continue;
                }
            };
            if let Ok(real) = listener.local_addr().map(|real| real.port())
                && real != place.1
            {
                access.report(warning(
                    &plan.about,
                    format!("port {} needs privileges on this machine, so {}:{real} stands for it", place.1, place.0),
                ));
            }
            let (end, ended) = watch::channel(());
            let balance = Arc::new(Balance {
                backends: RwLock::new(Arc::new(backends)),
                next: AtomicUsize::new(0),
                sticky: plan.sticky,
            });
            tokio::spawn(accept(listener, Arc::clone(&balance), Arc::clone(table), ended));
            self.listeners.insert(place, Listener { balance, _end: end });
        }
    }
}

fn warning(about: &Object, message: String) -> Event {
    Event {
        regarding: about.clone(),
        field_path: String::new(),
        kind: "Warning",
        reason: "PortNotOpened".into(),
        message,
        component: "kube-proxy",
        host: String::new(),
    }
}

async fn accept(listener: TcpListener, balance: Arc<Balance>, table: Arc<Table>, mut ended: watch::Receiver<()>) {
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    let (balance, table) = (Arc::clone(&balance), Arc::clone(&table));
                    tokio::spawn(pass_on(stream, client, balance, table));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
}

async fn pass_on(mut stream: TcpStream, client: SocketAddr, balance: Arc<Balance>, table: Arc<Table>) {
    let _ = stream.set_nodelay(true);
    if let Some(mut pod) = balance.connect(client, &table).await {
        let _ = pod.set_nodelay(true);
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut pod).await;
    }
}

impl Balance {
    /// A connection to one of the addresses: each in its turn, or always the same for one client. One that does not answer
    /// is passed over.
    async fn connect(&self, client: SocketAddr, table: &Table) -> Option<TcpStream> {
        let backends = Arc::clone(&self.backends.read().unwrap_or_else(PoisonError::into_inner));
        let first = if self.sticky {
            usize::try_from(chance::hash(&[&client.ip().to_string()])).unwrap_or(usize::MAX) >> 1
        } else {
            self.next.fetch_add(1, Ordering::Relaxed)
        };
        for turn in 0..backends.len() {
            let (ip, port) = backends.get(first.wrapping_add(turn) % backends.len())?;
            if let Some(place) = table.find(ip, *port)
                && let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, TcpStream::connect(place)).await
            {
                return Some(stream);
            }
        }
        None
    }
}
