//! What a node has given away: pod addresses, and images that are on it.

use std::net::Ipv4Addr;

use super::images::Reference;
use crate::backend::controllers::View;
use crate::object::{Meta, Object};

/// The node's own address.
pub fn of_node(node: &Object) -> &str {
    let addresses = node.list_at(&["status", "addresses"]);
    addresses
        .iter()
        .find(|address| address.str_at(&["type"]) == "InternalIP")
        .map_or("", |address| address.str_at(&["address"]))
}

/// The lowest address of the node's range that no other pod on it has. The range's first two
/// addresses are the network and the node.
pub fn free(pod: &Object, node: &Object, view: &View) -> Option<String> {
    let (network, bits) = node.str_at(&["spec", "podCIDR"]).split_once('/')?;
    let network = u32::from(network.parse::<Ipv4Addr>().ok()?);
    let size = 1_u32.checked_shl(32_u32.checked_sub(bits.parse().ok()?)?).unwrap_or(u32::MAX);
    let own = pod.str_at(&["status", "podIP"]).parse().ok();
    let taken = view.addresses_on(node.name());
    let count = |address: &Ipv4Addr| taken.and_then(|taken| taken.get(address)).copied().unwrap_or(0);
    let is_free = |address: &Ipv4Addr| count(address) <= usize::from(Some(*address) == own);
    let mut all = (2..size.saturating_sub(1)).map(|host| Ipv4Addr::from(network.wrapping_add(host)));
    all.find(is_free).map(|address| address.to_string())
}

/// Whether an image is on the node already: it says so, or a container on it runs (or ran) from it.
pub fn has_image(status: &Object, node: &Object, view: &View, image: &str) -> bool {
    let Ok(full) = Reference::parse(image).map(|reference| reference.full()) else { return false };
    let listed = node
        .list_at(&["status", "images"])
        .iter()
        .any(|image| image.list_at(&["names"]).iter().any(|name| name.as_str() == Some(&full)));
    listed || status_has(status, &full) || view.has_image(node.name(), &full)
}

fn status_has(status: &Object, image: &str) -> bool {
    ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"].iter().any(|field| {
        let own = status.list_at(&[field]).iter();
        own.filter(|own| own.str_at(&["image"]) == image).any(|own| !own.str_at(&["imageID"]).is_empty())
    })
}
