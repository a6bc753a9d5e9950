//! Text to nodes. They live in one list and name each other by their place in it.

use std::collections::HashMap;

use libyaml_safer::{Encoding, ErrorKind, Event, EventData, Parser};

use super::guard::guard;
use super::{Error, MAX_DEPTH};

/// A node's place.
pub(super) type Id = usize;

pub(super) struct Node {
    /// Counted from 1.
    pub(super) line: u64,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Scalar {
        value: String,
        tag: Option<String>,
        /// A plain scalar without a tag.
        plain: bool,
    },
    Sequence(Vec<Id>),
    /// Keys and values in turn.
    Mapping(Vec<Id>),
    Alias {
        name: String,
        target: Id,
    },
}

/// The nodes of a document.
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// `None` for an empty text.
    root: Option<Id>,
}

impl Tree {
    /// Reads the first document of a text.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Error> {
        let mut parser = Parser::new();
        parser.set_input(text);
        // The reader takes any text that begins with this byte for one with a mark of its byte order.
        if text.starts_with(b"\xef") && !text.starts_with(b"\xef\xbb\xbf") {
            parser.set_encoding(Encoding::Utf8);
        }
        let mut builder = Builder::default();
        loop {
            let event = guard(|| parser.parse()).ok_or_else(|| Error::yaml("unexpected end of the text"))?;
            let event = event.map_err(|error| describe(&error))?;
            if builder.event(event)? {
                return Ok(Self { nodes: builder.nodes, root: builder.root });
            }
        }
    }

    pub(super) fn root(&self) -> Option<Id> {
        self.root
    }

    pub(super) fn get(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id)
    }
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    root: Option<Id>,
    /// Collections that are not complete yet.
    open: Vec<Id>,
    anchors: HashMap<String, Id>,
}

impl Builder {
    /// Takes an event; true after the last of the document.
    fn event(&mut self, event: Event) -> Result<bool, Error> {
        let line = event.start_mark.line + 1;
        match event.data {
            EventData::StreamStart { .. } | EventData::DocumentStart { .. } => {}
            EventData::StreamEnd | EventData::DocumentEnd { .. } => return Ok(true),
            EventData::Alias { anchor } => {
                let Some(target) = self.anchors.get(&anchor).copied() else {
                    return Err(Error::yaml(format!("unknown anchor '{anchor}' referenced")));
                };
                self.add(line, None, Kind::Alias { name: anchor, target });
            }
            EventData::Scalar { anchor, tag, value, plain_implicit, .. } => {
                self.add(line, anchor, Kind::Scalar { value, tag, plain: plain_implicit });
            }
            EventData::SequenceStart { anchor, .. } => self.begin(line, anchor, Kind::Sequence(Vec::new()))?,
            EventData::MappingStart { anchor, .. } => self.begin(line, anchor, Kind::Mapping(Vec::new()))?,
            EventData::SequenceEnd | EventData::MappingEnd => drop(self.open.pop()),
        }
        Ok(false)
    }

    fn begin(&mut self, line: u64, anchor: Option<String>, kind: Kind) -> Result<(), Error> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Error::yaml(format!("exceeded max depth of {MAX_DEPTH}")));
        }
        let id = self.add(line, anchor, kind);
        self.open.push(id);
        Ok(())
    }

    fn add(&mut self, line: u64, anchor: Option<String>, kind: Kind) -> Id {
        let id = self.nodes.len();
        self.nodes.push(Node { line, kind });
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, id);
        }
        match self.open.last().and_then(|parent| self.nodes.get_mut(*parent)) {
            Some(Node { kind: Kind::Sequence(children) | Kind::Mapping(children), .. }) => children.push(id),
            _ => self.root = Some(id),
        }
        id
    }
}

/// Go counts lines from 0, adds one only for errors of the scanner, and leaves out line 0.
fn describe(error: &libyaml_safer::Error) -> Error {
    let problem = error.problem_mark().map_or(0, |mark| mark.line);
    let line = match problem {
        0 => error.context_mark().map_or(0, |mark| mark.line),
        line => line + u64::from(error.kind() == ErrorKind::Scanner),
    };
    match line {
        0 => Error::yaml(error.problem()),
        line => Error::yaml(format!("line {line}: {}", error.problem())),
    }
}
