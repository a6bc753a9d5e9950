//! Evaluation of pipelines: commands, fields, variables, arguments and function calls.

use std::fmt;

use serde_json::Value as Json;

use super::MissingKey;
use super::ast::{Command, Operand, OperandKind, Pipe};
use super::error::Error;
use super::exec::{At, Exec, Run};
use super::funcs::{Action, Function, Param};
use super::number::Constant;
use super::value::{Text, Value};
use crate::go::quote::quote;

impl<'a> Exec<'a, '_> {
    pub(super) fn error<T>(&self, message: impl fmt::Display) -> Run<T> {
        let name = self.template.name();
        let pos = self.at.pos();
        let before = self.template.source().get(..pos).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        let column = pos - before.rfind('\n').map_or(0, |newline| newline + 1);
        let executing = quote(self.name);
        Err(Error::Exec(format!("template: {name}:{line}:{column}: executing {executing} at <{}>: {message}", self.at)))
    }

    pub(super) fn assign(&mut self, name: &str, value: Value<'a>) -> Run<()> {
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

    pub(super) fn pipe(&mut self, dot: &Value<'a>, pipe: &'a Pipe) -> Run<Value<'a>> {
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
                return self.error(format_args!("nil data; no entry for key {}", quote(name)));
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
            (None, MissingKey::Error) => self.error(format_args!("map has no entry for key {}", quote(name))),
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
            Action::Context(body) => body(self.context, &values),
            // JSON holds no functions, so a call never finds one.
            _ => Err(match values.into_iter().next().unwrap_or(Value::Nothing).concrete() {
                Value::Nothing => "call of nil".to_owned(),
                other => format!("non-function {} of type {}", callee.unwrap_or_default(), other.type_name()),
            }),
        };
        match result {
            Ok(Value::Text(text)) if !self.budget.spend(text.bytes().len()) => self.error("out of budget"),
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
