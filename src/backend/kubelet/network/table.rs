//! Where the cluster's addresses really listen.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{PoisonError, RwLock};

/// From address and port in the cluster to those on this machine.
#[derive(Debug)]
pub(super) struct Table {
    places: RwLock<HashMap<(String, u16), SocketAddr>>,
    api_server: Option<SocketAddr>,
}

impl Table {
    pub(super) fn new(api_server: Option<SocketAddr>) -> Self {
        Self { places: RwLock::default(), api_server }
    }

    pub(super) fn add(&self, ip: &str, port: u16, place: SocketAddr) {
        self.places.write().unwrap_or_else(PoisonError::into_inner).insert((ip.to_owned(), port), place);
    }

    /// Forgets an address, unless another pod has it by now.
    pub(super) fn remove(&self, ip: &str, port: u16, place: SocketAddr) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        let key = (ip.to_owned(), port);
        if places.get(&key) == Some(&place) {
            places.remove(&key);
        }
    }

    /// Where something listens for that address of the cluster.
    pub(super) fn find(&self, ip: &str, port: u16) -> Option<SocketAddr> {
        let place = self.places.read().unwrap_or_else(PoisonError::into_inner).get(&(ip.to_owned(), port)).copied();
        // The only port of the cluster's own that a Service leads to.
        place.or_else(|| self.api_server.filter(|_| port == 6443))
    }
}
