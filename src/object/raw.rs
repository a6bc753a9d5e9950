//! Objects as a server sent them: JSON that is not read until it is known what is wanted of it.

use super::Object;
use super::mask::Mask;

/// An item of a list, not read yet.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    /// Its JSON.
    pub text: &'a [u8],
    /// The type that it has.
    pub kind: Kind<'a>,
}

/// The type of the items of a list, which servers leave out of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kind<'a> {
    /// `apiVersion`; empty where nobody knows.
    pub api_version: &'a str,
    /// `kind`; empty where nobody knows.
    pub kind: &'a str,
    /// Whether it counts even where an item says another, as metadata that comes alone does.
    pub certain: bool,
}

impl Raw<'_> {
    /// Reads what is wanted of it, and its type.
    ///
    /// # Errors
    /// The text is no JSON.
    pub fn read(&self, mask: &Mask) -> anyhow::Result<Object> {
        let mut object = mask
            .read(self.text)
            .map_err(|error| anyhow::anyhow!("couldn't get version/kind; json parse error: {error}"))?;
        self.kind.give(&mut object);
        Ok(object)
    }
}

impl Kind<'_> {
    /// Gives an object this type, where it has none.
    pub fn give(&self, object: &mut Object) {
        let Some(fields) = object.as_object_mut() else { return };
        for (field, value) in [("apiVersion", self.api_version), ("kind", self.kind)] {
            let untyped = || fields.get(field).and_then(Object::as_str).is_none_or(str::is_empty);
            if !value.is_empty() && (self.certain || untyped()) {
                fields.insert(field.to_owned(), value.into());
            }
        }
    }
}

/// Texts one behind another, in one piece of memory.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    /// Adds a text.
    pub fn push(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
        self.ends.push(self.text.len());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// How long they are in all, in bytes.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Forgets them all, and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// One of them.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end);
        self.text.get(start..end)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|at| self.get(at))
    }
}
