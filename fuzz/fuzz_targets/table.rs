//! What a server sends: tables, lists and watch events, whole and in pieces.

#![no_main]

use std::sync::LazyLock;

use http_body_util::{BodyExt, Full};
use kctl::client::watch::{Splitter, Stream};
use kctl::object::{Status, Timestamp};
use kctl::output::table::{Options, Table, TablePrinter};
use kctl::output::{columns, custom_columns::CustomColumns};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

fuzz_target!(|input: &[u8]| {
    let pieces = |size: usize| {
        let mut splitter = Splitter::default();
        let mut objects = Vec::new();
        for piece in input.chunks(size) {
            splitter.push(piece);
            objects.extend(std::iter::from_fn(|| splitter.next_object()));
        }
        (objects, splitter.rest().is_empty())
    };
    let (objects, rest) = pieces(input.len().max(1));
    assert_eq!((objects.len(), rest), {
        let (o, r) = pieces(1);
        (o.len(), r)
    });
    assert_eq!(objects, pieces(7).0);
    let body = Full::new(bytes::Bytes::copy_from_slice(input)).map_err(|never| match never {}).boxed_unsync();
    let mut events = Stream::new(body);
    RUNTIME.block_on(async {
        while let Ok(Some(event)) = events.next().await {
            event.kind();
        }
    });
    for object in objects {
        let Ok(value) = serde_json::from_slice::<Value>(&object) else { continue };
        Status::from_object(&value);
        let mut tables = Vec::new();
        if let Ok(table) = serde_json::from_value::<Table>(value.clone()) {
            tables.push(table);
        }
        let items = kctl::client::paging::take_items(value.clone());
        for resource in [
            "pods",
            "services",
            "deployments.apps",
            "nodes",
            "jobs.batch",
            "cronjobs.batch",
            "events",
            "horizontalpodautoscalers.autoscaling",
            "ingresses.networking.k8s.io",
            "persistentvolumeclaims",
        ] {
            let columns = columns::for_resource(resource);
            for object in items.iter().chain([&value]) {
                columns::row(columns, object, Timestamp::UNIX_EPOCH);
            }
        }
        if let Ok(mut columns) = CustomColumns::parse("A:.metadata.name,B:{.spec.*},C:..name", false) {
            let _ = columns.print(&value, &mut Vec::new());
        }
        tables.push(Table::of_objects(items, Timestamp::UNIX_EPOCH));
        for wide in [false, true] {
            let options = Options {
                wide,
                with_namespace: wide,
                with_kind: wide,
                kind: "x".to_owned(),
                show_labels: wide,
                column_labels: vec!["app".to_owned()],
                ..Options::default()
            };
            let mut printer = TablePrinter::new(Vec::new(), options);
            for table in &tables {
                let _ = printer.print(table, wide.then_some("ADDED"));
            }
            let _ = printer.finish();
        }
    }
});
