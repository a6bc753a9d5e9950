//! Expressions as trees: nodes in one list, which name each other by their place in it.

/// A node's place in the tree's list.
pub(super) type Id = usize;

/// A value that stands in the expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(std::sync::Arc<str>),
    Bytes(std::sync::Arc<[u8]>),
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// What takes the place of something that could not be read.
    Fault,
    Literal(Literal),
    Ident(String),
    /// A name that the checker found to be a type's.
    Type(super::types::Type),
    /// `operand.field`; `test` is for `has(operand.field)`.
    Select {
        operand: Id,
        field: String,
        test: bool,
    },
    Call {
        function: String,
        target: Option<Id>,
        args: Vec<Id>,
    },
    /// Elements, and whether each is there only if it has a value (`?x`).
    List(Vec<(Id, bool)>),
    /// Keys, values, and whether each is there only if it has a value.
    Map(Vec<(Id, Id, bool)>),
    /// `name{field: value}`; fields with where they stand.
    Struct {
        name: String,
        fields: Vec<(usize, String, Id, bool)>,
    },
    Comprehension(Box<Comprehension>),
}

/// A fold over a list or map, which macros expand to.
#[derive(Clone, Debug)]
pub(super) struct Comprehension {
    pub range: Id,
    pub variable: String,
    /// The second variable, where there is one: the first is the index or key then.
    pub second: Option<String>,
    pub accumulator: String,
    pub start: Id,
    pub condition: Id,
    pub step: Id,
    pub result: Id,
    /// What a step adds to the accumulator, where that is all it does.
    pub adds: Option<Adds>,
}

/// What a step of a comprehension adds to its accumulator.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adds {
    /// Adds only where this holds.
    pub filter: Option<Id>,
    pub what: Added,
}

/// What is added.
#[derive(Clone, Copy, Debug)]
pub(super) enum Added {
    /// One element of a list.
    Element(Id),
    /// The value under the key that the first variable holds.
    Value(Id),
    /// The entries of a map.
    Entries(Id),
}

/// A node.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub kind: Kind,
    /// Where it stands, in characters.
    pub at: usize,
}

/// An expression.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub nodes: Vec<Node>,
    pub root: Id,
}

impl Tree {
    pub fn add(&mut self, at: usize, kind: Kind) -> Id {
        self.nodes.push(Node { kind, at });
        self.nodes.len() - 1
    }

    /// The node; one that is nowhere is a fault.
    pub fn kind(&self, id: Id) -> &Kind {
        self.nodes.get(id).map_or(&Kind::Fault, |node| &node.kind)
    }

    pub fn at(&self, id: Id) -> usize {
        self.nodes.get(id).map_or(0, |node| node.at)
    }

    /// The nodes right below one.
    pub fn children(&self, id: Id) -> Vec<Id> {
        match self.kind(id) {
            Kind::Fault | Kind::Literal(_) | Kind::Ident(_) | Kind::Type(_) => Vec::new(),
            Kind::Select { operand, .. } => vec![*operand],
            Kind::Call { target, args, .. } => target.iter().chain(args).copied().collect(),
            Kind::List(items) => items.iter().map(|(item, _)| *item).collect(),
            Kind::Map(entries) => entries.iter().flat_map(|(key, value, _)| [*key, *value]).collect(),
            Kind::Struct { fields, .. } => fields.iter().map(|(_, _, value, _)| *value).collect(),
            Kind::Comprehension(fold) => vec![fold.range, fold.start, fold.condition, fold.step, fold.result],
        }
    }

    /// The path that nothing but names and dots writes: `a.b.c`.
    pub fn qualified(&self, mut id: Id) -> Option<String> {
        let mut parts: Vec<&str> = Vec::new();
        loop {
            match self.kind(id) {
                Kind::Ident(name) => {
                    parts.push(name);
                    break;
                }
                Kind::Select { operand, field, test: false } => {
                    parts.push(field);
                    id = *operand;
                }
                _ => return None,
            }
        }
        parts.reverse();
        Some(parts.join("."))
    }
}
