//! Reading the rows of tables: their cells, and of the objects behind them what is printed or sorted by.

use serde::Deserialize;

use super::Settings;
use crate::object::mask::Mask;
use crate::object::{Meta, Object};
use crate::output::sort::Keys;
use crate::output::table::Row;

/// What of a row's object is printed beside its cells.
const PRINTED: [[&str; 2]; 2] = [["metadata", "namespace"], ["metadata", "labels"]];

/// Reads rows.
pub(super) struct Rows {
    mask: Mask,
    /// Which of [`PRINTED`] are.
    printed: [bool; 2],
}

impl Rows {
    pub(super) fn new(settings: &Settings<'_>) -> Self {
        let args = settings.args;
        let printed = [args.all_namespaces, args.show_labels || !args.label_columns.is_empty()];
        let mut mask = Mask::of([["cells"]]);
        for (path, _) in PRINTED.iter().zip(printed).filter(|(_, printed)| *printed) {
            mask.add(std::iter::once("object").chain(*path));
        }
        // Whether there is an object at all counts too; no field has this name.
        mask.add(["object", ""]);
        if settings.filter.is_some() {
            mask.add(["object"]);
        }
        if !settings.sort_by.is_empty() {
            match wanted(settings.sort_by) {
                Some(paths) => paths
                    .iter()
                    .for_each(|path| mask.add(std::iter::once("object").chain(path.iter().map(String::as_str)))),
                None => mask.add(["object"]),
            }
        }
        Self { mask, printed }
    }

    /// Reads a row.
    pub(super) fn read(&self, text: &[u8]) -> anyhow::Result<Row> {
        let row = self.mask.read(text).and_then(Row::deserialize);
        row.map_err(|error| anyhow::anyhow!("unable to decode the server's table: {error}"))
    }

    /// Takes out of a row what is not printed.
    pub(super) fn prune(&self, row: &mut Row) {
        if row.object.is_null() {
            return;
        }
        let mut object = Object::Object(serde_json::Map::new());
        for (path, _) in PRINTED.iter().zip(self.printed).filter(|(_, printed)| *printed) {
            if let Some(value) = row.object.at(path) {
                object.set_at(path, value.clone());
            }
        }
        row.object = object;
    }
}

/// The fields that rows are sorted by.
fn wanted(field: &str) -> Option<Vec<Vec<String>>> {
    Keys::of_rows(field).ok()?.wanted()
}

/// Whether metadata alone holds what rows are sorted by.
pub(super) fn by_metadata(field: &str) -> bool {
    wanted(field).is_some_and(|paths| {
        !paths.is_empty()
            && paths.iter().all(|path| path.len() > 1 && path.first().is_some_and(|first| first == "metadata"))
    })
}
