//! What the engines cost: readers, writers, templates, patches, selectors, CEL, the store; see `benches/README.md`.

mod cluster;
#[path = "../common/micro.rs"]
mod micro;
mod patches;
mod texts;

use std::time::Duration;

use kctl::object::Object;
use micro::Micro;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// What a real API server sent of some pods, with managed fields. `@NAME@` stands for what sets copies apart.
const PODS: &str = include_str!("../data/pods.json");

fn main() -> Fallible<()> {
    let mut micro =
        Micro { only: Vec::new(), time: Duration::from_millis(350), growth: f64::INFINITY, grown: Vec::new() };
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--only" => micro.only = value.split(',').map(str::to_owned).collect(),
            "--milliseconds" => micro.time = Duration::from_millis(value.parse()?),
            "--growth" => micro.growth = value.parse()?,
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }
    micro.begin()?;
    texts::bench(&mut micro)?;
    patches::bench(&mut micro)?;
    cluster::bench(&mut micro)?;
    if micro.grown.is_empty() { Ok(()) } else { Err(format!("more than linear: {}", micro.grown.join(", ")).into()) }
}

/// So many pods.
fn pods(count: usize) -> Vec<Object> {
    let kinds: Vec<Object> = serde_json::from_str(PODS).unwrap_or_default();
    let mut pods = Vec::with_capacity(count);
    for (number, pod) in kinds.iter().cycle().take(count).enumerate() {
        let text = pod.to_string().replace("@NAME@", &format!("{number:08}"));
        pods.extend(serde_json::from_str::<Object>(&text));
    }
    pods
}

/// A list of so many pods.
fn list(count: usize) -> Object {
    serde_json::json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": pods(count)})
}
