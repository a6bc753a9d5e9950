//! Pages of pods, made of a few that a real API server once sent.

use std::io;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The pods that all others are copies of: what an API server sends of them, in its order of fields and
/// with managed fields. `@NAME@` stands for what sets copies apart.
const PODS: &str = include_str!("../data/pods.json");
/// Pods a page.
const PAGE: usize = 500;
/// Stands where the number of the page comes, and is as long.
const NUMBER: &str = "@PAGE@";

/// What of the pods is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A `PodList`.
    Objects,
    /// A `PartialObjectMetadataList`.
    Metadata,
    /// A `Table` without objects.
    Cells,
    /// A `Table` with the metadata of objects.
    CellsAndMetadata,
    /// A `Table` with objects.
    CellsAndObjects,
}

const FORMS: [Form; 5] = [Form::Objects, Form::Metadata, Form::Cells, Form::CellsAndMetadata, Form::CellsAndObjects];

/// A text with places for the number of the page.
struct Text {
    text: Vec<u8>,
    places: Vec<usize>,
}

impl Text {
    fn new(text: String) -> Self {
        let places = text.match_indices(NUMBER).map(|(at, _)| at).collect();
        Self { text: text.into_bytes(), places }
    }

    fn with(&self, number: usize) -> Vec<u8> {
        let mut text = self.text.clone();
        let digits = format!("{number:0width$}", width = NUMBER.len());
        for place in &self.places {
            if let Some(target) = text.get_mut(*place..*place + digits.len()) {
                target.copy_from_slice(digits.as_bytes());
            }
        }
        text
    }
}

/// Elements of a full page and of the last one, in one form.
struct Recording {
    head: [String; 2],
    full: Text,
    last: Text,
}

/// A list in all its forms.
pub struct Pages {
    count: usize,
    recordings: Vec<Recording>,
}

impl Pages {
    /// Makes a list of so many pods.
    pub fn record(pods: usize) -> io::Result<Self> {
        let patterns: Vec<&RawValue> = serde_json::from_str(PODS)?;
        let count = pods.div_ceil(PAGE).max(1);
        let last = pods - (count - 1) * PAGE;
        let record = |form| {
            let elements = |count: usize| {
                let copies = (0..count).zip(patterns.iter().cycle());
                let elements = copies.map(|(index, pattern)| {
                    let name = format!("{NUMBER}{index:03}");
                    in_form(&pattern.get().replace("@NAME@", &name), form)
                });
                Ok::<_, serde_json::Error>(Text::new(elements.collect::<Result<Vec<_>, _>>()?.join(",")))
            };
            let full = elements(if count > 1 { PAGE } else { 0 })?;
            Ok::<_, serde_json::Error>(Recording { head: head(form), full, last: elements(last)? })
        };
        Ok(Self { count, recordings: FORMS.into_iter().map(record).collect::<Result<_, _>>()? })
    }

    /// Writes one page, or all that is left, piece by piece.
    pub fn write(
        &self,
        form: Form,
        page: usize,
        paged: bool,
        write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(recording) = FORMS.iter().position(|known| *known == form).and_then(|at| self.recordings.get(at))
        else {
            return Ok(());
        };
        let end = if paged { page + 1 } else { self.count };
        let token = if end < self.count { format!(",\"continue\":\"{end}\"") } else { String::new() };
        let [before, after] = &recording.head;
        write(format!("{before}{token}{after}").as_bytes())?;
        for number in page..end {
            if number > page {
                write(b",")?;
            }
            let text = if number + 1 == self.count { &recording.last } else { &recording.full };
            write(&text.with(number))?;
        }
        write(b"]}\n")
    }
}

/// The parts of a pod that other forms are made of.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
    spec: Value,
    status: Value,
}

fn in_form(pod: &str, form: Form) -> serde_json::Result<String> {
    let parts: Parts<'_> = serde_json::from_str(pod)?;
    let metadata = parts.metadata.get();
    let partial =
        format!("{{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{metadata}}}");
    let name = serde_json::from_str::<Value>(metadata)?;
    let containers = parts.spec["containers"].as_array().map_or(0, Vec::len);
    let cells = json!([
        name["name"],
        format!("{containers}/{containers}"),
        parts.status["phase"],
        "0",
        "27h",
        parts.status["podIP"],
        parts.spec["nodeName"],
        "<none>",
        "<none>"
    ]);
    Ok(match form {
        Form::Objects => pod.to_owned(),
        Form::Metadata => partial,
        Form::Cells => format!("{{\"cells\":{cells},\"object\":null}}"),
        Form::CellsAndMetadata => format!("{{\"cells\":{cells},\"object\":{partial}}}"),
        Form::CellsAndObjects => {
            let fields = pod.trim_start_matches('{');
            format!("{{\"cells\":{cells},\"object\":{{\"kind\":\"Pod\",\"apiVersion\":\"v1\",{fields}}}")
        }
    })
}

/// What stands before the elements, on both sides of where the token of the next page comes.
fn head(form: Form) -> [String; 2] {
    let (kind, version, elements) = match form {
        Form::Objects => ("PodList", "v1", "\"items\":[".to_owned()),
        Form::Metadata => ("PartialObjectMetadataList", "meta.k8s.io/v1", "\"items\":[".to_owned()),
        Form::Cells | Form::CellsAndMetadata | Form::CellsAndObjects => {
            let column = |(name, priority): (&str, i64)| {
                let format = if name == "Name" { "name" } else { "" };
                json!({"name": name, "type": "string", "format": format, "description": "", "priority": priority})
            };
            let columns = [
                ("Name", 0),
                ("Ready", 0),
                ("Status", 0),
                ("Restarts", 0),
                ("Age", 0),
                ("IP", 1),
                ("Node", 1),
                ("Nominated Node", 1),
                ("Readiness Gates", 1),
            ];
            let columns = Value::Array(columns.map(column).into());
            ("Table", "meta.k8s.io/v1", format!("\"columnDefinitions\":{columns},\"rows\":["))
        }
    };
    let before =
        format!("{{\"kind\":\"{kind}\",\"apiVersion\":\"{version}\",\"metadata\":{{\"resourceVersion\":\"42\"");
    [before, format!("}},{elements}")]
}
