//! Execution. Nodes run on a stack of frames of this module's own, so that templates may call each
//! other as deep as Go lets them; only parentheses recurse, as deep as the parser let them.

use std::fmt;
use std::io::Write;

use serde_json::Value as Json;

use super::Template;
use super::ast::{Call, Command, Node, Operand, Pipe, Range};
use super::error::Error;
use super::printf;
use super::value::{Slice, Text, Value};
use crate::go::quote::quote;
use crate::output::budget::Budget;

/// How deep templates may call each other.
const MAX_CALL_DEPTH: usize = 100_000;

/// The part of the template that is being evaluated, for errors.
#[derive(Clone, Copy)]
pub(super) enum At<'a> {
    Start,
    Call(&'a Call),
    Pipe(&'a Pipe),
    Command(&'a Command),
    Operand(&'a Operand),
}

impl At<'_> {
    pub(super) fn pos(&self) -> usize {
        match self {
            Self::Start => 0,
            Self::Call(call) => call.pos,
            Self::Pipe(pipe) => pipe.pos,
            Self::Command(command) => command.pos,
            Self::Operand(operand) => operand.pos,
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => Ok(()),
            Self::Call(call) => call.fmt(f),
            Self::Pipe(pipe) => pipe.fmt(f),
            Self::Command(command) => command.fmt(f),
            Self::Operand(operand) => operand.fmt(f),
        }
    }
}

/// What is left to do, innermost last.
enum Frame<'a> {
    /// The rest of a list of nodes.
    List { nodes: &'a [Node], dot: Value<'a> },
    /// The variables of an `if` or `with` end here.
    Scope { variables: usize },
    /// The end of a `range` that found nothing. A `break` in its `else` leaves it, and no `range` around
    /// it; a `continue` there is one of the `range` around it.
    Otherwise { variables: usize },
    /// The further elements of a `range`.
    Range { range: &'a Range, elements: Elements<'a>, outer: usize, inner: usize },
    /// The end of a called template: what its caller goes on with.
    Return { name: &'a str, base: usize, at: At<'a> },
}

/// What a `range` goes through.
enum Elements<'a> {
    Items { slice: Slice<'a>, next: usize },
    Fields(serde_json::map::Iter<'a>),
    Integers { next: i64, end: i64, of: fn(i64) -> Value<'a> },
}

impl<'a> Iterator for Elements<'a> {
    /// The index or key, and the element.
    type Item = (Value<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Items { slice, next } => {
                let index = *next;
                if index >= slice.len() {
                    return None;
                }
                *next += 1;
                Some((Value::Int(i64::try_from(index).unwrap_or(i64::MAX)), Value::Element(slice.get(index))))
            }
            Self::Fields(fields) => {
                let (key, value) = fields.next()?;
                Some((Value::Text(Text::Borrowed(key.as_bytes())), Value::Element(value)))
            }
            Self::Integers { next, end, of } => {
                if *next >= *end {
                    return None;
                }
                let value = of(*next);
                *next += 1;
                Some((Value::Nothing, value))
            }
        }
    }
}

/// The result of an evaluation.
pub(super) type Run<T> = Result<T, Error>;

/// One execution of a template.
pub(super) struct Exec<'a, 'w> {
    pub(super) template: &'a Template,
    /// What functions may look at beside their arguments.
    pub(super) context: &'a Json,
    out: &'w mut dyn Write,
    /// The name of the template that is being executed.
    pub(super) name: &'a str,
    pub(super) at: At<'a>,
    pub(super) variables: Vec<(&'a str, Value<'a>)>,
    /// Where the variables of the template that is being executed start.
    pub(super) base: usize,
    depth: usize,
    frames: Vec<Frame<'a>>,
    /// Text of the value that is being printed.
    buffer: Vec<u8>,
    as_element: bool,
    pub(super) budget: Budget,
}

impl<'a, 'w> Exec<'a, 'w> {
    pub(super) fn new(template: &'a Template, data: &'a Json, out: &'w mut dyn Write) -> Self {
        Self {
            template,
            context: &Json::Null,
            out,
            name: template.name(),
            at: At::Start,
            variables: vec![("$", Value::of(data))],
            base: 0,
            depth: 0,
            frames: Vec::with_capacity(8),
            buffer: Vec::new(),
            as_element: false,
            budget: Budget::new(),
        }
    }

    /// The same with something that functions may look at.
    pub(super) fn with_context(mut self, context: &'a Json) -> Self {
        self.context = context;
        self
    }

    /// The same with the data as an element of a list, which is what `range` makes of it.
    pub(super) fn element(mut self) -> Self {
        self.as_element = true;
        self
    }

    /// Executes nodes with the data as dot. Tells whether they ended with a `break` that found no
    /// `range` to leave.
    pub(super) fn run(&mut self, nodes: &'a [Node], data: &'a Json) -> Run<bool> {
        let dot = if self.as_element { Value::Element(data) } else { Value::of(data) };
        self.frames.push(Frame::List { nodes, dot });
        while let Some(frame) = self.frames.last_mut() {
            if !self.budget.spend(1) {
                return self.error("out of budget");
            }
            match frame {
                Frame::List { nodes, dot } => match nodes.split_first() {
                    Some((node, rest)) => {
                        *nodes = rest;
                        // A list's last node needs its dot no more.
                        let dot = if rest.is_empty() { std::mem::replace(dot, Value::Nothing) } else { dot.clone() };
                        if rest.is_empty() {
                            self.frames.pop();
                        }
                        if self.node(node, dot)? {
                            return Ok(true);
                        }
                    }
                    None => {
                        self.frames.pop();
                    }
                },
                Frame::Scope { variables } | Frame::Otherwise { variables } => {
                    self.variables.truncate(*variables);
                    self.frames.pop();
                }
                Frame::Range { range, elements, outer, inner } => {
                    let (range, outer, inner) = (*range, *outer, *inner);
                    let next = elements.next();
                    match next {
                        Some((index, element)) => {
                            self.variables.truncate(inner);
                            self.iterate(range, index, element)?;
                        }
                        None => {
                            self.variables.truncate(outer);
                            self.frames.pop();
                        }
                    }
                }
                Frame::Return { name, base, at } => {
                    (self.name, self.at) = (name, *at);
                    self.variables.truncate(self.base);
                    self.base = *base;
                    self.depth -= 1;
                    self.frames.pop();
                }
            }
        }
        Ok(false)
    }

    /// Executes a node, or leaves frames that do. True if a `break` or `continue` found no `range`.
    fn node(&mut self, node: &'a Node, dot: Value<'a>) -> Run<bool> {
        match node {
            Node::Text(text) => self.out.write_all(text.as_bytes())?,
            Node::Action(pipe) => {
                let value = self.pipe(&dot, pipe)?;
                if pipe.variables.is_empty() {
                    self.print(&value)?;
                }
            }
            Node::If(conditional) | Node::With(conditional) => {
                let variables = self.variables.len();
                self.frames.push(Frame::Scope { variables });
                for (condition, body) in &conditional.branches {
                    let value = self.pipe(&dot, condition)?;
                    if value.truth() {
                        let dot = if matches!(node, Node::With(_)) { value } else { dot };
                        self.frames.push(Frame::List { nodes: body, dot });
                        return Ok(false);
                    }
                }
                self.frames.push(Frame::List { nodes: &conditional.otherwise, dot });
            }
            Node::Range(range) => self.range(range, dot)?,
            Node::Break => {
                while let Some(frame) = self.frames.pop() {
                    if let Frame::Range { outer: variables, .. } | Frame::Otherwise { variables } = frame {
                        self.variables.truncate(variables);
                        return Ok(false);
                    }
                }
                return Ok(true);
            }
            Node::Continue => {
                while let Some(frame) = self.frames.last() {
                    if matches!(frame, Frame::Range { .. }) {
                        break;
                    }
                    self.frames.pop();
                }
            }
            Node::Call(call) => self.call_template(call, &dot)?,
        }
        Ok(false)
    }

    fn range(&mut self, range: &'a Range, dot: Value<'a>) -> Run<()> {
        let outer = self.variables.len();
        let value = self.pipe(&dot, &range.pipe)?;
        let inner = self.variables.len();
        let mut elements = match value {
            Value::Slice(slice) => Elements::Items { slice, next: 0 },
            Value::Map(map) => Elements::Fields(map.iter()),
            Value::Nothing => Elements::Items { slice: Slice::new(&[]), next: 0 },
            Value::Int(_) | Value::Int64(_) | Value::Byte(_) if range.pipe.variables.len() > 1 => {
                let shown = shown(&value);
                return self.error(format_args!("can't use {shown} to iterate over more than one variable"));
            }
            Value::Int(end) => Elements::Integers { next: 0, end, of: Value::Int },
            Value::Int64(end) => Elements::Integers { next: 0, end, of: Value::Int64 },
            Value::Byte(end) => Elements::Integers {
                next: 0,
                end: i64::from(end),
                of: |value| Value::Byte(u8::try_from(value).unwrap_or(u8::MAX)),
            },
            other => {
                let shown = shown(&other);
                return self.error(format_args!("range can't iterate over {shown}"));
            }
        };
        match elements.next() {
            Some((index, element)) => {
                self.frames.push(Frame::Range { range, elements, outer, inner });
                self.iterate(range, index, element)
            }
            None => {
                self.frames.push(Frame::Otherwise { variables: outer });
                self.frames.push(Frame::List { nodes: &range.otherwise, dot });
                Ok(())
            }
        }
    }

    /// Sets the variables for one element and leaves a frame for its body.
    fn iterate(&mut self, range: &'a Range, index: Value<'a>, element: Value<'a>) -> Run<()> {
        let values: &[(&String, Value<'a>)] = match range.pipe.variables.as_slice() {
            [] => &[],
            [only] => &[(only, element.clone())],
            [first, second, ..] => &[(first, index), (second, element.clone())],
        };
        if range.pipe.assigns {
            for (name, value) in values {
                self.assign(name, value.clone())?;
            }
        } else {
            for ((_, value), slot) in values.iter().rev().zip(self.variables.iter_mut().rev()) {
                slot.1 = value.clone();
            }
        }
        self.frames.push(Frame::List { nodes: &range.body, dot: element });
        Ok(())
    }

    fn call_template(&mut self, call: &'a Call, dot: &Value<'a>) -> Run<()> {
        self.at = At::Call(call);
        let Some((name, nodes)) = self.template.tree(&call.name) else {
            let name = quote(&call.name);
            return self.error(format_args!("template {name} not defined"));
        };
        if self.depth >= MAX_CALL_DEPTH {
            return self.error(format_args!("exceeded maximum template depth ({MAX_CALL_DEPTH})"));
        }
        let dot = match &call.pipe {
            Some(pipe) => self.pipe(dot, pipe)?,
            None => Value::Nothing,
        };
        self.depth += 1;
        self.frames.push(Frame::Return { name: self.name, base: self.base, at: self.at });
        self.name = name;
        self.base = self.variables.len();
        self.variables.push(("$", dot.clone()));
        self.frames.push(Frame::List { nodes, dot });
        Ok(())
    }

    fn print(&mut self, value: &Value<'a>) -> Run<()> {
        match value {
            Value::Nothing => self.out.write_all(b"<no value>")?,
            Value::Text(text) => self.out.write_all(text.bytes())?,
            _ => {
                self.buffer.clear();
                printf::print_into(&mut self.buffer, std::slice::from_ref(value));
                self.out.write_all(&self.buffer)?;
            }
        }
        Ok(())
    }
}

fn shown(value: &Value<'_>) -> String {
    String::from_utf8_lossy(&printf::print(std::slice::from_ref(value))).into_owned()
}
