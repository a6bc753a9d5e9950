//! The store: a damaged file is an error, never a panic.
//!
//! Input: damages to a good file, five bytes each: where (three), what to write there (one), how often (one). An input
//! that starts with SQLite's own magic is the file itself.

#![no_main]

use std::sync::LazyLock;

use kctl::backend::store::{ListOptions, Store};
use kctl_fuzz::Folder;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

/// A store with a few objects.
static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = Folder::new();
    let path = folder.path().join("cluster.db");
    let store = Store::open(&path).expect("a store");
    for number in 0..20 {
        store
            .transact(|transaction| {
                let mut object = json!({"metadata": {"name": format!("a{number}"), "namespace": "default"}});
                transaction.create("configmaps", &mut object)?;
                transaction.update("configmaps", &mut object, None)
            })
            .map_err(|error: kctl::backend::store::StoreError| error)
            .expect("a write");
    }
    store.checkpoint().expect("a checkpoint");
    drop(store);
    std::fs::read(path).expect("the file")
});

fuzz_target!(|input: &[u8]| {
    let bytes = if input.starts_with(b"SQLite format 3") { input.to_vec() } else { damaged(input) };
    let folder = Folder::new();
    let path = folder.path().join("cluster.db");
    std::fs::write(&path, &bytes).expect("a file");
    let Ok(store) = Store::open(&path) else {
        return;
    };
    let _ = store.revision();
    let _ = store.compacted();
    let _ = store.counts();
    if let Ok(Some(stored)) = store.get("configmaps", "default", "a3") {
        let _ = stored.parse();
    }
    if let Ok(page) = store.list("configmaps", &ListOptions::default()) {
        for stored in page.items {
            let _ = stored.parse();
        }
    }
    let _ = store.changes_since(1);
    let _ = store.log_since(1, Some("configmaps"));
    let _ = store.meta_get("revision");
    let _: Result<u64, kctl::backend::store::StoreError> = store.transact(|transaction| {
        let mut object = json!({"metadata": {"name": "new", "namespace": "default"}});
        transaction.create("configmaps", &mut object)
    });
    let _ = store.checkpoint();
});

fn damaged(input: &[u8]) -> Vec<u8> {
    let mut bytes = GOOD.clone();
    for damage in input.chunks_exact(5) {
        let at = usize::from(damage[0]) << 16 | usize::from(damage[1]) << 8 | usize::from(damage[2]);
        let at = at % bytes.len().max(1);
        if damage[4] == 0 {
            bytes.truncate(at);
        }
        for byte in bytes.iter_mut().skip(at).take(usize::from(damage[4])) {
            *byte = damage[3];
        }
    }
    bytes
}
