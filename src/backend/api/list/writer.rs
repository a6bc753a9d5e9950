//! The body of a list, item by item.

use super::list_kind;
use crate::backend::api::Api;
use crate::backend::api::accept::Form;
use crate::backend::api::query::Query;
use crate::backend::api::table::{Include, Printer, partial};
use crate::backend::registry::custom;
use crate::object::builtin::Resource;
use crate::object::{Object, Status};
use crate::output::columns;

/// Builds a list's body item by item.
pub struct Writer {
    form: Form,
    printer: Printer,
    kind: String,
    api_version: String,
    buffer: Vec<u8>,
    empty: bool,
    /// Where a table is not in the order of names: the order, and the rows so far.
    order: Option<fn(&Object) -> i64>,
    rows: Vec<(i64, Object)>,
    /// How stored items begin that a list of a built-in kind shows without their type.
    head: Option<String>,
}

impl Writer {
    pub fn new(resource: &Resource, form: Form, query: &Query, api: &Api) -> Result<Self, Status> {
        let include = Include::parse(query.get("includeObject"))?;
        let (kind, api_version) = match form {
            Form::Metadata => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned()),
            _ => (list_kind(resource), resource.group_version().to_string()),
        };
        let printer = Printer::new(resource, include, api.clock().now());
        let order = columns::order(resource.group_resource()).filter(|_| form == Form::Table);
        // The items of custom resources keep their type.
        let typed = form == Form::Object && custom::of(resource).is_none();
        let head = typed.then(|| format!(r#"{{"apiVersion":"{api_version}","kind":"{}","#, resource.kind));
        Ok(Self { form, printer, kind, api_version, buffer: Vec::new(), empty: true, order, rows: Vec::new(), head })
    }

    /// Whether it needs objects rather than bytes.
    pub fn parses(&self) -> bool {
        self.form != Form::Object
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        let Some(head) = &self.head else { return self.push(bytes) };
        if let Some(rest) = bytes.strip_prefix(head.as_bytes()) {
            self.push(b"{");
            return self.buffer.extend_from_slice(rest);
        }
        // Fields are in the order of their names: some kinds have others between the two.
        let version = format!(r#"{{"apiVersion":"{}","#, self.api_version);
        let Some(rest) = bytes.strip_prefix(version.as_bytes()) else { return self.push(bytes) };
        self.push(b"{");
        match member(rest, b"\"kind\":") {
            Some((start, end)) => {
                self.buffer.extend_from_slice(rest.get(..start).unwrap_or_default());
                self.buffer.extend_from_slice(rest.get(end..).unwrap_or_default());
            }
            None => self.buffer.extend_from_slice(rest),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        if !std::mem::take(&mut self.empty) {
            self.buffer.push(b',');
        }
        self.buffer.extend_from_slice(bytes);
    }

    pub fn object(&mut self, mut object: Object) {
        if let Some(order) = self.order {
            return self.rows.push((order(&object), self.printer.row(object)));
        }
        let value = match self.form {
            Form::Table => self.printer.row(object),
            Form::Metadata => partial(&mut object),
            Form::Object | Form::Discovery => {
                if self.head.is_some()
                    && let Some(fields) = object.as_object_mut()
                {
                    fields.remove("apiVersion");
                    fields.remove("kind");
                }
                object
            }
        };
        self.value(&value);
    }

    fn value(&mut self, value: &Object) {
        if !std::mem::take(&mut self.empty) {
            self.buffer.push(b',');
        }
        // Writing a value into memory cannot fail.
        let _ = serde_json::to_writer(&mut self.buffer, value);
    }

    pub fn finish(mut self, metadata: Object) -> Vec<u8> {
        let mut rows = std::mem::take(&mut self.rows);
        rows.sort_by_key(|(place, _)| *place);
        rows.iter().for_each(|(_, row)| self.value(row));
        let head = match self.form {
            Form::Table => format!(
                r#"{{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{metadata},"columnDefinitions":{},"rows":["#,
                self.printer.columns()
            ),
            _ => format!(
                r#"{{"kind":"{}","apiVersion":"{}","metadata":{metadata},"items":["#,
                self.kind, self.api_version
            ),
        };
        let mut body = Vec::with_capacity(head.len() + self.buffer.len() + 3);
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&self.buffer);
        body.extend_from_slice(b"]}\n");
        body
    }
}

/// Where a member of a JSON object is whose value is a text, with the comma behind it. `rest` is the object
/// without its beginning.
fn member(rest: &[u8], key: &[u8]) -> Option<(usize, usize)> {
    let (mut depth, mut at) = (1_usize, 0);
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'"' => {
                if depth == 1 && rest.get(at..).is_some_and(|rest| rest.starts_with(key)) {
                    let end = text_end(rest, at + key.len())?;
                    return Some((at, end + usize::from(rest.get(end) == Some(&b','))));
                }
                at = text_end(rest, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The position behind a text that begins at `at`.
fn text_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_member_among_others_of_that_name() {
        let text = br#""data":{"kind":"a","x":"\"kind\":"},"immutable":true,"kind":"ConfigMap","metadata":{}}"#;
        let (start, end) = member(text, b"\"kind\":").expect("a kind");
        assert_eq!(text.get(start..end), Some(&br#""kind":"ConfigMap","#[..]));
        assert_eq!(member(br#""data":{"kind":"a"}}"#, b"\"kind\":"), None);
    }
}
