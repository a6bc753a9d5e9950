//! CEL, the Common Expression Language, as API servers use it: read, checked against declared types,
//! and evaluated over JSON where it lies.
//!
//! ```text
//! text ── lexer ── parser (macros) ── tree ── checker (types, functions) ── Program
//!                                                                              │ eval(variables, budget)
//!                                                                            Value
//! ```
//!
//! Nothing here knows Kubernetes but [`library`], whose types and functions the API server adds to
//! the language. Work is bounded twice: by the depth of an expression when it is read, and by a
//! [`Budget`] when it is evaluated. Words of faults are those of cel-go.

mod ast;
mod checker;
mod convert;
mod eval;
mod fault;
mod functions;
mod lexer;
pub mod library;
mod lints;
mod macros;
mod parser;
mod types;
mod value;

use std::fmt;
use std::sync::Arc;

pub use fault::{CompileError, EvalError};
pub use parser::RESERVED;
pub use types::{Field, Fields, Identity, ListOf, Type};
pub use value::{Eval, Items, Key, Text, Value};

/// What an expression may name.
#[derive(Clone, Default)]
pub struct Env {
    variables: Vec<(String, Type)>,
    structures: Option<Arc<dyn Fn(&str) -> Option<Type> + Send + Sync>>,
    binds: bool,
}

impl Env {
    /// An environment with the functions of the language and of [`library`], and no variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a variable; its name may have dots.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, of: Type) -> Self {
        self.variables.push((name.into(), of));
        self
    }

    /// Objects may be made of the types that `find` knows by name.
    #[must_use]
    pub fn with_structures(mut self, find: impl Fn(&str) -> Option<Type> + Send + Sync + 'static) -> Self {
        self.structures = Some(Arc::new(find));
        self
    }

    /// `cel.bind(name, value, expression)` is a macro, which it is not in API servers.
    #[must_use]
    pub fn with_bind(mut self) -> Self {
        self.binds = true;
        self
    }

    fn variable(&self, name: &str) -> Option<&Type> {
        self.variables.iter().rev().find(|(known, _)| known == name).map(|(_, of)| of)
    }

    fn structure(&self, name: &str) -> Option<Type> {
        self.structures.as_ref()?(name)
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("variables", &self.variables).field("binds", &self.binds).finish_non_exhaustive()
    }
}

/// How much an evaluation may do, in the units of the API server's cost limits: about one a step, and
/// a tenth for each character that a function goes over.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    left: u64,
}

impl Budget {
    /// A budget of so many units.
    pub fn new(units: u64) -> Self {
        Self { left: units }
    }

    /// What is left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Takes units; fails where they are not there, and leaves none.
    pub fn charge(&mut self, units: u64) -> Result<(), EvalError> {
        match self.left.checked_sub(units) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(EvalError::CostLimit)
            }
        }
    }

    /// Takes the price of going over so many characters or elements.
    pub(crate) fn traverse(&mut self, count: usize) -> Result<(), EvalError> {
        self.charge(count as u64 / 10)
    }
}

/// The values of variables.
pub trait Variables<'v> {
    /// The variable's value; `None` where it has none.
    fn get(&self, name: &str) -> Option<Eval<'v>>;
}

/// Variables with their values.
#[derive(Clone, Debug, Default)]
pub struct Named<'v>(pub Vec<(&'static str, Value<'v>)>);

impl<'v> Variables<'v> for Named<'v> {
    fn get(&self, name: &str) -> Option<Eval<'v>> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| Ok(value.clone()))
    }
}

/// An expression that was read and checked.
#[derive(Clone, Debug)]
pub struct Program {
    tree: ast::Tree,
    functions: Vec<Option<&'static functions::Function>>,
    result: Type,
}

impl Program {
    /// Reads and checks an expression.
    pub fn compile(env: &Env, text: &str) -> Result<Self, CompileError> {
        let fail = |faults| CompileError::new(text, faults);
        let mut tree = parser::parse(text, env.binds).map_err(fail)?;
        let checked = checker::check(env, &mut tree).map_err(fail)?;
        let faults = lints::find(&tree, &checked);
        if !faults.is_empty() {
            return Err(fail(faults));
        }
        Ok(Self { tree, functions: checked.functions, result: checked.result })
    }

    /// The type of the expression's value.
    pub fn result(&self) -> &Type {
        &self.result
    }

    /// Whether the expression names a variable.
    pub fn mentions(&self, name: &str) -> bool {
        self.tree.nodes.iter().any(|node| matches!(&node.kind, ast::Kind::Ident(known) if known == name))
    }

    /// Evaluates the expression. What it costs is taken from the budget, which ends it when it is used up.
    pub fn eval<'v>(&'v self, variables: &dyn Variables<'v>, budget: &mut Budget) -> Eval<'v> {
        eval::run(self, variables, budget)
    }
}

#[cfg(test)]
mod tests;
