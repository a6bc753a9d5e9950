//! The columns of each kind's table, as data: the API server answers tables with them
//! (`as=Table;g=meta.k8s.io;v=v1`), and a printer may use them directly.

use crate::object::{Object, Timestamp};

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The header, in the server's spelling: `Name`, `Up-to-date`.
    pub name: &'static str,
    /// The OpenAPI type of its cells: `string`, `integer`, `boolean`, `date`.
    pub kind: &'static str,
    /// The OpenAPI format of its cells: `name` for the object's name, else mostly empty.
    pub format: &'static str,
    /// 0 is always shown, more than 0 only with `-o wide`.
    pub priority: i32,
}

/// A cell: a string, number or boolean.
pub type Cell = serde_json::Value;

/// The table of a kind.
pub struct KindTable {
    /// Its columns, in order.
    pub columns: &'static [Column],
    /// The cells of an object, one a column; `now` is what ages are counted to.
    pub row: fn(object: &Object, now: Timestamp) -> Vec<Cell>,
}
