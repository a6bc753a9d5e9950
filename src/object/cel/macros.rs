//! Macros: calls that the parser replaces by the comprehension or test they stand for.

use super::ast::{Added, Adds, Comprehension, Id, Kind, Literal};
use super::parser::Parser;

/// The variable in which comprehensions gather; no text can name it.
const RESULT: &str = "@result";
const OLD_RESULT: &str = "__result__";
/// The variable of a comprehension that runs over nothing.
const UNUSED: &str = "#unused";
/// What `sortBy` sorts.
const SORTED: &str = "@__sortBy_input__";

/// Expands a call without a receiver.
pub(super) fn global(parser: &mut Parser, at: usize, name: &str, args: &[Id]) -> Option<Id> {
    let ("has", [arg]) = (name, args) else { return None };
    let Kind::Select { operand, field, .. } = parser.tree.kind(*arg).clone() else {
        let at = parser.tree.at(*arg);
        return Some(parser.fault(at, "invalid argument to has() macro"));
    };
    Some(parser.add(at, Kind::Select { operand, field, test: true }))
}

/// Expands a call with a receiver.
pub(super) fn receiver(parser: &mut Parser, at: usize, name: &str, target: Id, args: &[Id]) -> Option<Id> {
    let mut expand = Expand { parser, at };
    let expanded = match (name, args) {
        ("all" | "exists" | "exists_one", [variable, test]) => {
            expand.quantifier(name, target, (*variable, None), *test)
        }
        ("all" | "exists" | "exists_one" | "existsOne", [first, second, test]) => {
            expand.quantifier(name, target, (*first, Some(*second)), *test)
        }
        ("map", [variable, element]) => expand.map(target, *variable, None, *element),
        ("map", [variable, filter, element]) => expand.map(target, *variable, Some(*filter), *element),
        ("filter", [variable, test]) => expand.filter(target, *variable, *test),
        ("transformList" | "transformMap" | "transformMapEntry", [first, second, element]) => {
            expand.transform(name, target, (*first, *second), None, *element)
        }
        ("transformList" | "transformMap" | "transformMapEntry", [first, second, filter, element]) => {
            expand.transform(name, target, (*first, *second), Some(*filter), *element)
        }
        ("optMap" | "optFlatMap", [variable, element]) => expand.optional(name, target, *variable, *element),
        ("sortBy", [variable, key]) => expand.sort_by(target, *variable, *key),
        ("bind", [variable, value, result]) if expand.parser.binds && expand.is_cel(target) => {
            expand.bind(*variable, *value, *result)
        }
        _ => return None,
    };
    Some(expanded.unwrap_or_else(|(at, message)| parser.fault(at, message)))
}

type Expanded = Result<Id, (usize, String)>;

struct Expand<'a> {
    parser: &'a mut Parser,
    at: usize,
}

impl Expand<'_> {
    fn add(&mut self, kind: Kind) -> Id {
        self.parser.add(self.at, kind)
    }

    fn ident(&mut self, name: &str) -> Id {
        self.add(Kind::Ident(name.to_owned()))
    }

    fn literal(&mut self, literal: Literal) -> Id {
        self.add(Kind::Literal(literal))
    }

    fn call(&mut self, function: &str, args: Vec<Id>) -> Id {
        self.parser.call(self.at, function, None, args)
    }

    fn is_cel(&self, target: Id) -> bool {
        matches!(self.parser.tree.kind(target), Kind::Ident(name) if name == "cel")
    }

    fn name(&self, id: Id, otherwise: &str) -> Result<String, (usize, String)> {
        match self.parser.tree.kind(id) {
            Kind::Ident(name) => Ok(name.clone()),
            _ => Err((self.parser.tree.at(id), otherwise.to_owned())),
        }
    }

    fn variable(&self, id: Id, otherwise: &str) -> Result<String, (usize, String)> {
        let name = self.name(id, otherwise)?;
        if name == RESULT || name == OLD_RESULT {
            let message = "iteration variable overwrites accumulator variable";
            return Err((self.parser.tree.at(id), message.to_owned()));
        }
        Ok(name)
    }

    fn variables(&self, first: Id, second: Option<Id>) -> Result<(String, Option<String>), (usize, String)> {
        let simple = "argument must be a simple name";
        let one = self.variable(first, simple)?;
        let Some(second) = second else { return Ok((one, None)) };
        let two = self.variable(second, simple)?;
        if one == two {
            return Err((self.parser.tree.at(second), format!("duplicate variable name: {one}")));
        }
        Ok((one, Some(two)))
    }

    fn fold(&mut self, fold: Comprehension) -> Id {
        self.add(Kind::Comprehension(Box::new(fold)))
    }

    fn quantifier(&mut self, name: &str, range: Id, (first, second): (Id, Option<Id>), test: Id) -> Expanded {
        let (variable, second) = self.variables(first, second)?;
        let (start, condition, step, result);
        match name {
            "all" => {
                start = self.literal(Literal::Bool(true));
                let so_far = self.ident(RESULT);
                condition = self.call("@not_strictly_false", vec![so_far]);
                let so_far = self.ident(RESULT);
                step = self.call("_&&_", vec![so_far, test]);
                result = self.ident(RESULT);
            }
            "exists" => {
                start = self.literal(Literal::Bool(false));
                let so_far = self.ident(RESULT);
                let negated = self.call("!_", vec![so_far]);
                condition = self.call("@not_strictly_false", vec![negated]);
                let so_far = self.ident(RESULT);
                step = self.call("_||_", vec![so_far, test]);
                result = self.ident(RESULT);
            }
            _ => {
                start = self.literal(Literal::Int(0));
                condition = self.literal(Literal::Bool(true));
                let (so_far, one) = (self.ident(RESULT), self.literal(Literal::Int(1)));
                let more = self.call("_+_", vec![so_far, one]);
                let same = self.ident(RESULT);
                step = self.call("_?_:_", vec![test, more, same]);
                let (count, one) = (self.ident(RESULT), self.literal(Literal::Int(1)));
                result = self.call("_==_", vec![count, one]);
            }
        }
        let accumulator = RESULT.to_owned();
        Ok(self.fold(Comprehension {
            range,
            variable,
            second,
            accumulator,
            start,
            condition,
            step,
            result,
            adds: None,
        }))
    }

    /// A comprehension that adds to a list or map.
    fn gather(&mut self, range: Id, names: (String, Option<String>), filter: Option<Id>, what: Added) -> Id {
        let (variable, second) = names;
        let start = match what {
            Added::Element(_) => self.add(Kind::List(Vec::new())),
            _ => self.add(Kind::Map(Vec::new())),
        };
        let condition = self.literal(Literal::Bool(true));
        let so_far = self.ident(RESULT);
        let mut step = match what {
            Added::Element(element) => {
                let one = self.add(Kind::List(vec![(element, false)]));
                self.call("_+_", vec![so_far, one])
            }
            Added::Value(value) => {
                let key = self.ident(&variable);
                self.call("cel.@mapInsert", vec![so_far, key, value])
            }
            Added::Entries(entries) => self.call("cel.@mapInsert", vec![so_far, entries]),
        };
        if let Some(filter) = filter {
            let same = self.ident(RESULT);
            step = self.call("_?_:_", vec![filter, step, same]);
        }
        let result = self.ident(RESULT);
        let adds = Some(Adds { filter, what });
        let accumulator = RESULT.to_owned();
        self.fold(Comprehension { range, variable, second, accumulator, start, condition, step, result, adds })
    }

    fn map(&mut self, range: Id, variable: Id, filter: Option<Id>, element: Id) -> Expanded {
        let variable = self.variable(variable, "argument is not an identifier")?;
        Ok(self.gather(range, (variable, None), filter, Added::Element(element)))
    }

    fn filter(&mut self, range: Id, variable: Id, test: Id) -> Expanded {
        let name = self.variable(variable, "argument is not an identifier")?;
        Ok(self.gather(range, (name, None), Some(test), Added::Element(variable)))
    }

    fn transform(
        &mut self,
        name: &str,
        range: Id,
        (first, second): (Id, Id),
        filter: Option<Id>,
        element: Id,
    ) -> Expanded {
        let names = self.variables(first, Some(second))?;
        let what = match name {
            "transformList" => Added::Element(element),
            "transformMap" => Added::Value(element),
            _ => Added::Entries(element),
        };
        Ok(self.gather(range, names, filter, what))
    }

    /// `result` with a variable that has a value.
    fn bound(&mut self, name: String, value: Id, result: Id) -> Id {
        let range = self.add(Kind::List(Vec::new()));
        let condition = self.literal(Literal::Bool(false));
        let step = self.ident(&name);
        self.fold(Comprehension {
            range,
            variable: UNUSED.to_owned(),
            second: None,
            accumulator: name,
            start: value,
            condition,
            step,
            result,
            adds: None,
        })
    }

    fn bind(&mut self, variable: Id, value: Id, result: Id) -> Expanded {
        let name = self.name(variable, "cel.bind() variable names must be simple identifiers")?;
        Ok(self.bound(name, value, result))
    }

    fn optional(&mut self, name: &str, target: Id, variable: Id, element: Id) -> Expanded {
        let variable = self.name(variable, &format!("{name}() variable name must be a simple identifier"))?;
        let at = self.at;
        let has = self.parser.call(at, "hasValue", Some(target), Vec::new());
        let value = self.parser.call(at, "value", Some(target), Vec::new());
        let mut some = self.bound(variable, value, element);
        if name == "optMap" {
            some = self.call("optional.of", vec![some]);
        }
        let none = self.call("optional.none", Vec::new());
        Ok(self.call("_?_:_", vec![has, some, none]))
    }

    fn sort_by(&mut self, target: Id, variable: Id, key: Id) -> Expanded {
        if matches!(self.parser.tree.kind(target), Kind::Literal(_) | Kind::Map(_) | Kind::Struct { .. }) {
            let message = "sortBy can only be applied to a list, identifier, comprehension, call or select expression";
            return Err((self.parser.tree.at(target), message.to_owned()));
        }
        let input = self.ident(SORTED);
        let keys = self.map(input, variable, None, key)?;
        let input = self.ident(SORTED);
        let sorted = self.parser.call(self.at, "@sortByAssociatedKeys", Some(input), vec![keys]);
        Ok(self.bound(SORTED.to_owned(), target, sorted))
    }
}
