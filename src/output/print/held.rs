//! Items of a list that must be held: as the text that they came as, which is the least they can be.

use serde_json::Value;

use crate::object::mask::Mask;
use crate::object::raw::{Kind, Raw, Texts};

/// Items of a list, unread.
#[derive(Debug, Default)]
pub struct Held {
    texts: Texts,
    /// Which of the kinds each is.
    which: Vec<usize>,
    kinds: Vec<(String, String, bool)>,
}

impl Held {
    /// Adds an item.
    pub fn push(&mut self, raw: &Raw<'_>) {
        let Kind { api_version, kind, certain } = raw.kind;
        let same = |(version, name, sure): &(String, String, bool)| {
            (version.as_str(), name.as_str(), *sure) == (api_version, kind, certain)
        };
        // It is nearly always that of the item before.
        let at = self.kinds.iter().rposition(same).unwrap_or_else(|| {
            self.kinds.push((api_version.to_owned(), kind.to_owned(), certain));
            self.kinds.len() - 1
        });
        self.texts.push(raw.text);
        self.which.push(at);
    }

    /// Adds an item that has been read.
    pub fn push_value(&mut self, item: &Value) {
        let text = item.to_string();
        self.push(&Raw { text: text.as_bytes(), kind: Kind::default() });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.texts.clear();
        self.which.clear();
    }

    /// One of them.
    pub fn get(&self, at: usize) -> Option<Raw<'_>> {
        let (api_version, name, certain) = self.kinds.get(*self.which.get(at)?)?;
        let kind = Kind { api_version, kind: name, certain: *certain };
        Some(Raw { text: self.texts.get(at)?, kind })
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Raw<'_>> {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    /// All of them, read as far as is wanted.
    ///
    /// # Errors
    /// One of them is no JSON.
    pub fn read(&self, mask: &Mask) -> anyhow::Result<Vec<Value>> {
        self.iter().map(|raw| raw.read(mask)).collect()
    }
}
