//! What must hold after a kill.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use serde_json::Value;

use super::clients::{Acknowledged, State, Watched};
use super::server::revision_of;

/// What is there by what a watch saw: namespace and name, and the resource version.
pub fn replayed(watched: &Watched) -> BTreeMap<String, u64> {
    let mut there = BTreeMap::new();
    for (kind, name, revision) in &watched.events {
        let before = match kind.as_str() {
            "DELETED" => there.remove(name),
            _ => there.insert(name.clone(), *revision),
        };
        assert_eq!(before.is_none(), kind == "ADDED", "{kind} {name} at {revision}, but before it was {before:?}");
    }
    there
}

/// Whether a list has exactly that.
pub fn compare(want: &BTreeMap<String, u64>, list: &[Value], what: &str) {
    let got: BTreeMap<String, u64> = list.iter().map(|object| (name_of(object), revision_of(object))).collect();
    let differ: Vec<_> = want.iter().filter(|(name, revision)| got.get(*name) != Some(revision)).collect();
    let more: Vec<_> = got.iter().filter(|(name, _)| !want.contains_key(*name)).collect();
    assert!(differ.is_empty() && more.is_empty(), "{what}: not as seen {differ:?}, never seen {more:?}");
}

/// Namespace and name.
pub fn name_of(object: &Value) -> String {
    let metadata = &object["metadata"];
    format!("{}/{}", metadata["namespace"].as_str().unwrap_or(""), metadata["name"].as_str().unwrap_or(""))
}

/// Whether everything that was acknowledged is there, and was seen once.
pub fn acknowledged<'a>(
    all: impl Iterator<Item = impl Deref<Target = Acknowledged> + 'a>,
    watched: &Watched,
    list: &[Value],
    round: usize,
) {
    let there: BTreeMap<String, u64> = list.iter().map(|object| (name_of(object), revision_of(object))).collect();
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    for (_, _, revision) in &watched.events {
        *seen.entry(*revision).or_default() += 1;
    }
    let gone = watched.events.iter().filter(|(kind, ..)| kind == "DELETED").count();
    let mut deletions = 0;
    for books in all {
        for ((resource, name), state) in &books.states {
            // Whoever was not answered does not know.
            let unknown = books.open.as_ref().is_some_and(|(of, open)| of == resource && open == name);
            if *resource != watched.resource || unknown {
                continue;
            }
            let want = match state {
                State::Present(revision) => Some(revision),
                State::Absent => None,
            };
            let got = there.get(&format!("default/{name}"));
            assert_eq!(got, want, "round {round}: {resource} {name} is not as acknowledged");
        }
        for (resource, revision) in &books.revisions {
            let count = seen.get(revision).copied().unwrap_or(0);
            let of_this = *resource == watched.resource;
            assert!(!of_this || count == 1, "round {round}: {resource} at {revision} was seen {count} times");
        }
        deletions += books.deletions.get(watched.resource).copied().unwrap_or(0);
    }
    assert!(gone >= deletions, "round {round}: {deletions} {} were deleted, {gone} deletions seen", watched.resource);
}

/// Whether each Service has addresses and ports of its own.
pub fn addresses(services: &[Value], round: usize) {
    let mut taken = BTreeSet::new();
    for service in services {
        let spec = &service["spec"];
        let address = spec["clusterIP"].as_str().filter(|address| *address != "None").map(str::to_owned);
        let ports = spec["ports"].as_array().into_iter().flatten();
        let ports = ports.filter_map(|port| Some(format!("port {}", port["nodePort"].as_u64()?)));
        for one in address.into_iter().chain(ports) {
            assert!(taken.insert(one.clone()), "round {round}: two Services have {one}");
        }
    }
}
