//! Templates that can be executed while a list is still arriving: text, one `range` over a field of
//! the top object, text.

use std::io::Write;
use std::ops::ControlFlow;

use serde_json::Value as Json;

use super::Template;
use super::ast::{Node, Operand, OperandKind, Pipe, Range};
use super::error::Error;
use super::exec::Exec;

/// The parts of `prefix {{range .items}} body {{end}} suffix`.
///
/// Executing the whole template gives the same bytes as writing [`Split::prefix`], executing
/// [`Split::item`] for each element until one breaks (or [`Split::none`] if there is none), and writing
/// [`Split::suffix`].
#[derive(Clone, Copy, Debug)]
pub struct Split<'t> {
    template: &'t Template,
    before: &'t [Node],
    range: &'t Range,
    after: &'t [Node],
}

impl Template {
    /// Takes the template apart, if it is nothing but text around one `range` over the field `field`
    /// that declares no variables and whose body does not look at `$`, so that each element can be
    /// executed knowing only itself.
    pub fn split(&self, field: &str) -> Option<Split<'_>> {
        let nodes = self.nodes();
        let at = nodes.iter().position(|node| !matches!(node, Node::Text(_)))?;
        let (before, rest) = nodes.split_at(at);
        let (Node::Range(range), after) = rest.split_first()? else { return None };
        let is_text = |node: &Node| matches!(node, Node::Text(_));
        let fits = range.pipe.variables.is_empty()
            && is_field(&range.pipe, field)
            && after.iter().all(is_text)
            && range.otherwise.iter().all(is_text)
            && !mentions_root(&range.body);
        fits.then_some(Split { template: self, before, range, after })
    }
}

impl Split<'_> {
    /// Writes the text before the `range`.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn prefix(&self, out: &mut dyn Write) -> Result<(), Error> {
        write_text(self.before, out)
    }

    /// Executes the body for one element.
    ///
    /// # Errors
    /// As [`Template::execute`].
    ///
    /// Breaks if the body did: no further element is wanted then.
    pub fn item(&self, item: &Json, out: &mut dyn Write) -> Result<ControlFlow<()>, Error> {
        let broke = Exec::new(self.template, item, out).element().run(&self.range.body, item)?;
        Ok(if broke { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Writes the `else` of a `range` without elements.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn none(&self, out: &mut dyn Write) -> Result<(), Error> {
        write_text(&self.range.otherwise, out)
    }

    /// Writes the text after the `range`.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn suffix(&self, out: &mut dyn Write) -> Result<(), Error> {
        write_text(self.after, out)
    }
}

fn write_text(nodes: &[Node], out: &mut dyn Write) -> Result<(), Error> {
    for node in nodes {
        if let Node::Text(text) = node {
            out.write_all(text.as_bytes())?;
        }
    }
    Ok(())
}

fn is_field(pipe: &Pipe, field: &str) -> bool {
    let [command] = pipe.commands.as_slice() else { return false };
    let [operand] = command.operands.as_slice() else { return false };
    matches!(&operand.kind, OperandKind::Field(names) if names.as_slice() == [field])
}

/// Whether `$` occurs, which is the whole list and not the element.
fn mentions_root(nodes: &[Node]) -> bool {
    nodes.iter().any(|node| match node {
        Node::Text(_) | Node::Break | Node::Continue => false,
        Node::Action(pipe) => in_pipe(pipe),
        Node::If(conditional) | Node::With(conditional) => {
            conditional.branches.iter().any(|(pipe, body)| in_pipe(pipe) || mentions_root(body))
                || mentions_root(&conditional.otherwise)
        }
        Node::Range(range) => in_pipe(&range.pipe) || mentions_root(&range.body) || mentions_root(&range.otherwise),
        Node::Call(call) => call.pipe.as_ref().is_some_and(in_pipe),
    })
}

fn in_pipe(pipe: &Pipe) -> bool {
    pipe.variables.iter().any(|name| name == "$")
        || pipe.commands.iter().any(|command| command.operands.iter().any(in_operand))
}

fn in_operand(operand: &Operand) -> bool {
    match &operand.kind {
        OperandKind::Variable(name, _) => name == "$",
        OperandKind::Chain(head, _) => in_operand(head),
        OperandKind::Pipe(pipe) => in_pipe(pipe),
        _ => false,
    }
}
