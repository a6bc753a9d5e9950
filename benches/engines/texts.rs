//! Reading and writing.

use std::hint::black_box;
use std::io::{self, sink};

use kctl::client::watch::Splitter;
use kctl::object::labels::Selector;
use kctl::object::mask::Mask;
use kctl::object::{Object, Timestamp, protobuf, quantity, yaml};
use kctl::output::custom_columns::CustomColumns;
use kctl::output::jsonpath::JsonPath;
use kctl::output::table::{Options, Table, TablePrinter};
use kctl::output::template::{Template, kubectl};
use kctl::output::{json, kyaml, yaml as writer};

use crate::micro::{Micro, Work, done};
use crate::{list, pods};

/// Pods in the smaller input of a case.
const PODS: usize = 50;

const TEMPLATE: &str = "{{range .items}}{{.metadata.name}}\t{{.status.phase}}\t{{range .spec.containers}}{{if eq .name \"x\"}}*{{else}}{{.image | printf \"%s,\"}}{{end}}{{end}}\n{{end}}";
const JSONPATH: &str =
    "{range .items[*]}{.metadata.name}{\"\\t\"}{.spec.containers[?(@.image!=\"x\")].image}{\"\\n\"}{end}";

pub fn bench(micro: &mut Micro) -> io::Result<()> {
    let json_of = |count: usize| list(count).to_string().into_bytes();
    let yaml_of = |count: usize| writer::to_string(&list(count)).unwrap_or_default().into_bytes();

    micro.case("json: read", PODS, |count| {
        let text = json_of(count);
        Work { bytes: text.len(), once: Box::new(move || done(serde_json::from_slice::<Object>(&text))) }
    })?;
    micro.case("json: read names only", PODS, |count| {
        let text = json_of(count);
        let mask = Mask::of([["items", "metadata", "name"]]);
        Work { bytes: text.len(), once: Box::new(move || done(mask.read(&text))) }
    })?;
    micro.case("json: write", PODS, |count| {
        let value = list(count);
        Work {
            bytes: json::pretty(&value).len(),
            once: Box::new(move || drop(json::write_pretty(&mut sink(), &value))),
        }
    })?;
    micro.case("yaml: read", PODS, |count| {
        let text = yaml_of(count);
        Work { bytes: text.len(), once: Box::new(move || done(yaml::parse(&text))) }
    })?;
    micro.case("yaml: read documents", PODS, |count| {
        let texts: Vec<String> = pods(count).iter().filter_map(|pod| writer::to_string(pod).ok()).collect();
        let text = texts.join("---\n").into_bytes();
        Work { bytes: text.len(), once: Box::new(move || done(yaml::documents(&text).count())) }
    })?;
    micro.case("yaml: write", PODS, |count| {
        let value = list(count);
        Work {
            bytes: writer::to_string(&value).map_or(0, |text| text.len()),
            once: Box::new(move || drop(writer::write(&mut sink(), &value))),
        }
    })?;
    micro.case("kyaml: write", PODS, |count| {
        let value = list(count);
        let mut text = Vec::new();
        let _ = kyaml::write(&mut text, &value);
        Work { bytes: text.len(), once: Box::new(move || drop(kyaml::write(&mut sink(), &value))) }
    })?;
    micro.case("protobuf: read", PODS, |count| {
        let bytes = protobuf_map(count);
        Work { bytes: bytes.len(), once: Box::new(move || done(protobuf::decode(&bytes))) }
    })?;
    micro.case("watch: cut into events", PODS, |count| {
        let texts: Vec<String> =
            pods(count).iter().map(|pod| format!("{{\"type\":\"ADDED\",\"object\":{pod}}}\n")).collect();
        let text = texts.concat().into_bytes();
        let once = move || {
            let mut splitter = Splitter::default();
            for chunk in text.chunks(16_384) {
                splitter.push(chunk);
                while let Some(event) = splitter.next_object() {
                    black_box(event);
                }
            }
        };
        Work { bytes: json_of(count).len(), once: Box::new(once) }
    })?;
    micro.case("watch: in one chunk", PODS * 20, |count| {
        let text = "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\"}}\n".repeat(count).into_bytes();
        let bytes = text.len();
        let once = move || {
            let mut splitter = Splitter::default();
            splitter.push(&text);
            while let Some(event) = splitter.next_object() {
                black_box(event);
            }
        };
        Work { bytes, once: Box::new(once) }
    })?;
    micro.case("table: rows of pods", PODS, |count| {
        let objects = pods(count);
        let once = move || done(Table::of_objects(objects.clone(), Timestamp::UNIX_EPOCH));
        Work { bytes: 0, once: Box::new(once) }
    })?;
    micro.case("table: print", PODS, |count| {
        let table = Table::of_objects(pods(count), Timestamp::UNIX_EPOCH);
        let once = move || {
            let mut printer = TablePrinter::new(sink(), Options { wide: true, ..Options::default() });
            let _ = printer.print(&table, None);
            let _ = printer.finish();
        };
        Work { bytes: 0, once: Box::new(once) }
    })?;
    micro.case("go-template: execute", PODS, |count| {
        let value = list(count);
        let template = Template::parse_with("output", TEMPLATE, kubectl::FUNCTIONS);
        let once = move || {
            if let Ok(template) = &template {
                done(template.execute(&value, &mut sink()));
            }
        };
        Work { bytes: 0, once: Box::new(once) }
    })?;
    micro.case("go-template: parse", 5, |count| {
        let text = TEMPLATE.repeat(count);
        let bytes = text.len();
        let once = move || done(Template::parse_with("output", &text, kubectl::FUNCTIONS));
        Work { bytes, once: Box::new(once) }
    })?;
    for (name, path) in [("jsonpath: execute", JSONPATH), ("jsonpath: descend", "{..name}")] {
        micro.case(name, PODS, |count| {
            let value = list(count);
            let path = JsonPath::parse(path);
            let once = move || {
                if let Ok(path) = &path {
                    done(path.execute(&value, &mut sink()));
                }
            };
            Work { bytes: 0, once: Box::new(once) }
        })?;
    }
    micro.case("custom-columns: print", PODS, |count| {
        let value = list(count);
        let once = move || {
            if let Ok(mut columns) = CustomColumns::parse("NAME:.metadata.name,NODE:.spec.nodeName", false) {
                let _ = columns.print(&value, &mut sink());
            }
        };
        Work { bytes: 0, once: Box::new(once) }
    })?;
    micro.case("labels: match", PODS, |count| {
        let objects = pods(count);
        let selector = Selector::parse("app in (web,shop),tier!=x,!gone");
        let once = move || {
            if let Ok(selector) = &selector {
                let fits = |pod: &&Object| selector.matches_labels(pod.pointer("/metadata/labels"));
                black_box(objects.iter().filter(fits).count());
            }
        };
        Work { bytes: 0, once: Box::new(once) }
    })?;
    micro.case("quantities: read", PODS, |count| {
        let texts: Vec<String> = (0..count).map(|number| format!("{number}.5Gi")).collect();
        let once = move || done(texts.iter().map(|text| quantity::canonical(text)).collect::<Vec<_>>());
        Work { bytes: 0, once: Box::new(once) }
    })
}

/// A config map of so many entries of a hundred bytes, as typed clients send it.
fn protobuf_map(count: usize) -> Vec<u8> {
    fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
        out.push(number << 3 | 2);
        let mut length = bytes.len();
        while length >= 0x80 {
            out.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend_from_slice(bytes);
    }
    let (mut kind, mut metadata, mut object, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), b"k8s\0".to_vec());
    field(&mut kind, 1, b"v1");
    field(&mut kind, 2, b"ConfigMap");
    field(&mut metadata, 1, b"name");
    field(&mut object, 1, &metadata);
    for number in 0..count {
        let mut entry = Vec::new();
        field(&mut entry, 1, format!("key-{number:06}").as_bytes());
        field(&mut entry, 2, &[b'x'; 100]);
        field(&mut object, 2, &entry);
    }
    field(&mut bytes, 1, &kind);
    field(&mut bytes, 2, &object);
    bytes
}
