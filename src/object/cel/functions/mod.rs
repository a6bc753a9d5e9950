//! Functions: their signatures, for the checker, and what they do.

mod conversions;
mod format;
mod lists;
mod operators;
mod optionals;
mod strings;
mod times;

pub(super) use format::check as check_format;
pub(super) use strings::compile as compile_pattern;

use std::fmt;

use super::Budget;
use super::fault::EvalError;
use super::library;
use super::value::{Eval, Value};

/// What a function does with its arguments, the receiver first.
pub(super) type Run = for<'v> fn(&mut Budget, &[Value<'v>]) -> Eval<'v>;

/// A function.
#[derive(Clone, Copy)]
pub(super) struct Function {
    /// Operators are named by their form: `_+_`, `_[_]`.
    pub name: &'static str,
    /// What it takes and gives: `(int, int) -> int`, `string.(string) -> bool`.
    pub signatures: &'static [&'static str],
    pub run: Run,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn function(name: &'static str, signatures: &'static [&'static str], run: Run) -> Function {
    Function { name, signatures, run }
}

pub(super) const fn define(name: &'static str, signatures: &'static [&'static str], run: Run) -> Function {
    function(name, signatures, run)
}

static TABLES: &[&[Function]] = &[
    operators::TABLE,
    strings::TABLE,
    lists::TABLE,
    optionals::TABLE,
    conversions::TABLE,
    times::TABLE,
    library::TABLE,
];

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    TABLES.iter().flat_map(|table| table.iter()).find(|function| function.name == name)
}

/// No function takes these arguments.
pub(super) fn mismatch<'v>() -> Eval<'v> {
    Err(EvalError::overload())
}
