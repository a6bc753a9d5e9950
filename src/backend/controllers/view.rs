//! What controllers see: every object at one moment, found by name, owner or node.
//!
//! What is asked for at every look is kept as sums and indexes that follow the changes, so that a
//! look costs what its object is worth and not what the cluster holds. Pods that nobody looked at for
//! a while are kept as text: there may be very many of them. Events are not here at all.

use std::collections::hash_map::Entry as Entries;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

use super::Key;
use super::packed::Packed;
use super::support::standing::{Membership, Standing};
use crate::backend::scheduler::{Loads, PodLoad};
use crate::backend::store::Mirror;
use crate::object::{Meta, Object, Timestamp};

/// The fields of a pod's status with the states of its containers.
const STATUSES: [&str; 3] = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"];
/// What no controller looks at.
pub const UNSEEN: &str = "events";
/// What asks others about writes: those that change objects, and those that only refuse them.
pub const WEBHOOKS: [&str; 2] = [
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
];
/// So many pods are kept ready to be read.
const WARM: usize = 4096;
/// Resources whose objects controllers claim by a selector.
const CLAIMED: [&str; 2] = ["pods", "replicasets.apps"];

/// All objects of the cluster at one moment.
#[derive(Debug, Default)]
pub struct View {
    now: Timestamp,
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
    /// Places in `entries` by resource, namespace and name.
    objects: BTreeMap<&'static str, BTreeMap<String, BTreeMap<String, usize>>>,
    by_owner: HashMap<String, Places>,
    by_node: HashMap<String, Places>,
    /// What no controller owns, of what controllers claim.
    orphans: HashMap<&'static str, Places>,
    /// Pods for which no node was found.
    refused: Places,
    loads: Loads,
    on_nodes: HashMap<String, OnNode>,
    /// Whose the last pod was: the next is often the same one's.
    last: Arc<Membership>,
    /// How many pods are ready to be read.
    warm: AtomicUsize,
    /// Where [`Self::cool`] goes on.
    hand: usize,
}

/// What the pods on a node have, and how many of them.
#[derive(Debug, Default)]
struct OnNode {
    /// By the image's full name, for containers that were started from it.
    images: HashMap<String, usize>,
    /// Of pods that have not ended; those of the fourth version only.
    addresses: HashMap<Ipv4Addr, usize>,
}

impl OnNode {
    /// One more, or one less, of what an index counts.
    fn count(&mut self, index: Index<'_>, more: bool) {
        match index {
            Index::Image(_, image) => count(&mut self.images, image.to_owned(), more),
            Index::Address(_, address) => {
                if let Ok(address) = address.parse() {
                    count(&mut self.addresses, address, more);
                }
            }
            _ => {}
        }
    }
}

fn count<T: Eq + Hash>(counts: &mut HashMap<T, usize>, value: T, more: bool) {
    match counts.entry(value) {
        Entries::Occupied(mut known) if more => *known.get_mut() += 1,
        Entries::Occupied(known) if *known.get() <= 1 => drop(known.remove()),
        Entries::Occupied(mut known) => *known.get_mut() -= 1,
        Entries::Vacant(free) if more => drop(free.insert(1)),
        Entries::Vacant(_) => {}
    }
}

/// Places of objects, sorted by resource, namespace and name.
type Places = BTreeMap<Arc<Key>, usize>;

#[derive(Debug)]
struct Entry {
    key: Arc<Key>,
    /// The object, where it is ready to be read.
    object: OnceLock<Arc<Object>>,
    /// The object as JSON, where somebody made that.
    text: Text,
    /// Whether it was read since the last time that somebody asked.
    touched: AtomicBool,
    /// What a pod takes from its node.
    load: Option<PodLoad>,
    /// How a pod stands.
    standing: Option<Standing>,
}

#[derive(Debug, Default)]
enum Text {
    #[default]
    None,
    Whole(Bytes),
    Packed(Packed),
}

impl Text {
    fn parse(&self) -> Option<Object> {
        match self {
            Self::None => None,
            Self::Whole(text) => serde_json::from_slice(text).ok(),
            Self::Packed(packed) => serde_json::from_slice(&packed.text()).ok(),
        }
    }

    /// The same in little space, by what others of the same controller are like.
    fn packed(self, standing: Option<&Standing>) -> Self {
        let membership = standing.map(|standing| &standing.membership);
        let (Self::Whole(text), Some(membership)) = (&self, membership.filter(|it| !it.controller.is_empty())) else {
            return self;
        };
        let mut base = membership.text.lock().unwrap_or_else(PoisonError::into_inner);
        let packed = base.as_ref().and_then(|base| Packed::new(text, base));
        let packed = packed.or_else(|| Packed::new(text, base.insert(text.as_ref().into())));
        packed.map_or_else(|| Self::Whole(Bytes::copy_from_slice(text)), Self::Packed)
    }
}

impl View {
    /// The view of these objects (resource and object) at `now`.
    pub fn of(objects: impl IntoIterator<Item = (&'static str, Object)>, now: Timestamp) -> Self {
        let mut view = Self { now, ..Self::default() };
        for (resource, object) in objects {
            let key = Key { resource, namespace: object.namespace().into(), name: object.name().into() };
            view.set(key, Some(Arc::new(object)));
        }
        view
    }

    /// The moment at which the controller looks.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Moves the view to another moment.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Whether webhooks have a say in writes.
    pub fn has_webhooks(&self) -> bool {
        WEBHOOKS.iter().any(|resource| self.list(resource, None).next().is_some())
    }

    /// What pods take from each node.
    pub fn loads(&self) -> &Loads {
        &self.loads
    }

    fn entry(&self, place: usize) -> Option<&Entry> {
        self.entries.get(place)?.as_ref()
    }

    fn object(&self, place: usize) -> Option<&Arc<Object>> {
        self.read(self.entry(place)?)
    }

    fn read<'a>(&self, entry: &'a Entry) -> Option<&'a Arc<Object>> {
        entry.touched.store(true, Ordering::Relaxed);
        if let Some(object) = entry.object.get() {
            return Some(object);
        }
        let object = Arc::new(entry.text.parse()?);
        self.warm.fetch_add(1, Ordering::Relaxed);
        Some(entry.object.get_or_init(|| object))
    }

    /// Makes text of pods that were not read lately, where too many are ready to be read.
    pub fn cool(&mut self) {
        let warm = self.warm.get_mut();
        if *warm <= WARM {
            return;
        }
        // Twice around: the first time may only find that all were read.
        for _ in 0..self.entries.len().saturating_mul(2) {
            if *warm <= WARM / 2 {
                return;
            }
            self.hand = (self.hand + 1) % self.entries.len().max(1);
            let Some(Some(entry)) = self.entries.get_mut(self.hand) else { continue };
            if entry.key.resource != "pods" || std::mem::take(entry.touched.get_mut()) {
                continue;
            }
            if let Some(object) = entry.object.take() {
                if let Text::None = entry.text {
                    match serde_json::to_vec(&*object) {
                        Ok(text) => entry.text = Text::Whole(text.into()),
                        Err(_) => {
                            let _ = entry.object.set(object);
                            continue;
                        }
                    }
                }
                entry.text = std::mem::take(&mut entry.text).packed(entry.standing.as_ref());
                *warm -= 1;
            }
        }
    }

    /// The object of that name.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        self.object(*self.objects.get(resource)?.get(namespace)?.get(name)?)
    }

    /// The object that a key names.
    pub fn at(&self, key: &Key) -> Option<&Arc<Object>> {
        self.get(key.resource, &key.namespace, &key.name)
    }

    /// All objects of a resource, in one namespace or in all, sorted by namespace and name.
    pub fn list<'a>(&'a self, resource: &str, namespace: Option<&'a str>) -> impl Iterator<Item = &'a Arc<Object>> {
        let namespaces = self.objects.get(resource).into_iter().flat_map(move |namespaces| {
            use std::ops::Bound::{Included, Unbounded};
            let range = match namespace {
                Some(namespace) => (Included(namespace), Included(namespace)),
                None => (Unbounded, Unbounded),
            };
            namespaces.range::<str, _>(range)
        });
        namespaces.flat_map(|(_, names)| names.values()).filter_map(|place| self.object(*place))
    }

    /// The objects of a resource in a namespace whose names begin so, sorted by name.
    pub fn list_named<'a>(
        &'a self,
        resource: &str,
        namespace: &str,
        prefix: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Object>> {
        use std::ops::Bound::{Included, Unbounded};
        let names = self.objects.get(resource).and_then(|namespaces| namespaces.get(namespace));
        let range = (Included(prefix), Unbounded);
        let places = names.into_iter().flat_map(move |names| names.range::<str, _>(range));
        places.take_while(move |(name, _)| name.starts_with(prefix)).filter_map(|(_, place)| self.object(*place))
    }

    /// Everything, sorted by resource, namespace and name.
    pub fn all(&self) -> impl Iterator<Item = (Key, &Arc<Object>)> {
        let names = self.objects.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values);
        names
            .filter_map(|place| self.entry(*place))
            .filter_map(|entry| Some((Key::clone(&entry.key), self.read(entry)?)))
    }

    /// Everything in a namespace, sorted by resource and name.
    pub fn in_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (Key, &'a Arc<Object>)> {
        let names = self.objects.values().filter_map(move |namespaces| namespaces.get(namespace));
        let places = names.flat_map(BTreeMap::values);
        places
            .filter_map(|place| self.entry(*place))
            .filter_map(|entry| Some((Key::clone(&entry.key), self.read(entry)?)))
    }

    /// The objects of a resource that have an owner reference with this UID.
    pub fn owned_by<'a>(&'a self, resource: &'a str, uid: &str) -> impl Iterator<Item = &'a Arc<Object>> {
        let places = self.by_owner.get(uid).into_iter().flatten();
        places.filter(move |(key, _)| key.resource == resource).filter_map(|(_, place)| self.object(*place))
    }

    /// How the pods in a namespace stand that have an owner reference with this UID.
    pub fn standings<'a>(&'a self, namespace: &'a str, uid: &str) -> impl Iterator<Item = &'a Standing> {
        let places = self.by_owner.get(uid).into_iter().flatten();
        let pods = places.filter(move |(key, _)| key.resource == "pods" && key.namespace == namespace);
        pods.filter_map(|(_, place)| self.entry(*place)?.standing.as_ref())
    }

    /// The keys of everything that has an owner reference with this UID.
    pub fn dependents(&self, uid: &str) -> impl Iterator<Item = &Key> {
        self.by_owner.get(uid).into_iter().flatten().map(|(key, _)| &**key)
    }

    /// The pods or replica sets in a namespace that no controller owns, by name.
    pub fn orphans<'a>(&'a self, resource: &str, namespace: &'a str) -> impl Iterator<Item = &'a Arc<Object>> {
        let places = self.orphans.get(resource).into_iter().flatten();
        places.filter(move |(key, _)| key.namespace == namespace).filter_map(|(_, place)| self.object(*place))
    }

    /// The pods that are bound to a node.
    pub fn pods_on(&self, node: &str) -> impl Iterator<Item = &Arc<Object>> {
        self.by_node.get(node).into_iter().flatten().filter_map(|(_, place)| self.object(*place))
    }

    /// Whether a container on a node was started from an image, by the image's full name.
    pub fn has_image(&self, node: &str, image: &str) -> bool {
        self.on_nodes.get(node).is_some_and(|on| on.images.contains_key(image))
    }

    /// How many pods on a node that have not ended have each address.
    pub fn addresses_on(&self, node: &str) -> Option<&HashMap<Ipv4Addr, usize>> {
        self.on_nodes.get(node).map(|on| &on.addresses)
    }

    /// The pods without a node that say that none was found, by namespace and name.
    pub fn refused(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.refused.values().filter_map(|place| self.object(*place))
    }

    /// Replaces, adds (`Some`) or removes (`None`) an object.
    pub fn set(&mut self, key: Key, object: Option<Arc<Object>>) {
        self.set_with_text(key, object, None);
    }

    /// The same with the object's text, where that is at hand.
    pub fn set_with_text(&mut self, key: Key, object: Option<Arc<Object>>, text: Option<Bytes>) {
        let text = text.filter(|_| key.resource == "pods").map_or(Text::None, Text::Whole);
        if key.resource == UNSEEN {
            return;
        }
        let known = self.objects.get(key.resource).and_then(|all| all.get(&key.namespace)?.get(&key.name)).copied();
        let mut old = None;
        if let Some(place) = known {
            let entry = self.entries.get_mut(place).and_then(Option::take);
            old = entry.as_ref().and_then(|entry| self.read(entry)).cloned();
            if let Some(entry) = entry {
                if key.resource == "pods" {
                    let warm = self.warm.get_mut();
                    *warm = warm.saturating_sub(1);
                }
                return self.replace(place, entry, old, object, text);
            }
        }
        debug_assert!(old.is_none(), "a place that is known holds an entry");
        let Some(object) = object else { return };
        let place = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.entries.len() - 1
        });
        let names = self.objects.entry(key.resource).or_default().entry(key.namespace.clone()).or_default();
        names.insert(key.name.clone(), place);
        let empty = Entry {
            key: Arc::new(key),
            object: OnceLock::new(),
            text: Text::None,
            touched: AtomicBool::new(true),
            load: None,
            standing: None,
        };
        self.replace(place, empty, None, Some(object), text);
    }

    /// Puts an entry back with another object, or gives its place up.
    fn replace(&mut self, place: usize, entry: Entry, old: Option<Arc<Object>>, new: Option<Arc<Object>>, text: Text) {
        let Entry { key, load: before, standing, .. } = entry;
        let load = new.as_ref().filter(|_| key.resource == "pods").map(|new| match (&old, &before) {
            (Some(old), Some(before)) if !PodLoad::differs(old, new) => before.clone(),
            _ => self.loads.of_pod(new),
        });
        let standing = new.as_ref().filter(|_| key.resource == "pods").map(|new| {
            let standing = Standing::of(new, standing.as_ref().map(|known| &known.membership).or(Some(&self.last)));
            self.last = Arc::clone(&standing.membership);
            standing
        });
        self.index(&key, place, old.as_deref(), new.as_deref());
        match key.resource {
            "pods" => self.loads.change_pod(before.as_ref(), load.as_ref()),
            "nodes" => self.loads.change_node(&key.name, new.as_deref()),
            _ => {}
        }
        let Some(new) = new else {
            if let Some(names) = self.objects.get_mut(key.resource).and_then(|all| all.get_mut(&key.namespace)) {
                names.remove(&key.name);
            }
            return self.free.push(place);
        };
        if key.resource == "pods" {
            *self.warm.get_mut() += 1;
        }
        let entry = Entry { key, object: OnceLock::from(new), text, touched: AtomicBool::new(true), load, standing };
        if let Some(slot) = self.entries.get_mut(place) {
            *slot = Some(entry);
        }
    }

    fn index(&mut self, key: &Arc<Key>, place: usize, old: Option<&Object>, new: Option<&Object>) {
        let (before, after) = (Index::all(key, old), Index::all(key, new));
        for index in before.iter().filter(|index| !after.contains(index)) {
            match index {
                Index::Owner(uid) => remove(&mut self.by_owner, *uid, key),
                Index::Node(node) => remove(&mut self.by_node, *node, key),
                Index::Orphan => remove(&mut self.orphans, key.resource, key),
                Index::Refused => drop(self.refused.remove(key)),
                Index::Image(node, _) | Index::Address(node, _) => {
                    if let Some(on) = self.on_nodes.get_mut(*node) {
                        on.count(*index, false);
                    }
                }
            }
        }
        for index in after.iter().filter(|index| !before.contains(index)) {
            if let Index::Image(node, _) | Index::Address(node, _) = index {
                self.on_nodes.entry((*node).to_owned()).or_default().count(*index, true);
                continue;
            }
            let key = Arc::clone(key);
            match index {
                Index::Owner(uid) => self.by_owner.entry((*uid).to_owned()).or_default().insert(key, place),
                Index::Node(node) => self.by_node.entry((*node).to_owned()).or_default().insert(key, place),
                Index::Orphan => self.orphans.entry(key.resource).or_default().insert(key, place),
                Index::Refused => self.refused.insert(key, place),
                Index::Image(..) | Index::Address(..) => None,
            };
        }
    }
}

fn remove<K: std::hash::Hash + Eq + std::borrow::Borrow<Q>, Q: std::hash::Hash + Eq + ?Sized>(
    index: &mut HashMap<K, Places>,
    value: &Q,
    key: &Key,
) {
    if let Some(places) = index.get_mut(value) {
        places.remove(key);
        if places.is_empty() {
            index.remove(value);
        }
    }
}

/// Where an object is found beside its name.
#[derive(PartialEq, Clone, Copy)]
enum Index<'a> {
    Owner(&'a str),
    Node(&'a str),
    Orphan,
    Refused,
    Image(&'a str, &'a str),
    Address(&'a str, &'a str),
}

impl<'a> Index<'a> {
    fn all(key: &Key, object: Option<&'a Object>) -> Vec<Self> {
        let Some(object) = object else { return Vec::new() };
        let owners = object.list_at(&["metadata", "ownerReferences"]);
        let mut indexes: Vec<_> = owners.iter().map(|owner| Index::Owner(owner.str_at(&["uid"]))).collect();
        if CLAIMED.contains(&key.resource) && object.controller_ref().is_none() {
            indexes.push(Index::Orphan);
        }
        if key.resource == "pods" {
            let node = object.str_at(&["spec", "nodeName"]);
            let says_no = |condition: &Object| {
                condition.str_at(&["type"]) == "PodScheduled" && condition.str_at(&["status"]) == "False"
            };
            if !node.is_empty() {
                indexes.push(Index::Node(node));
                for own in STATUSES.iter().flat_map(|field| object.list_at(&["status", field])) {
                    let image = Index::Image(node, own.str_at(&["image"]));
                    if !own.str_at(&["imageID"]).is_empty() && !indexes.contains(&image) {
                        indexes.push(image);
                    }
                }
                let address = object.str_at(&["status", "podIP"]);
                if !address.is_empty() && !matches!(object.str_at(&["status", "phase"]), "Succeeded" | "Failed") {
                    indexes.push(Index::Address(node, address));
                }
            } else if object.list_at(&["status", "conditions"]).iter().any(says_no) {
                indexes.push(Index::Refused);
            }
        }
        indexes
    }
}

/// A view that the engine changes and the API reads while the engine writes.
#[derive(Clone, Debug, Default)]
pub struct SharedView(Arc<RwLock<View>>);

impl SharedView {
    /// The view, to look at.
    pub fn read(&self) -> RwLockReadGuard<'_, View> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The view, to change.
    pub fn write(&self) -> RwLockWriteGuard<'_, View> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mirror for SharedView {
    fn has(&self, resource: &str) -> bool {
        resource != UNSEEN
    }

    fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<(Arc<Object>, u64)> {
        let object = Arc::clone(self.read().get(resource, namespace, name)?);
        let revision = object.resource_version().parse().ok()?;
        Some((object, revision))
    }

    fn exists(&self, resource: &str, namespace: &str, name: &str) -> bool {
        self.read().get(resource, namespace, name).is_some()
    }

    fn each(&self, resource: &str, namespace: Option<&str>, prefix: &str, visit: &mut dyn FnMut(&Object)) {
        let view = self.read();
        match namespace.filter(|_| !prefix.is_empty()) {
            Some(namespace) => view.list_named(resource, namespace, prefix).for_each(|object| visit(object)),
            None => view.list(resource, namespace).for_each(|object| visit(object)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_by_name_namespace_owner_and_node() {
        let pod = |namespace: &str, name: &str, node: &str| {
            (
                "pods",
                json!({"metadata": {"namespace": namespace, "name": name, "ownerReferences": [{"uid": "u1"}]}, "spec": {"nodeName": node}}),
            )
        };
        let mut view = View::of([pod("b", "2", "n1"), pod("a", "1", "n1"), pod("b", "1", "")], Timestamp::UNIX_EPOCH);
        let names = |objects: Vec<&Arc<Object>>| {
            objects.iter().map(|o| format!("{}/{}", o.namespace(), o.name())).collect::<Vec<_>>()
        };
        assert_eq!(names(view.list("pods", Some("b")).collect()), ["b/1", "b/2"]);
        assert_eq!(names(view.list("pods", None).collect()), ["a/1", "b/1", "b/2"]);
        assert_eq!(names(view.pods_on("n1").collect()), ["a/1", "b/2"]);
        assert_eq!(view.owned_by("pods", "u1").count(), 3);
        assert_eq!(names(view.orphans("pods", "b").collect()), ["b/1", "b/2"]);
        view.set(Key { resource: "pods", namespace: "a".into(), name: "1".into() }, None);
        assert_eq!(names(view.pods_on("n1").collect()), ["b/2"]);
        assert_eq!(view.dependents("u1").count(), 2);
    }
}
