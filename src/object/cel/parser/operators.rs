//! Operators, and what stands behind an operand: fields, calls, indexes.

use super::super::ast::{Id, Kind, Literal};
use super::super::lexer::Token;
use super::super::macros;
use super::{DEEPEST, Parser, Read, Stop};

const RELATIONS: &[(&str, &str)] =
    &[("<", "_<_"), ("<=", "_<=_"), (">=", "_>=_"), (">", "_>_"), ("==", "_==_"), ("!=", "_!=_"), ("in", "@in")];
const SUMS: &[(&str, &str)] = &[("+", "_+_"), ("-", "_-_")];
const PRODUCTS: &[(&str, &str)] = &[("*", "_*_"), ("/", "_/_"), ("%", "_%_")];

impl Parser {
    pub(super) fn expression(&mut self, also: &[&'static str]) -> Read {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.too_deep(&format!("expression recursion limit exceeded: {DEEPEST}")));
        }
        self.begin(also)?;
        let condition = self.logical("||", "_||_")?;
        let at = self.at();
        let result = if self.take("?") {
            self.begin(&[])?;
            let yes = self.logical("||", "_||_")?;
            self.expect(":")?;
            let no = self.expression(&[])?;
            self.call(at, "_?_:_", None, vec![condition, yes, no])
        } else {
            condition
        };
        self.depth -= 1;
        Ok(result)
    }

    /// A chain of `||` or, below it, of `&&`: one node, however long it is.
    fn logical(&mut self, symbol: &'static str, function: &str) -> Read {
        let mut terms = Vec::new();
        let mut at = None;
        loop {
            terms.push(if symbol == "||" { self.logical("&&", "_&&_")? } else { self.chain(0)? });
            let here = self.at();
            if !self.take(symbol) {
                break;
            }
            at.get_or_insert(here);
            self.begin(&[])?;
        }
        match (at, terms.as_slice()) {
            (None, [only]) => Ok(*only),
            _ => Ok(self.call(at.unwrap_or(0), function, None, terms)),
        }
    }

    /// A chain of operators of one level: relations, sums, products.
    fn chain(&mut self, level: usize) -> Read {
        let Some(operators) = [RELATIONS, SUMS, PRODUCTS].get(level) else { return self.unary() };
        let mut left = self.chain(level + 1)?;
        let mut length = 0;
        while let Token::Symbol(symbol) = self.peek() {
            let Some((_, function)) = operators.iter().find(|(known, _)| *known == symbol) else { break };
            length += 1;
            if length >= DEEPEST {
                return Err(self.too_deep("max recursion depth exceeded"));
            }
            let at = self.at();
            self.next += 1;
            self.begin(&[])?;
            let right = self.chain(level + 1)?;
            left = self.call(at, function, None, vec![left, right]);
        }
        Ok(left)
    }

    fn unary(&mut self) -> Read {
        let at = self.at();
        let (symbol, function) = if self.is("!") { ("!", "!_") } else { ("-", "-_") };
        let mut count = 0_usize;
        while self.is(symbol) && !(symbol == "-" && matches!(self.after(), Token::Int | Token::Float)) {
            self.next += 1;
            count += 1;
        }
        if count > 0 {
            self.begin(&[])?;
        }
        let operand = self.member()?;
        if count.is_multiple_of(2) { Ok(operand) } else { Ok(self.call(at, function, None, vec![operand])) }
    }

    fn member(&mut self) -> Read {
        let mut operand = self.primary()?;
        let mut length = 0;
        loop {
            length += 1;
            if length >= DEEPEST {
                return Err(self.too_deep("max recursion depth exceeded"));
            }
            let at = self.at();
            if self.take(".") {
                let optional = self.take("?");
                operand = self.field(operand, at, optional)?;
            } else if self.take("[") {
                let optional = self.take("?");
                let also: &[&str] = if optional { &[] } else { &["?"] };
                let index = self.expression(also)?;
                self.expect("]")?;
                operand = self.call(at, if optional { "_[?_]" } else { "_[_]" }, None, vec![operand, index]);
            } else {
                return Ok(operand);
            }
        }
    }

    fn field(&mut self, operand: Id, at: usize, optional: bool) -> Read {
        let here = self.at();
        let name = self.text();
        match self.peek() {
            Token::Ident => {}
            Token::Escaped => {
                self.next += 1;
                return Ok(self.fault(here, "unsupported syntax: '`'"));
            }
            token => {
                let shown = if token == Token::End { String::new() } else { name };
                self.syntax(format!("no viable alternative at input '.{shown}'"));
                return Err(Stop);
            }
        }
        self.next += 1;
        if optional {
            let name = self.add(here, Kind::Literal(Literal::String(name.into())));
            return Ok(self.call(at, "_?._", None, vec![operand, name]));
        }
        let open = self.at();
        if self.take("(") {
            let args = self.arguments()?;
            return Ok(match macros::receiver(self, open, &name, operand, &args) {
                Some(expanded) => expanded,
                None => self.call(open, &name, Some(operand), args),
            });
        }
        Ok(self.add(at, Kind::Select { operand, field: name, test: false }))
    }

    pub(super) fn arguments(&mut self) -> Result<Vec<Id>, Stop> {
        let mut args = Vec::new();
        if self.take(")") {
            return Ok(args);
        }
        self.begin(&[")"])?;
        if self.take(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expression(&[])?);
            if !self.take(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(args)
    }
}
