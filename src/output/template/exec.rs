//! Execution. Nodes run on a stack of frames of this module's own, so that templates may call each
//! other as deep as Go lets them; only parentheses recurse, as deep as the parser let them.

use std::fmt;
use std::io::Write;

use serde_json::Value as Json;

use super::ast::{Call, Command, Node, Operand, OperandKind, Pipe, Range};
use super::error::Error;
use super::funcs::{Action, Function, Param};
use super::number::Constant;
use super::printf;
use super::quote::quote;
use super::value::{Slice, Text, Value};
use super::{MissingKey, Template};

/// How deep templates may call each other.
const MAX_CALL_DEPTH: usize = 100_000;

/// The part of the template that is being evaluated, for errors.
#[derive(Clone, Copy)]
enum At<'a> {
    Start,
    Call(&'a Call),
    Pipe(&'a Pipe),
    Command(&'a Command),
    Operand(&'a Operand),
}

impl At<'_> {
    fn pos(&self) -> usize {
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

type Run<T> = Result<T, Error>;

/// One execution of a template.
pub(super) struct Exec<'a, 'w> {
    template: &'a Template,
    out: &'w mut dyn Write,
    /// The name of the template that is being executed.
    name: &'a str,
    at: At<'a>,
    variables: Vec<(&'a str, Value<'a>)>,
    /// Where the variables of the template that is being executed start.
    base: usize,
    depth: usize,
    frames: Vec<Frame<'a>>,
    /// Text of the value that is being printed.
    buffer: Vec<u8>,
    as_element: bool,
}

impl<'a, 'w> Exec<'a, 'w> {
    pub(super) fn new(template: &'a Template, data: &'a Json, out: &'w mut dyn Write) -> Self {
        Self {
            template,
            out,
            name: template.name(),
            at: At::Start,
            variables: vec![("$", Value::of(data))],
            base: 0,
            depth: 0,
            frames: Vec::with_capacity(8),
            buffer: Vec::new(),
            as_element: false,
        }
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
                Frame::Scope { variables } => {
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
                    if let Frame::Range { outer, .. } = frame {
                        self.variables.truncate(outer);
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
                self.frames.push(Frame::Scope { variables: outer });
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
            let name = quote(call.name.as_bytes(), false);
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

    fn error<T>(&self, message: impl fmt::Display) -> Run<T> {
        let name = self.template.name();
        let pos = self.at.pos();
        let before = self.template.source().get(..pos).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        let column = pos - before.rfind('\n').map_or(0, |newline| newline + 1);
        let executing = quote(self.name.as_bytes(), false);
        Err(Error::Exec(format!("template: {name}:{line}:{column}: executing {executing} at <{}>: {message}", self.at)))
    }

    fn assign(&mut self, name: &str, value: Value<'a>) -> Run<()> {
        let base = self.base;
        match self.variables.get_mut(base..).and_then(|scope| scope.iter_mut().rfind(|(known, _)| *known == name)) {
            Some(variable) => {
                variable.1 = value;
                Ok(())
            }
            None => self.error(format_args!("undefined variable: {name}")),
        }
    }

    fn variable(&self, name: &str) -> Run<Value<'a>> {
        match self.variables.get(self.base..).and_then(|scope| scope.iter().rfind(|(known, _)| *known == name)) {
            Some((_, value)) => Ok(value.clone()),
            None => self.error(format_args!("undefined variable: {name}")),
        }
    }

    fn pipe(&mut self, dot: &Value<'a>, pipe: &'a Pipe) -> Run<Value<'a>> {
        self.at = At::Pipe(pipe);
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(dot, command, value)?.concrete());
        }
        let value = value.unwrap_or(Value::Nothing);
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone())?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    /// A command; `last` is the result of the one before it, which becomes its last argument.
    fn command(&mut self, dot: &Value<'a>, command: &'a Command, last: Option<Value<'a>>) -> Run<Value<'a>> {
        let Some((first, args)) = command.operands.split_first() else { return Ok(Value::Nothing) };
        match &first.kind {
            OperandKind::Field(_) | OperandKind::Chain(..) | OperandKind::Variable(..) => {
                return self.access(dot, first, !args.is_empty() || last.is_some());
            }
            OperandKind::Function(function) => {
                self.at = At::Operand(first);
                return self.call(dot, *function, At::Command(command), args, last);
            }
            OperandKind::Pipe(pipe) => {
                self.no_arguments(first, !args.is_empty() || last.is_some())?;
                return self.pipe(dot, pipe);
            }
            _ => {}
        }
        self.at = At::Operand(first);
        self.no_arguments(first, !args.is_empty() || last.is_some())?;
        match &first.kind {
            OperandKind::Dot => Ok(dot.clone()),
            OperandKind::Nil => self.error("nil is not a command"),
            _ => self.constant(first),
        }
    }

    fn no_arguments(&self, operand: &Operand, arguments: bool) -> Run<()> {
        if arguments {
            return self.error(format_args!("can't give argument to non-function {operand}"));
        }
        Ok(())
    }

    /// A field, a variable or a chain.
    fn access(&mut self, dot: &Value<'a>, operand: &'a Operand, arguments: bool) -> Run<Value<'a>> {
        self.at = At::Operand(operand);
        let (mut value, names) = match &operand.kind {
            OperandKind::Field(names) => (dot.clone(), names),
            OperandKind::Variable(name, names) => {
                let value = self.variable(name)?;
                if names.is_empty() {
                    self.no_arguments(operand, arguments)?;
                }
                (value, names)
            }
            OperandKind::Chain(head, names) => (self.argument(dot, None, head)?, names),
            _ => return Ok(Value::Nothing),
        };
        let mut names = names.iter().peekable();
        while let Some(name) = names.next() {
            value = self.field(value, name, arguments && names.peek().is_none())?;
        }
        Ok(value)
    }

    fn field(&self, receiver: Value<'a>, name: &str, arguments: bool) -> Run<Value<'a>> {
        if matches!(receiver, Value::Nothing) {
            if self.template.missing == MissingKey::Error {
                return self.error(format_args!("nil data; no entry for key {}", quote(name.as_bytes(), false)));
            }
            return Ok(Value::Nothing);
        }
        let map = match &receiver {
            Value::Map(map) => map,
            Value::Element(Json::Object(map)) => map,
            Value::Element(Json::Null) => {
                return self.error(format_args!("nil pointer evaluating {}.{name}", receiver.type_name()));
            }
            _ => return self.error(format_args!("can't evaluate field {name} in type {}", receiver.type_name())),
        };
        if arguments {
            return self.error(format_args!("{name} is not a method but has arguments"));
        }
        match (map.get(name), self.template.missing) {
            (Some(value), _) => Ok(Value::Element(value)),
            (None, MissingKey::Default) => Ok(Value::Nothing),
            (None, MissingKey::Zero) => Ok(Value::null()),
            (None, MissingKey::Error) => {
                self.error(format_args!("map has no entry for key {}", quote(name.as_bytes(), false)))
            }
        }
    }

    /// Calls a function; `whole` is what an error of its own points at.
    fn call(
        &mut self,
        dot: &Value<'a>,
        function: Function,
        whole: At<'a>,
        args: &'a [Operand],
        last: Option<Value<'a>>,
    ) -> Run<Value<'a>> {
        let name = function.name;
        let fixed = function.params.len();
        let count = args.len() + usize::from(last.is_some());
        if function.rest.is_some() {
            if count < fixed {
                let got = args.len();
                return self.error(format_args!("wrong number of args for {name}: want at least {fixed} got {got}"));
            }
        } else if count != fixed {
            return self.error(format_args!("wrong number of args for {name}: want {fixed} got {count}"));
        }
        let param = |index: usize| function.params.get(index).copied().or(function.rest);

        if let Action::And | Action::Or = function.action {
            let stops_at = matches!(function.action, Action::Or);
            let mut value = Value::Nothing;
            for (index, arg) in args.iter().enumerate() {
                value = self.argument(dot, param(index), arg)?;
                if value.truth() == stops_at {
                    return Ok(value);
                }
            }
            return Ok(last.unwrap_or(value));
        }

        let mut values = Vec::with_capacity(count);
        for (index, arg) in args.iter().enumerate() {
            values.push(self.argument(dot, param(index), arg)?);
        }
        let callee = match (&function.action, args.first(), &last) {
            (Action::Call, Some(operand), _) => Some(operand.to_string()),
            (Action::Call, None, Some(Value::Text(text))) => Some(String::from_utf8_lossy(text.bytes()).into_owned()),
            (Action::Call, None, Some(Value::Nothing)) => Some("<invalid Value>".to_owned()),
            (Action::Call, None, Some(other)) => Some(format!("<{} Value>", other.type_name())),
            _ => None,
        };
        if let Some(last) = last {
            values.push(self.checked(last, param(count - 1))?);
        }
        let result = match function.action {
            Action::Body(body) => body(&values),
            // JSON holds no functions, so a call never finds one.
            _ => Err(match values.into_iter().next().unwrap_or(Value::Nothing).concrete() {
                Value::Nothing => "call of nil".to_owned(),
                other => format!("non-function {} of type {}", callee.unwrap_or_default(), other.type_name()),
            }),
        };
        match result {
            Ok(value) => Ok(value),
            Err(message) => {
                self.at = whole;
                self.error(format_args!("error calling {name}: {message}"))
            }
        }
    }

    /// An argument; no parameter for the head of a chain, which takes anything.
    fn argument(&mut self, dot: &Value<'a>, param: Option<Param>, operand: &'a Operand) -> Run<Value<'a>> {
        self.at = At::Operand(operand);
        let value = match &operand.kind {
            OperandKind::Dot => dot.clone(),
            OperandKind::Nil => {
                if param == Some(Param::Text) {
                    return self.error("cannot assign nil to string");
                }
                return Ok(Value::Nothing);
            }
            OperandKind::Field(_) | OperandKind::Variable(..) | OperandKind::Chain(..) => {
                self.access(dot, operand, false)?
            }
            OperandKind::Pipe(pipe) => self.pipe(dot, pipe)?,
            OperandKind::Function(function) => self.call(dot, *function, At::Operand(operand), &[], None)?,
            OperandKind::Text(..) => return self.constant(operand),
            OperandKind::Bool(_) | OperandKind::Number(..) => {
                if param == Some(Param::Text) {
                    return self.error(format_args!("expected string; found {operand}"));
                }
                return self.constant(operand);
            }
        };
        self.checked(value, param)
    }

    /// A value as a parameter takes it.
    fn checked(&self, value: Value<'a>, param: Option<Param>) -> Run<Value<'a>> {
        match (param, value) {
            (Some(Param::Any), value) => Ok(value.concrete()),
            (Some(Param::Text), Value::Nothing) => self.error("invalid value; expected string"),
            (Some(param @ Param::Text), value) => {
                let kept = if value.is_nil() { value } else { value.concrete() };
                if matches!(kept, Value::Text(_)) {
                    return Ok(kept);
                }
                let (expected, got) = (param.type_name(), kept.type_name());
                self.error(format_args!("wrong type for value; expected {expected}; got {got}"))
            }
            (Some(Param::Raw) | None, value) => Ok(value),
        }
    }

    fn constant(&self, operand: &'a Operand) -> Run<Value<'a>> {
        Ok(match &operand.kind {
            OperandKind::Bool(value) => Value::Bool(*value),
            OperandKind::Text(_, bytes) => Value::Text(Text::Borrowed(bytes)),
            OperandKind::Number(_, Constant::Int(value)) => Value::Int(*value),
            OperandKind::Number(_, Constant::Float(value)) => Value::Float(*value),
            OperandKind::Number(_, Constant::Complex(real, imaginary)) => Value::Complex(*real, *imaginary),
            OperandKind::Number(text, Constant::Overflow) => {
                return self.error(format_args!("{text} overflows int"));
            }
            _ => Value::Nothing,
        })
    }
}

fn shown(value: &Value<'_>) -> String {
    String::from_utf8_lossy(&printf::print(std::slice::from_ref(value))).into_owned()
}
