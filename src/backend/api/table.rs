//! Objects as the server prints them: tables, and their metadata alone.

use serde_json::json;

use crate::backend::registry::custom::{self, Custom};
use crate::object::builtin::Resource;
use crate::object::{Meta, Object, Status, Timestamp};
use crate::output::columns::{self, Column};

/// What a row says about its object besides the cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Include {
    /// Nothing.
    None,
    /// Its metadata.
    Metadata,
    /// All of it.
    Object,
}

impl Include {
    /// Reads `includeObject`.
    pub fn parse(text: &str) -> Result<Self, Status> {
        match text {
            "" | "Metadata" => Ok(Self::Metadata),
            "None" => Ok(Self::None),
            "Object" => Ok(Self::Object),
            other => Err(Status::bad_request(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {}: must be 'Metadata', 'Object', 'None', or empty",
                crate::go::quote::quote(other)
            ))),
        }
    }
}

/// Where the columns are from.
#[derive(Clone, Copy)]
enum Columns {
    /// Our own tables.
    BuiltIn(&'static [Column]),
    /// A definition's, after the name.
    Custom(&'static Custom),
}

/// Prints rows of one kind.
pub struct Printer {
    columns: Columns,
    include: Include,
    now: Timestamp,
}

impl Printer {
    /// A printer for a resource's objects; ages are as of `now`.
    pub fn new(resource: &Resource, include: Include, now: Timestamp) -> Self {
        let columns = match custom::of(resource) {
            Some(custom) => Columns::Custom(custom),
            None => Columns::BuiltIn(columns::for_resource(resource.group_resource())),
        };
        Self { columns, include, now }
    }

    /// A printer with columns of ours.
    pub fn of_columns(columns: &'static [Column], include: Include, now: Timestamp) -> Self {
        Self { columns: Columns::BuiltIn(columns), include, now }
    }

    /// One row.
    pub fn row(&self, mut object: Object) -> Object {
        let cells = match self.columns {
            Columns::BuiltIn(columns) => columns::row(columns, &object, self.now),
            Columns::Custom(custom) => {
                let own = custom.columns.iter().map(|column| column.cell(&object, self.now));
                std::iter::once(object.name().into()).chain(own).collect()
            }
        };
        let object = match self.include {
            Include::None => Object::Null,
            Include::Metadata => partial(&mut object),
            Include::Object => object,
        };
        json!({"cells": cells, "object": object})
    }

    /// The columns.
    pub fn columns(&self) -> Object {
        let column = |column: &Column| {
            json!({
                "name": column.name, "type": column.kind, "format": column.format,
                "description": "", "priority": column.priority,
            })
        };
        match self.columns {
            Columns::BuiltIn(columns) => columns.iter().map(column).collect::<Vec<_>>().into(),
            Columns::Custom(custom) => {
                let name =
                    json!({"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0});
                let own = custom.columns.iter().map(|column| {
                    json!({
                        "name": column.name, "type": column.kind, "format": column.format,
                        "description": column.description, "priority": column.priority,
                    })
                });
                std::iter::once(name).chain(own).collect::<Vec<_>>().into()
            }
        }
    }

    /// A table of these rows; `columns` may be left out once the client has seen them.
    pub fn table(&self, metadata: Object, rows: Vec<Object>, columns: bool) -> Object {
        json!({
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": if columns { self.columns() } else { Object::Null },
            "rows": rows,
        })
    }
}

/// An object's metadata alone.
pub fn partial(object: &mut Object) -> Object {
    let metadata = object.remove_at(&["metadata"]).unwrap_or_default();
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
}
