//! The store, and requests that the bundled cluster answers in this process.

use std::path::PathBuf;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use kctl::backend::store::{ListOptions, Store, StoreError};
use kctl::backend::{Handle, Options};
use kctl::object::clock::Clock;
use kctl::object::{Meta, Timestamp};
use serde_json::json;
use tokio::runtime::Builder;

use crate::Fallible;
use crate::micro::{Micro, Work, done};
use crate::pods;

/// Objects in the smaller input of a case.
const OBJECTS: usize = 50;

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn create(store: &Store, from: usize, count: usize) -> Result<(), StoreError> {
    for (number, mut pod) in pods(count).into_iter().enumerate() {
        pod.set_at(&["metadata", "name"], format!("p-{}", from + number));
        store.transact(|transaction| -> Result<u64, StoreError> { transaction.create("pods", &mut pod) })?;
    }
    Ok(())
}

pub fn bench(micro: &mut Micro) -> Fallible<()> {
    let folder = Folder(std::env::temp_dir().join(format!("kctl-bench-engines-{}", std::process::id())));
    let store = Store::open(&folder.0.join("cluster.db"))?;
    let mut next = 0;
    let next = std::cell::RefCell::new(&mut next);
    micro.case("store: create, one by one", OBJECTS, |count| {
        let (store, next) = (&store, &next);
        let once = move || {
            let mut next = next.borrow_mut();
            done(create(store, **next, count));
            **next += count;
        };
        Work { bytes: 0, once: Box::new(once) }
    })?;
    micro.case("store: get", OBJECTS, |count| {
        let store = Store::memory().and_then(|store| create(&store, 0, count).map(|()| store));
        let once = move || {
            let Ok(store) = &store else { return };
            for number in 0..count {
                done(store.get("pods", "default", &format!("p-{number}")));
            }
        };
        Work { bytes: 0, once: Box::new(once) }
    })?;
    micro.case("store: list", OBJECTS, |count| {
        let store = Store::memory().and_then(|store| create(&store, 0, count).map(|()| store));
        let once = move || {
            let Ok(store) = &store else { return };
            done(store.list("pods", &ListOptions::default()));
        };
        Work { bytes: 0, once: Box::new(once) }
    })?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let clock = Clock::manual(Timestamp::from_second(1_767_323_045)?);
    let options = Options { dir: None, clock, seed: Some(1), nodes: 0, disabled: Default::default() };
    let handle = Handle::open(options)?;
    let ask = |method: &str, path: &str, kind: &str, body: String| -> u16 {
        let request = Request::builder().method(method).uri(path).header("content-type", kind);
        let Ok(request) = request.body(Bytes::from(body)) else { return 0 };
        runtime.block_on(async {
            let response = handle.call(request).await;
            let status = response.status().as_u16();
            let _ = response.into_body().collect().await;
            status
        })
    };
    micro.case("api: apply, unchanged", 5, |count| {
        let data: serde_json::Map<_, _> = (0..count * 10).map(|key| (format!("k{key}"), json!("v"))).collect();
        let name = format!("applied-{count}");
        let path = format!("/api/v1/namespaces/default/configmaps/{name}?fieldManager=bench");
        let text = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
        let text = text.to_string();
        let (bytes, ask) = (text.len(), &ask);
        let once = move || {
            let status = ask("PATCH", &path, "application/apply-patch+yaml", text.clone());
            assert!(matches!(status, 200 | 201), "{status}");
        };
        Work { bytes, once: Box::new(once) }
    })?;
    micro.case("api: get", 5, |count| {
        let ask = &ask;
        let once = move || {
            for _ in 0..count {
                ask("GET", "/api/v1/namespaces/default", "application/json", String::new());
            }
        };
        Work { bytes: 0, once: Box::new(once) }
    })?;
    Ok(())
}
