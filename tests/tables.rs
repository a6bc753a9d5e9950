//! Every built-in kind's table against what a real server answered for the same objects.
//!
//! `data/tables/tables.jsonl` holds one table a line: the resource, its kind, the moment of the answer, the
//! columns without their prose, and each row's cells.

use std::collections::HashMap;

use kctl::object::{Meta, Object, time};
use kctl::output::columns;

#[test]
fn cells_are_those_of_a_real_server() {
    let cluster: Object = serde_json::from_str(include_str!("data/golden/cluster.json")).expect("a list");
    let mut objects = HashMap::new();
    for object in cluster.list_at(&["items"]) {
        let gvk = object.gvk();
        let key = (gvk.group, gvk.kind, object.namespace().to_owned(), object.name().to_owned());
        objects.insert(key, object);
    }
    let mut cells = 0;
    let mut faults = Vec::new();
    for line in include_str!("data/tables/tables.jsonl").lines() {
        let table: Object = serde_json::from_str(line).expect("a table");
        let resource = table["resource"].as_str().expect("a resource");
        let now = time::parse_rfc3339(table.str_at(&["now"])).expect("a time");
        let columns = columns::for_resource(resource);
        let found: Vec<Object> =
            columns.iter().map(|it| serde_json::json!([it.name, it.kind, it.format, it.priority])).collect();
        if table["columns"] != Object::from(found.clone()) {
            faults.push(format!("{resource}: columns {found:?}"));
        }
        let group = resource.split_once('.').map_or("", |(_, group)| group);
        let kind = table.str_at(&["kind"]);
        for row in table.list_at(&["rows"]) {
            let text = |index: usize| row[index].as_str().expect("text").to_owned();
            let Some(object) = objects.get(&(group.to_owned(), kind.to_owned(), text(0), text(1))) else { continue };
            let got = columns::row(columns, object, now);
            for ((want, got), column) in row[2].as_array().expect("cells").iter().zip(&got).zip(columns) {
                cells += 1;
                // Only tables with an Age column tell at which second they were made.
                let unknown = resource == "events" && column.name.ends_with("Seen");
                if want != got && !unknown {
                    faults.push(format!("{resource} {}/{} {}: {want} is not {got}", text(0), text(1), column.name));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(cells > 2000, "only {cells} cells were compared");
}
