//! `explain`: what a server's OpenAPI documents say of a type and its fields, for people.
//!
//! | file | what it does |
//! | --- | --- |
//! | `document` | reads a document, no more of it than is asked for |
//! | `plaintext` | writes what a document of version 3 says |
//! | `wrap` | breaks its lines |
//! | `v2` | writes what a document of version 2 says, in an older layout |

mod document;
mod plaintext;
pub mod v2;
mod wrap;

use std::fmt;

pub use document::Document;

use crate::object::GroupVersionResource;

/// What is to be explained.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The type.
    pub resource: &'a GroupVersionResource,
    /// The way to the field; empty for the type itself.
    pub fields: &'a [&'a str],
    /// Whether the fields of fields are shown, instead of what they are for.
    pub recursive: bool,
}

/// Why a document does not answer, in kubectl's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered(String);

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unanswered {}

/// Explains a type, or a field, by a document of version 3. Some of the text is written before an error is
/// found, as kubectl prints it.
pub fn explain(document: &Document<'_>, question: &Question<'_>) -> (String, Result<(), Unanswered>) {
    let mut text = String::new();
    let result = plaintext::write(document, question, &mut text);
    (text, result)
}
