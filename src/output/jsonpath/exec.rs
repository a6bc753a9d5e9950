//! Nodes on a value to results.

use std::borrow::Cow;

use serde_json::Value;

use super::parse::{Filter, Node, Slice};
use super::{Error, Found, compare};
use crate::output::budget::Budget;
use crate::output::number;

/// How deep ranges may nest, and values that are descended into.
const MAX_DEPTH: usize = 256;

/// What `range` makes of null. Unlike a null that a path finds, kubectl prints it as `<no value>`.
static NOTHING: Value = Value::Null;

/// Whether a value is a null that was ranged over.
pub(super) fn is_nothing(value: &Value) -> bool {
    std::ptr::eq(value, &NOTHING)
}

/// Runs a template.
pub(super) fn find<'a>(
    nodes: &'a [Node],
    value: &'a Value,
    allow_missing_keys: bool,
) -> Result<Vec<Vec<Found<'a>>>, Error> {
    Run::new(nodes, allow_missing_keys, 0).block(0, Cow::Borrowed(value))
}

/// Runs parts of a template on single items.
pub(super) struct Items<'a> {
    pub(super) nodes: &'a [Node],
    pub(super) allow_missing_keys: bool,
}

impl<'a> Items<'a> {
    /// Runs the block of a range, which begins at `start`, on one item.
    pub(super) fn block(&self, start: usize, item: &'a Value) -> Result<Vec<Vec<Found<'a>>>, Error> {
        let item = if item.is_null() { &NOTHING } else { item };
        Run::new(self.nodes, self.allow_missing_keys, 1).block(start, Cow::Borrowed(item))
    }

    /// Runs steps on one item of several; tells too whether one of them would end the search in those
    /// that follow.
    pub(super) fn steps(&self, steps: &'a [Node], item: Found<'a>) -> Result<(Vec<Found<'a>>, bool), Error> {
        let mut run = Run::new(self.nodes, self.allow_missing_keys, 0);
        let mut current = vec![item];
        let mut ended = false;
        for step in steps {
            current = match step {
                Node::Slice(slice) => {
                    let (taken, ends) = take(&current, *slice)?;
                    ended |= ends;
                    taken
                }
                step => run.step(&current, step)?,
            };
        }
        Ok((current, ended))
    }
}

struct Run<'a> {
    nodes: &'a [Node],
    allow_missing_keys: bool,
    /// `range` words seen and not yet entered.
    begin_range: usize,
    /// Ranges that are being run.
    in_range: usize,
    /// `end` words seen and not yet acted on.
    end_range: usize,
    /// The node that held the last `end`.
    last_end: Option<usize>,
    budget: Budget,
}

impl<'a> Run<'a> {
    fn new(nodes: &'a [Node], allow_missing_keys: bool, in_range: usize) -> Self {
        Self {
            nodes,
            allow_missing_keys,
            begin_range: 0,
            in_range,
            end_range: 0,
            last_end: None,
            budget: Budget::new(),
        }
    }

    /// Runs the nodes from `start` on, up to the `end` of the block.
    fn block(&mut self, start: usize, value: Found<'a>) -> Result<Vec<Vec<Found<'a>>>, Error> {
        if self.in_range > MAX_DEPTH {
            return Err(Error::new("ranges are nested too deeply"));
        }
        let nodes = self.nodes;
        let current = [value];
        let mut all = Vec::new();
        let mut at = start;
        while let Some(node) = nodes.get(at) {
            let found = self.step(&current, node)?;
            if self.end_range > 0 && self.end_range <= self.in_range {
                self.end_range -= 1;
                self.last_end = Some(at);
                break;
            }
            if self.begin_range == 0 {
                all.push(found);
                at += 1;
                continue;
            }
            self.begin_range -= 1;
            self.in_range += 1;
            if found.is_empty() {
                // Runs the block once on nothing, only to learn where it ends.
                self.block(at + 1, Cow::Borrowed(&NOTHING))?;
            }
            for value in found {
                let value = if value.is_null() { Cow::Borrowed(&NOTHING) } else { value };
                all.extend(self.block(at + 1, value)?);
            }
            self.in_range -= 1;
            at = self.last_end.filter(|end| *end > at).unwrap_or(at) + 1;
        }
        Ok(all)
    }

    fn step(&mut self, input: &[Found<'a>], node: &'a Node) -> Result<Vec<Found<'a>>, Error> {
        if !self.budget.spend(1 + input.len()) {
            return Err(Error::new("out of budget"));
        }
        let literal = |value: Value| Ok(input.iter().map(|_| Cow::Owned(value.clone())).collect());
        match node {
            Node::Action(nodes) => self.steps(input, nodes),
            Node::Text(text) => Ok(vec![Cow::Owned(Value::from(text.as_str()))]),
            Node::Field(name) => self.field(input, name),
            Node::Word(word) => self.word(input, word),
            Node::Int(value) => literal(Value::from(*value)),
            Node::Float(value) => literal(Value::from(*value)),
            Node::Bool(value) => literal(Value::from(*value)),
            Node::Slice(slice) => take(input, *slice).map(|(taken, _)| taken),
            Node::Filter(filter) => self.filter(input, filter),
            Node::Wildcard => Ok(input.iter().flat_map(children).collect()),
            Node::Recursive => {
                let mut all = Vec::new();
                for value in input {
                    descend(value, 0, &mut all)?;
                }
                // What was found is the least of what was looked at.
                if !self.budget.spend(4 * all.len()) {
                    return Err(Error::new("out of budget"));
                }
                Ok(all)
            }
            Node::Union(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(self.steps(input, part)?);
                }
                Ok(all)
            }
        }
    }

    fn steps(&mut self, input: &[Found<'a>], nodes: &'a [Node]) -> Result<Vec<Found<'a>>, Error> {
        let Some((first, rest)) = nodes.split_first() else { return Ok(input.to_vec()) };
        let mut current = self.step(input, first)?;
        for node in rest {
            current = self.step(&current, node)?;
        }
        Ok(current)
    }

    fn word(&mut self, input: &[Found<'a>], word: &str) -> Result<Vec<Found<'a>>, Error> {
        match word {
            "range" => {
                self.begin_range += 1;
                Ok(input.to_vec())
            }
            "end" if self.in_range > 0 => {
                self.end_range += 1;
                Ok(Vec::new())
            }
            "end" => Err(Error::new("not in range, nothing to end")),
            _ => Err(Error::new(format!("unrecognized identifier {word}"))),
        }
    }

    fn field(&self, input: &[Found<'a>], name: &str) -> Result<Vec<Found<'a>>, Error> {
        let found: Vec<_> = input
            .iter()
            .filter_map(|value| match value {
                Cow::Borrowed(value) => value.as_object()?.get(name).map(Cow::Borrowed),
                Cow::Owned(value) => value.as_object()?.get(name).cloned().map(Cow::Owned),
            })
            .collect();
        if found.is_empty() && !input.is_empty() && !self.allow_missing_keys {
            return Err(Error::new(format!("{name} is not found")));
        }
        Ok(found)
    }

    fn filter(&mut self, input: &[Found<'a>], filter: &'a Filter) -> Result<Vec<Found<'a>>, Error> {
        let one = |found: Vec<Found<'a>>| match found.len() {
            0 => Ok(None),
            1 => Ok(found.into_iter().next()),
            _ => Err(Error::new("can only compare one element at a time")),
        };
        let mut passed = Vec::new();
        for value in input {
            let Some(items) = items(value) else {
                let shown = if is_nothing(value) { "<invalid reflect.Value>" } else { &number::go_print(value) };
                return Err(Error::new(format!("{shown} is not array or slice and cannot be filtered")));
            };
            for item in items {
                let subject = std::slice::from_ref(&item);
                if filter.operator == "exists" {
                    if self.exists(subject, &filter.left) {
                        passed.push(item);
                    }
                    continue;
                }
                let Some(left) = one(self.steps(subject, &filter.left)?)? else { continue };
                let Some(right) = one(self.steps(subject, &filter.right)?)? else { continue };
                if compare::holds(&left, &filter.operator, &right)? {
                    passed.push(item);
                }
            }
        }
        Ok(passed)
    }

    /// Whether steps find anything. A step that fails leaves what came to it, unless it is a field.
    fn exists(&mut self, input: &[Found<'a>], nodes: &'a [Node]) -> bool {
        let mut current = input.to_vec();
        for node in nodes {
            match self.step(&current, node) {
                Ok(found) => current = found,
                Err(_) if matches!(node, Node::Field(_)) => return false,
                Err(_) => break,
            }
        }
        !current.is_empty()
    }
}

/// The items of a list.
fn items<'a>(value: &Found<'a>) -> Option<Vec<Found<'a>>> {
    match value {
        Cow::Borrowed(Value::Array(items)) => Some(items.iter().map(Cow::Borrowed).collect()),
        Cow::Owned(Value::Array(items)) => Some(items.iter().cloned().map(Cow::Owned).collect()),
        _ => None,
    }
}

/// What a value holds: the values of a map in the order of their keys, the items of a list, the
/// bytes of a string.
fn children<'a>(value: &Found<'a>) -> Vec<Found<'a>> {
    match value {
        Cow::Borrowed(Value::Object(map)) => map.values().map(Cow::Borrowed).collect(),
        Cow::Owned(Value::Object(map)) => map.values().cloned().map(Cow::Owned).collect(),
        value => match value.as_ref() {
            Value::String(text) => text.bytes().map(|byte| Cow::Owned(Value::from(byte))).collect(),
            _ => items(value).unwrap_or_default(),
        },
    }
}

/// The value and everything below it that holds something itself.
fn descend<'a>(value: &Found<'a>, depth: usize, all: &mut Vec<Found<'a>>) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(Error::new("value is nested too deeply"));
    }
    if value.as_str().is_some_and(|text| !text.is_empty()) {
        all.push(value.clone());
        return Ok(());
    }
    let below = children(value);
    if !below.is_empty() {
        all.push(value.clone());
    }
    below.iter().try_for_each(|value| descend(value, depth + 1, all))
}

/// What a slice takes of lists, and whether it ended the search: a slice of nothing does, whatever
/// lists are left.
fn take<'a>(input: &[Found<'a>], slice: Slice) -> Result<(Vec<Found<'a>>, bool), Error> {
    let mut taken = Vec::new();
    for value in input {
        if value.is_null() {
            continue;
        }
        let Some(items) = items(value) else {
            return Err(Error::new(format!("{} is not array or slice", go_type(value))));
        };
        let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let mut from = slice.from.unwrap_or(0);
        if from < 0 {
            from += length;
        }
        let mut to = slice.to.unwrap_or(length);
        if to < 0 || (to == 0 && slice.index) {
            to += length;
        }
        if from == to {
            return Ok((taken, true));
        }
        if from >= length || from < 0 {
            return Err(out_of_bounds(from, length));
        }
        if to > length || to < 0 {
            return Err(out_of_bounds(to - 1, length));
        }
        if from > to {
            return Err(Error::new(format!("starting index {from} is greater than ending index {to}")));
        }
        let step = slice.step.unwrap_or(1);
        if step <= 0 {
            return Err(Error::new("step must be > 0"));
        }
        let as_usize = |value: i64| usize::try_from(value).unwrap_or(usize::MAX);
        taken.extend(items.into_iter().take(as_usize(to)).skip(as_usize(from)).step_by(as_usize(step)));
    }
    Ok((taken, false))
}

fn out_of_bounds(index: i64, length: i64) -> Error {
    Error::new(format!("array index out of bounds: index {index}, length {length}"))
}

/// The Go type that decoded JSON has.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) => match number::Num::of(number) {
            number::Num::Int(_) => "int64",
            number::Num::Float(_) => "float64",
        },
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}
