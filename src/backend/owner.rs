//! What the owner of a state folder does with the cluster in it, beside the API: fill it, look at it,
//! pause it, take it out, throw it away.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::api::Api;
use super::bootstrap;
use super::controllers::engine::{EngineLock, PAUSED, Settled};
use super::handle::{FILE, Options};
use super::serve;
use super::store::{ListOptions, Store, StoreError};
use crate::object::{Meta, Object, Timestamp};

/// Everything that a cluster, its kubelets and its servers keep in the state folder.
const CONTENTS: &[&str] = &[
    "cluster.db",
    "cluster.db-wal",
    "cluster.db-shm",
    "engine.lock",
    "ca.crt",
    "ca.key",
    "sa.key",
    serve::FILE,
    "serve.kubeconfig",
    "serve.lock",
    serve::LOG_FILE,
    "pods",
    "claims",
];

/// What came of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// How many objects were taken over.
    pub objects: usize,
    /// Whether they are the whole cluster, `resourceVersion`s included.
    pub whole: bool,
}

/// What can be said of a cluster without asking it.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The revision of the last write.
    pub revision: u64,
    /// How many objects there are of each resource that has any.
    pub counts: Vec<(String, u64)>,
    /// The nodes.
    pub nodes: Vec<Object>,
    /// Whether controllers, scheduler and kubelets are told to leave it alone.
    pub paused: bool,
    /// Whether another process moves it at this moment.
    pub moving: bool,
    /// Up to when everything due has happened; none in a cluster that never moved.
    pub settled: Option<Timestamp>,
    /// When the next thing is due, if nothing changes.
    pub next: Option<Timestamp>,
}

/// Takes objects over as they are. In a folder without a cluster, objects with nodes among them are
/// the whole cluster: none of the objects are made that a new cluster has. In all other cases they are
/// added, and replace those of the same name. With `paused`, nothing moves afterwards.
///
/// # Errors
/// A state folder that cannot be used; an object of a kind that is not known (then none is taken over).
pub fn import(options: &Options, objects: Vec<Object>, paused: bool) -> anyhow::Result<Imported> {
    let Some(dir) = &options.dir else { bail!("an import needs a state folder") };
    let store = open(dir)?;
    if paused {
        store.meta_set(PAUSED, "1")?;
    }
    let api = Api::new(store, options.clock.clone(), options.seed);
    let is_new = api.store().meta_get(bootstrap::DONE)?.is_none() && api.store().counts()?.is_empty();
    let whole = is_new && objects.iter().any(|object| object.kind() == "Node" && object.api_version() == "v1");
    let objects = if whole {
        let count = api.restore(objects)?;
        api.store().meta_set(bootstrap::DONE, "1")?;
        api.store().meta_set(bootstrap::ROLES_DONE, "1")?;
        api.store().meta_set(bootstrap::FLOW_DONE, "1")?;
        count
    } else {
        bootstrap::run(&api, options.nodes, options.seed)?;
        api.import(objects)?
    };
    Ok(Imported { objects, whole })
}

/// Lets controllers, scheduler and kubelets move the cluster, or keeps them from it. Returns whether
/// that is a change.
///
/// # Errors
/// A store that cannot be used.
pub fn set_paused(dir: &Path, paused: bool) -> anyhow::Result<bool> {
    let store = open(dir)?;
    let was = store.meta_get(PAUSED)?.is_some_and(|text| text == "1");
    if was != paused {
        store.meta_set(PAUSED, if paused { "1" } else { "0" })?;
    }
    Ok(was != paused)
}

/// Looks at the cluster in a folder; none where there is none.
///
/// # Errors
/// A store that cannot be used.
pub fn overview(dir: &Path) -> anyhow::Result<Option<Overview>> {
    if !Store::is_there(&dir.join(FILE)) {
        return Ok(None);
    }
    let store = open(dir)?;
    store.check()?;
    let text = |key: &str| store.meta_get(key);
    let settled = text(Settled::KEY)?.and_then(|text| serde_json::from_str::<Settled>(&text).ok());
    Ok(Some(Overview {
        revision: store.revision()?,
        counts: store.counts()?,
        nodes: objects(&store, "nodes")?,
        paused: text(PAUSED)?.is_some_and(|text| text == "1"),
        moving: EngineLock::in_folder(dir).try_acquire()?.is_none(),
        settled: settled.map(|settled| settled.at()),
        next: settled.and_then(|settled| settled.next()),
    }))
}

/// All objects of the cluster as they are stored.
///
/// # Errors
/// A store that cannot be used.
pub fn export(store: &Store) -> anyhow::Result<Vec<Object>> {
    let mut all = Vec::new();
    for (resource, _) in store.counts()? {
        all.append(&mut objects(store, &resource)?);
    }
    Ok(all)
}

/// What came of a reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Whether there was anything.
    pub any: bool,
    /// Where the store is that was damaged, or none of this program's.
    pub aside: Option<PathBuf>,
}

/// Removes the cluster in a folder with everything that belongs to it, and the folder where nothing
/// else is in it. A store that cannot be read is kept aside: somebody may still get something out of it.
///
/// # Errors
/// A server that runs for the folder; files that cannot be removed.
pub fn reset(dir: &Path) -> anyhow::Result<Removed> {
    if let Some(running) = serve::find(dir) {
        bail!("the cluster is served by process {}", running.pid);
    }
    let store = dir.join(FILE);
    let readable = || Store::open(&store).and_then(|store| store.check());
    let is_broken =
        Store::is_there(&store) && matches!(readable(), Err(StoreError::Damaged { .. } | StoreError::Foreign { .. }));
    let aside = if is_broken { Store::set_aside(&store).context("keeping the store aside")? } else { None };
    let mut any = aside.is_some();
    for name in CONTENTS {
        let path = dir.join(name);
        let result = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => any = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("removing {}", path.display())),
        }
    }
    // Something else may be in there; it stays.
    let _ = fs::remove_dir(dir);
    Ok(Removed { any, aside })
}

fn open(dir: &Path) -> anyhow::Result<Store> {
    Store::open(&dir.join(FILE)).with_context(|| format!("opening the bundled cluster in {}", dir.display()))
}

fn objects(store: &Store, resource: &str) -> anyhow::Result<Vec<Object>> {
    let page = store.list(resource, &ListOptions::default())?;
    page.items.iter().map(|stored| Ok(stored.parse()?)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::*;
    use crate::object::clock::Clock;

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("kctl-owner-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        dir
    }

    fn options(dir: &Path) -> Options {
        let clock = Clock::manual("2026-01-02T03:04:05Z".parse().expect("a time"));
        Options { dir: Some(dir.to_owned()), clock, seed: Some(1), nodes: 3, disabled: Default::default() }
    }

    fn object(kind: &str, name: &str) -> Object {
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "uid": name, "resourceVersion": "40"}})
    }

    #[test]
    fn a_file_with_nodes_is_the_whole_cluster() {
        let dir = folder("whole");
        let all = vec![object("Node", "a"), object("Namespace", "default")];
        let imported = import(&options(&dir), all.clone(), true).expect("imported");
        assert_eq!(imported, Imported { objects: 2, whole: true });
        // Opening it neither adds anything nor moves anything.
        let handle = super::super::open(options(&dir)).expect("opens");
        handle.settle();
        let mut exported = export(handle.api().store()).expect("exported");
        for object in &mut exported {
            object.remove_at(&["metadata", "creationTimestamp"]);
        }
        assert_eq!(exported, [all[1].clone(), all[0].clone()]);
        let overview = overview(&dir).expect("a look").expect("a cluster");
        assert_eq!((overview.revision, overview.paused, overview.nodes.len()), (40, true, 1));
        assert!(set_paused(&dir, false).expect("resumed"));
        assert!(!set_paused(&dir, false).expect("no change"));
        handle.settle();
        assert!(super::overview(&dir).expect("a look").expect("a cluster").revision > 40);
        drop(handle);
        assert!(reset(&dir).expect("removed").any);
        assert!(!dir.exists());
        assert!(!reset(&dir).expect("nothing there").any);
    }

    #[test]
    fn other_files_are_added_and_nothing_else_is_removed() {
        let dir = folder("added");
        assert!(super::overview(&dir).expect("a look").is_none());
        let imported = import(&options(&dir), vec![object("Namespace", "x")], false).expect("imported");
        assert_eq!(imported, Imported { objects: 1, whole: false });
        assert_eq!(super::overview(&dir).expect("a look").expect("a cluster").nodes.len(), 3);
        fs::write(dir.join("mine.txt"), "").expect("a file");
        assert!(reset(&dir).expect("removed").any);
        assert!(dir.join("mine.txt").exists() && !dir.join(FILE).exists());
        fs::remove_dir_all(dir).expect("removed");
    }
}
