//! The parsed template. Every part that an error can point at knows its position in bytes, and
//! displays as the template text that Go would show for it.

use std::fmt;

use super::funcs::Function;
use super::number::Constant;
use crate::go::quote::quote;

/// One step of a template.
#[derive(Clone, Debug)]
pub enum Node {
    /// Text to copy.
    Text(String),
    /// `{{pipeline}}`.
    Action(Pipe),
    /// `{{if}} … {{else if}} … {{else}} … {{end}}`.
    If(Conditional),
    /// `{{with}} … {{else with}} … {{else}} … {{end}}`.
    With(Conditional),
    /// `{{range}} … {{else}} … {{end}}`.
    Range(Range),
    /// `{{break}}`.
    Break,
    /// `{{continue}}`.
    Continue,
    /// `{{template}}`, or the call that a `{{block}}` is.
    Call(Call),
}

/// An `if` or `with` with all its branches, tried in order.
#[derive(Clone, Debug)]
pub struct Conditional {
    /// Condition and body of each branch; never empty.
    pub branches: Vec<(Pipe, Vec<Node>)>,
    /// What `{{else}}` holds.
    pub otherwise: Vec<Node>,
}

/// A `range`.
#[derive(Clone, Debug)]
pub struct Range {
    /// What it ranges over, with the variables it declares or assigns.
    pub pipe: Pipe,
    /// What happens for each element.
    pub body: Vec<Node>,
    /// What happens when there is none.
    pub otherwise: Vec<Node>,
}

/// An invocation of a named template.
#[derive(Clone, Debug)]
pub struct Call {
    /// Where its name stands.
    pub pos: usize,
    /// The template's name.
    pub name: String,
    /// What becomes its dot; nothing without it.
    pub pipe: Option<Pipe>,
}

/// Commands whose results flow into each other.
#[derive(Clone, Debug)]
pub struct Pipe {
    /// Where it starts.
    pub pos: usize,
    /// Whether the variables are assigned (`=`) and not declared (`:=`).
    pub assigns: bool,
    /// The variables, with their `$`.
    pub variables: Vec<String>,
    /// The commands; never empty.
    pub commands: Vec<Command>,
}

/// An operand, or a function or field with arguments.
#[derive(Clone, Debug)]
pub struct Command {
    /// Where it starts.
    pub pos: usize,
    /// The operands; never empty.
    pub operands: Vec<Operand>,
}

/// A term of a command.
#[derive(Clone, Debug)]
pub struct Operand {
    /// Where Go says it is: for `.a.b.c` that is where its second field starts.
    pub pos: usize,
    /// What it is.
    pub kind: OperandKind,
}

/// The kinds of operand.
#[derive(Clone, Debug)]
pub enum OperandKind {
    /// `true` or `false`.
    Bool(bool),
    /// `.`
    Dot,
    /// `nil`.
    Nil,
    /// A number or character, with its text.
    Number(String, Constant),
    /// A string: as written with its quotes, and its bytes.
    Text(String, Vec<u8>),
    /// `.a.b`.
    Field(Vec<String>),
    /// `$x.a.b`: the name with its `$`, and the fields.
    Variable(String, Vec<String>),
    /// A function by its name.
    Function(Function),
    /// `(…).a.b`.
    Chain(Box<Operand>, Vec<String>),
    /// `(…)`.
    Pipe(Box<Pipe>),
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", quote(&self.name))?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            write!(f, "{} {} ", self.variables.join(", "), if self.assigns { "=" } else { ":=" })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            write!(f, "{}{command}", if index > 0 { " | " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, operand) in self.operands.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match &operand.kind {
                OperandKind::Pipe(pipe) => write!(f, "({pipe})")?,
                _ => write!(f, "{operand}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields =
            |f: &mut fmt::Formatter<'_>, names: &[String]| names.iter().try_for_each(|name| write!(f, ".{name}"));
        match &self.kind {
            OperandKind::Bool(value) => write!(f, "{value}"),
            OperandKind::Dot => f.write_str("."),
            OperandKind::Nil => f.write_str("nil"),
            OperandKind::Number(text, _) | OperandKind::Text(text, _) => f.write_str(text),
            OperandKind::Field(names) => fields(f, names),
            OperandKind::Variable(name, names) => {
                f.write_str(name)?;
                fields(f, names)
            }
            OperandKind::Function(function) => f.write_str(function.name),
            OperandKind::Chain(head, names) => {
                match &head.kind {
                    OperandKind::Pipe(pipe) => write!(f, "({pipe})")?,
                    _ => write!(f, "{head}")?,
                }
                fields(f, names)
            }
            OperandKind::Pipe(pipe) => pipe.fmt(f),
        }
    }
}
