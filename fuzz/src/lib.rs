//! What the fuzz targets share.

use serde_json::{Value, json};

/// Takes the template and the JSON after a NUL apart; a fixed list where there is no JSON.
pub fn subject(input: &str) -> (&str, Value) {
    let (text, data) = input.split_once('\0').unwrap_or((input, ""));
    (text, serde_json::from_str(data).unwrap_or_else(|_| list()))
}

/// A list that holds every type of JSON value.
fn list() -> Value {
    json!({
        "kind": "List",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "7"},
        "n": [0, 1, -1, 3, 2.5, -0.5, 1e21, 300],
        "s": ["", "a", "héllo \"w\"\n<b>&", "aGk="],
        "b": [true, false, null],
        "e": {"list": [], "map": {}},
        "items": [
            {"metadata": {"name": "a", "labels": {"app": "x", "k8s.io/y": "z"}}, "spec": {"replicas": 2}},
            {"metadata": {"name": "b"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}},
            {"metadata": {"name": "c"}, "spec": null},
        ],
    })
}

/// A folder in memory where the system has one; it goes when it is dropped.
pub struct Folder(std::path::PathBuf);

impl Folder {
    /// Makes an empty one.
    pub fn new() -> Self {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let shared = std::path::Path::new("/dev/shm");
        let base = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = base.join(format!("kctl-fuzz-{}-{count}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
