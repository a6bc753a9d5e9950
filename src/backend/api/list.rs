//! Lists.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;

use super::Api;
use super::accept::Form;
use super::query::Query;
use super::selection::Selection;
use super::table::{Include, Printer, partial};
use crate::backend::registry::{convert, custom, storage_of};
use crate::backend::store::ListOptions;
use crate::object::builtin::Resource;
use crate::object::{Meta, Object, Status};
use crate::output::columns;

/// A place in a list, and the revision from which the list was started.
struct Token {
    revision: u64,
    namespace: String,
    name: String,
}

impl Token {
    fn parse(text: &str) -> Result<Self, Status> {
        let bad = || Status::bad_request("continue key is not valid");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| bad())?;
        let value: Object = serde_json::from_slice(&bytes).map_err(|_| bad())?;
        let (namespace, name) = value.str_at(&["start"]).split_once('/').ok_or_else(bad)?;
        let revision = value.int_at(&["rv"]).and_then(|revision| u64::try_from(revision).ok()).ok_or_else(bad)?;
        Ok(Self { revision, namespace: namespace.into(), name: name.into() })
    }

    fn encode(&self) -> String {
        let start = format!("{}/{}", self.namespace, self.name);
        BASE64_URL_SAFE_NO_PAD.encode(json!({"v": "meta.k8s.io/v1", "rv": self.revision, "start": start}).to_string())
    }
}

impl Api {
    /// The body of a list of a resource, in one namespace or (`""`) in all.
    ///
    /// Pages after the first are of the present state, under the first one's `resourceVersion`: a
    /// watch from there sees whatever changed in between.
    pub(super) fn list_body(
        &self,
        resource: &'static Resource,
        namespace: &str,
        query: &Query,
        form: Form,
    ) -> Result<Vec<u8>, Status> {
        let storage = storage_of(resource);
        let key = storage.group_resource();
        let selection = Selection::parse(storage, query)?;
        let limit = query.number("limit")?.unwrap_or(0).max(0).unsigned_abs();
        self.check_revision(query)?;
        let token = match query.get("continue") {
            "" => None,
            text => Some(Token::parse(text)?),
        };
        if let Some(token) = &token
            && token.revision < self.store().compacted()?
        {
            return Err(Status::expired(
                "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.",
            ));
        }
        let mut writer = Writer::new(resource, form, query, self)?;
        let convert = convert::between(storage, resource);
        let parse = !selection.is_everything() || writer.parses() || convert.is_some();
        let mut options = ListOptions {
            namespace: (!namespace.is_empty()).then_some(namespace),
            after: token.as_ref().map(|token| (token.namespace.as_str(), token.name.as_str())),
            limit: if parse && !selection.is_everything() { 0 } else { limit },
        };
        // A selected name of a known namespace starts right there.
        if let (Some(name), true, None) =
            (selection.name(), options.namespace.is_some() || !resource.namespaced, &token)
        {
            return self.list_one(storage, namespace, name, &selection, writer, convert);
        }
        let mut last = None;
        let mut failed = None;
        let mut unconverted = None;
        let mut found = 0_u64;
        let mut more = 0_u64;
        if limit == 0 {
            options.limit = 0;
        }
        let page = self.store().scan(key, &options, |namespace, name, _, bytes| {
            let mut parsed = None;
            if parse {
                match serde_json::from_slice::<Object>(bytes) {
                    Ok(object) if selection.matches(&object) => parsed = Some(object),
                    Ok(_) => return,
                    Err(error) => return failed = Some(error),
                }
            }
            if limit != 0 && found == limit {
                more += 1;
                return;
            }
            found += 1;
            if limit != 0 {
                last = Some((namespace.to_owned(), name.to_owned()));
            }
            match parsed {
                Some(object) => match convert.map(|way| self.convert(way, &object)) {
                    None => writer.object(object),
                    Some(Ok(object)) => writer.object(object),
                    // The others are to be converted with it.
                    Some(Err(status)) => unconverted = unconverted.take().or(Some(status)),
                },
                None => writer.raw(bytes),
            }
        })?;
        if let Some(error) = failed {
            return Err(Status::internal(error.to_string()));
        }
        if let Some(status) = unconverted {
            return Err(status);
        }
        let remaining = page.remaining.max(more);
        let revision = token.as_ref().map_or(page.revision, |token| token.revision);
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if let (true, Some((namespace, name))) = (remaining > 0, last) {
            metadata.set_at(&["continue"], Token { revision, namespace, name }.encode());
            if selection.is_everything() {
                metadata.set_at(&["remainingItemCount"], remaining);
            }
        }
        Ok(writer.finish(metadata))
    }

    fn list_one(
        &self,
        storage: &'static Resource,
        namespace: &str,
        name: &str,
        selection: &Selection,
        mut writer: Writer,
        convert: Option<convert::Conversion>,
    ) -> Result<Vec<u8>, Status> {
        let revision = self.store().revision()?;
        if let Some(stored) = self.store().get(storage.group_resource(), namespace, name)? {
            let object = stored.parse()?;
            if selection.matches(&object) {
                writer.object(match convert {
                    Some(way) => self.convert(way, &object)?,
                    None => object,
                });
            }
        }
        Ok(writer.finish(json!({"resourceVersion": revision.to_string()})))
    }

    /// A list may ask to be at least as new as a revision; all of ours are the newest.
    fn check_revision(&self, query: &Query) -> Result<(), Status> {
        let text = query.get("resourceVersion");
        if text.is_empty() || text == "0" {
            return Ok(());
        }
        let wanted: u64 = text.parse().map_err(|_| {
            Status::bad_request(format!(
                "invalid resource version \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
            ))
        })?;
        let current = self.store().revision()?;
        if wanted > current {
            return Err(crate::backend::store::StoreError::Future { requested: wanted, current }.into());
        }
        Ok(())
    }
}

/// The kind of a resource's lists.
pub(super) fn list_kind(resource: &Resource) -> String {
    match custom::of(resource) {
        Some(custom) if !custom.list_kind.is_empty() => custom.list_kind.clone(),
        _ => format!("{}List", resource.kind),
    }
}

/// Builds a list's body item by item.
struct Writer {
    form: Form,
    printer: Printer,
    kind: String,
    api_version: String,
    buffer: Vec<u8>,
    empty: bool,
    /// Where a table is not in the order of names: the order, and the rows so far.
    order: Option<fn(&Object) -> i64>,
    rows: Vec<(i64, Object)>,
}

impl Writer {
    fn new(resource: &Resource, form: Form, query: &Query, api: &Api) -> Result<Self, Status> {
        let include = Include::parse(query.get("includeObject"))?;
        let (kind, api_version) = match form {
            Form::Metadata => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned()),
            _ => (list_kind(resource), resource.group_version().to_string()),
        };
        let printer = Printer::new(resource, include, api.clock().now());
        let order = columns::order(resource.group_resource()).filter(|_| form == Form::Table);
        Ok(Self { form, printer, kind, api_version, buffer: Vec::new(), empty: true, order, rows: Vec::new() })
    }

    /// Whether it needs objects rather than bytes.
    fn parses(&self) -> bool {
        self.form != Form::Object
    }

    fn raw(&mut self, bytes: &[u8]) {
        if !std::mem::take(&mut self.empty) {
            self.buffer.push(b',');
        }
        self.buffer.extend_from_slice(bytes);
    }

    fn object(&mut self, mut object: Object) {
        if let Some(order) = self.order {
            return self.rows.push((order(&object), self.printer.row(object)));
        }
        let value = match self.form {
            Form::Table => self.printer.row(object),
            Form::Metadata => partial(&mut object),
            Form::Object | Form::Discovery => object,
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

    fn finish(mut self, metadata: Object) -> Vec<u8> {
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
