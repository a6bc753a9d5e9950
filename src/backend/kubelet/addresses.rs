//! What a node has given away: pod addresses, and images that are on it.

use std::collections::HashSet;
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
    let taken: HashSet<&str> = view
        .pods_on(node.name())
        .filter(|other| {
            other.uid() != pod.uid() && !matches!(other.str_at(&["status", "phase"]), "Succeeded" | "Failed")
        })
        .map(|other| other.str_at(&["status", "podIP"]))
        .collect();
    (2..size.saturating_sub(1))
        .map(|host| Ipv4Addr::from(network.wrapping_add(host)).to_string())
        .find(|address| !taken.contains(address.as_str()))
}

/// Whether an image is on the node already: it says so, or a container on it runs (or ran) from it.
pub fn has_image(pod: &Object, status: &Object, node: &Object, view: &View, image: &str) -> bool {
    let Ok(full) = Reference::parse(image).map(|reference| reference.full()) else { return false };
    let in_status = |status: &Object| {
        ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"].iter().any(|field| {
            status
                .list_at(&[field])
                .iter()
                .any(|own| own.str_at(&["image"]) == full && !own.str_at(&["imageID"]).is_empty())
        })
    };
    let listed = node
        .list_at(&["status", "images"])
        .iter()
        .any(|image| image.list_at(&["names"]).iter().any(|name| name.as_str() == Some(&full)));
    listed
        || in_status(status)
        || view
            .pods_on(node.name())
            .any(|other| other.uid() != pod.uid() && other.at(&["status"]).is_some_and(in_status))
}
