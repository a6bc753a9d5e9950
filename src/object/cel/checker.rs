//! Whether names are known and operations fit what they are applied to. The rules of unification are
//! those of cel-go's checker.

use super::Env;
use super::ast::{Id, Kind, Literal, Tree};
use super::fault::Fault;
use super::functions::{self, Function};
use super::types::{self, Signature, Type};

/// What the checker found out.
pub(super) struct Checked {
    pub result: Type,
    /// The type of each node.
    pub types: Vec<Type>,
    /// The function of each node that is a call.
    pub functions: Vec<Option<&'static Function>>,
}

/// Checks a tree, in which names are replaced by what they stand for.
pub(super) fn check(env: &Env, tree: &mut Tree) -> Result<Checked, Vec<Fault>> {
    let count = tree.nodes.len();
    let mut checker = Checker {
        env,
        tree,
        faults: Vec::new(),
        types: vec![Type::Dyn; count],
        functions: vec![None; count],
        scopes: Vec::new(),
        bindings: Vec::new(),
        journal: Vec::new(),
    };
    let root = checker.tree.root;
    checker.check(root);
    if !checker.faults.is_empty() {
        return Err(checker.faults);
    }
    let types: Vec<Type> = checker.types.iter().map(|of| checker.resolved(of, true)).collect();
    let result = types.get(root).cloned().unwrap_or(Type::Error);
    Ok(Checked { result, types, functions: checker.functions })
}

struct Checker<'a> {
    env: &'a Env,
    tree: &'a mut Tree,
    faults: Vec<Fault>,
    types: Vec<Type>,
    functions: Vec<Option<&'static Function>>,
    /// Variables of comprehensions, the innermost last.
    scopes: Vec<(String, Type)>,
    /// What type variables stand for, by their number.
    bindings: Vec<Option<Type>>,
    /// Changes of `bindings`, to be undone where an attempt fails.
    journal: Vec<(usize, Option<Type>)>,
}

impl Checker<'_> {
    fn fault(&mut self, id: Id, message: String) {
        self.faults.push(Fault::new(self.tree.at(id), message));
    }

    fn undeclared(&mut self, id: Id, name: &str) -> Type {
        self.fault(id, format!("undeclared reference to '{name}' (in container '')"));
        Type::Error
    }

    fn of(&self, id: Id) -> Type {
        self.types.get(id).cloned().unwrap_or(Type::Error)
    }

    fn check(&mut self, id: Id) {
        let of = match self.tree.kind(id).clone() {
            Kind::Fault => Type::Error,
            Kind::Type(of) => Type::type_of(of),
            Kind::Literal(literal) => match literal {
                Literal::Null => Type::Null,
                Literal::Bool(_) => Type::Bool,
                Literal::Int(_) => Type::Int,
                Literal::Uint(_) => Type::Uint,
                Literal::Double(_) => Type::Double,
                Literal::String(_) => Type::String,
                Literal::Bytes(_) => Type::Bytes,
            },
            Kind::Ident(name) => self.ident(id, &name).unwrap_or_else(|| self.undeclared(id, &name)),
            Kind::Select { operand, field, test } => self.select(id, operand, &field, test),
            Kind::Call { function, target, args } => self.call(id, &function, target, &args),
            Kind::List(items) => self.list(&items),
            Kind::Map(entries) => self.map(&entries),
            Kind::Struct { name, fields } => self.structure(id, &name, &fields),
            Kind::Comprehension(fold) => self.comprehension(&fold),
        };
        if let Some(place) = self.types.get_mut(id) {
            *place = of;
        }
    }

    /// The type of a name, which becomes what the node is.
    fn ident(&mut self, id: Id, name: &str) -> Option<Type> {
        if let Some((_, of)) = self.scopes.iter().rev().find(|(known, _)| known == name) {
            return Some(of.clone());
        }
        let name = name.strip_prefix('.').unwrap_or(name);
        let (kind, of) = match self.env.variable(name) {
            Some(of) => (Kind::Ident(name.to_owned()), of.clone()),
            None => {
                let of = types::named(name)?;
                (Kind::Type(of.clone()), Type::type_of(of))
            }
        };
        if let Some(node) = self.tree.nodes.get_mut(id) {
            node.kind = kind;
        }
        Some(of)
    }

    fn select(&mut self, id: Id, operand: Id, field: &str, test: bool) -> Type {
        if let Some(name) = self.tree.qualified(id)
            && let Some(of) = self.ident(id, &name)
        {
            return of;
        }
        let of = self.field(id, operand, field, false);
        if test { Type::Bool } else { self.resolved(&of, false) }
    }

    fn field(&mut self, id: Id, operand: Id, field: &str, optional: bool) -> Type {
        self.check(operand);
        let whole = self.resolved(&self.of(operand), false);
        let (of, wrapped) = whole.unwrapped();
        let found = match of {
            Type::Map(of) => of.1.clone(),
            Type::Object(known) => match known.field(field) {
                Some(found) => found.of,
                None => {
                    self.fault(id, format!("undefined field '{field}'"));
                    Type::Error
                }
            },
            Type::Variable(_) => {
                self.assignable(&Type::Dyn, of);
                Type::Dyn
            }
            of => {
                if !of.is_dyn_or_error() {
                    self.fault(id, format!("type '{of}' does not support field selection"));
                }
                Type::Dyn
            }
        };
        if wrapped || optional { Type::optional(found) } else { found }
    }

    fn call(&mut self, id: Id, name: &str, target: Option<Id>, args: &[Id]) -> Type {
        if let ("_?._", [operand, field]) = (name, args)
            && let Kind::Literal(Literal::String(field)) = self.tree.kind(*field).clone()
        {
            let of = self.field(id, *operand, &field, true);
            self.set_function(id, functions::find(name));
            return self.resolved(&of, false);
        }
        for arg in args {
            self.check(*arg);
        }
        let Some(target) = target else {
            let name = name.strip_prefix('.').unwrap_or(name);
            let Some(function) = functions::find(name) else { return self.undeclared(id, name) };
            return self.overload(id, function, None, args);
        };
        // Either the whole of `a.b.c()` is a function's name, or `c` is one with `a.b` as its receiver.
        if let Some(prefix) = self.tree.qualified(target)
            && let Some(function) = functions::find(&format!("{}.{name}", prefix.strip_prefix('.').unwrap_or(&prefix)))
        {
            if let Some(node) = self.tree.nodes.get_mut(id) {
                node.kind = Kind::Call { function: function.name.to_owned(), target: None, args: args.to_vec() };
            }
            return self.overload(id, function, None, args);
        }
        self.check(target);
        match functions::find(name) {
            Some(function) => self.overload(id, function, Some(target), args),
            None => self.undeclared(id, name),
        }
    }

    fn set_function(&mut self, id: Id, function: Option<&'static Function>) {
        if let Some(place) = self.functions.get_mut(id) {
            *place = function;
        }
    }

    fn overload(&mut self, id: Id, function: &'static Function, target: Option<Id>, args: &[Id]) -> Type {
        self.set_function(id, Some(function));
        if matches!(function.name, "_&&_" | "_||_") {
            let mut right = true;
            for arg in args {
                let of = self.of(*arg);
                if !self.assignable(&of, &Type::Bool) {
                    self.fault(*arg, format!("expected type 'bool' but found '{of}'"));
                    right = false;
                }
            }
            return if right { Type::Bool } else { Type::Error };
        }
        let given: Vec<Type> = target.iter().chain(args).map(|arg| self.of(*arg)).collect();
        let mut result: Option<Type> = None;
        for signature in function.signatures.iter().filter_map(|text| types::signature(text)) {
            if signature.member != target.is_some() || signature.args.len() != given.len() {
                continue;
            }
            let signature = self.instantiate(signature);
            if !self.all_assignable(&given, &signature.args) {
                continue;
            }
            let of = self.resolved(&signature.result, false);
            result = Some(match result {
                None => of,
                Some(before) if !before.is_dyn() && !before.same(&of) => Type::Dyn,
                Some(before) => before,
            });
        }
        result.unwrap_or_else(|| {
            let texts: Vec<String> = given.iter().map(|of| self.resolved(of, true).to_string()).collect();
            let applied = match (target, texts.split_first()) {
                (Some(_), Some((receiver, args))) => format!("{receiver}.({})", args.join(", ")),
                _ => format!("({})", texts.join(", ")),
            };
            self.fault(id, format!("found no matching overload for '{}' applied to '{applied}'", function.name));
            Type::Error
        })
    }

    /// A signature with fresh variables for its parameters.
    fn instantiate(&mut self, signature: Signature) -> Signature {
        let mut named: Vec<(char, usize)> = Vec::new();
        let mut fresh = |of: &Type| instantiate(of, &mut named, &mut self.bindings);
        let args = signature.args.iter().map(&mut fresh).collect();
        let result = fresh(&signature.result);
        Signature { member: signature.member, args, result }
    }

    fn fresh(&mut self) -> Type {
        self.bindings.push(None);
        Type::Variable(self.bindings.len() - 1)
    }

    fn list(&mut self, items: &[(Id, bool)]) -> Type {
        let mut of = None;
        for (item, optional) in items {
            self.check(*item);
            let found = self.element(*item, *optional);
            of = Some(self.joined(of, found));
        }
        Type::list(of.unwrap_or_else(|| self.fresh()))
    }

    /// The type of an element, which is there only if it has a value where it is `optional`.
    fn element(&mut self, id: Id, optional: bool) -> Type {
        let of = self.of(id);
        if !optional {
            return of;
        }
        let (inner, wrapped) = of.unwrapped();
        if !wrapped && !inner.is_dyn() {
            self.fault(id, format!("expected type 'optional_type({inner})' but found '{inner}'"));
        }
        inner.clone()
    }

    fn joined(&mut self, before: Option<Type>, of: Type) -> Type {
        let Some(before) = before else { return of };
        if !self.assignable(&before, &of) {
            return Type::Dyn;
        }
        if less_specific(&before, &of) { before } else { of }
    }

    fn map(&mut self, entries: &[(Id, Id, bool)]) -> Type {
        let (mut keys, mut values) = (None, None);
        for (key, value, optional) in entries {
            self.check(*key);
            let found = self.of(*key);
            keys = Some(self.joined(keys, found));
            self.check(*value);
            let found = self.element(*value, *optional);
            values = Some(self.joined(values, found));
        }
        let keys = keys.unwrap_or_else(|| self.fresh());
        let values = values.unwrap_or_else(|| self.fresh());
        Type::map(keys, values)
    }

    fn structure(&mut self, id: Id, name: &str, fields: &[(usize, String, Id, bool)]) -> Type {
        let name = name.strip_prefix('.').unwrap_or(name);
        let of = match self.env.structure(name) {
            Some(of) => of,
            None if types::named(name).is_some() => {
                self.fault(id, format!("'{name}' is not a message type"));
                Type::Error
            }
            None => self.undeclared(id, name),
        };
        for (at, field, value, optional) in fields {
            self.check(*value);
            let given = self.element(*value, *optional);
            let Type::Object(known) = &of else { continue };
            match known.field(field) {
                Some(found) => {
                    if !self.assignable(&found.of, &given) {
                        let message = format!(
                            "expected type of field '{field}' is '{}' but provided type is '{given}'",
                            found.of
                        );
                        self.faults.push(Fault::new(*at, message));
                    }
                }
                None => self.faults.push(Fault::new(*at, format!("undefined field '{field}'"))),
            }
        }
        of
    }

    fn comprehension(&mut self, fold: &super::ast::Comprehension) -> Type {
        self.check(fold.range);
        self.check(fold.start);
        let range = self.resolved(&self.of(fold.range), false);
        let gathered = self.of(fold.start);
        self.scopes.push((fold.accumulator.clone(), gathered.clone()));
        let two = fold.second.is_some();
        let (first, second) = match &range {
            Type::List(of) if two => (Type::Int, of.item.clone()),
            Type::List(of) => (of.item.clone(), Type::Error),
            Type::Map(of) => (of.0.clone(), of.1.clone()),
            Type::Dyn | Type::Error | Type::Variable(_) => {
                self.assignable(&Type::Dyn, &range);
                (Type::Dyn, Type::Dyn)
            }
            of => {
                let message = format!(
                    "expression of type '{of}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                self.fault(fold.range, message);
                (Type::Error, Type::Error)
            }
        };
        self.scopes.push((fold.variable.clone(), first));
        if let Some(name) = &fold.second {
            self.scopes.push((name.clone(), second));
        }
        self.check(fold.condition);
        self.expect(fold.condition, &Type::Bool);
        self.check(fold.step);
        self.expect(fold.step, &gathered);
        self.scopes.truncate(self.scopes.len().saturating_sub(if two { 2 } else { 1 }));
        self.check(fold.result);
        self.scopes.pop();
        self.resolved(&self.of(fold.result), false)
    }

    fn expect(&mut self, id: Id, wanted: &Type) {
        let of = self.of(id);
        if !self.assignable(wanted, &of) {
            self.fault(id, format!("expected type '{wanted}' but found '{of}'"));
        }
    }

    fn bound(&self, of: &Type) -> Option<Type> {
        match of {
            Type::Variable(number) => self.bindings.get(*number).cloned().flatten(),
            _ => None,
        }
    }

    fn bind(&mut self, variable: &Type, to: Type) {
        if let Type::Variable(number) = variable
            && let Some(place) = self.bindings.get_mut(*number)
        {
            self.journal.push((*number, place.replace(to)));
        }
    }

    fn attempt(&mut self, attempt: impl FnOnce(&mut Self) -> bool) -> bool {
        let mark = self.journal.len();
        let fits = attempt(self);
        if !fits {
            for (number, before) in self.journal.split_off(mark).into_iter().rev() {
                if let Some(place) = self.bindings.get_mut(number) {
                    *place = before;
                }
            }
        }
        fits
    }

    fn assignable(&mut self, a: &Type, b: &Type) -> bool {
        self.attempt(|checker| checker.unify(a, b))
    }

    fn all_assignable(&mut self, a: &[Type], b: &[Type]) -> bool {
        self.attempt(|checker| checker.unify_all(a, b))
    }

    fn unify_all(&mut self, a: &[Type], b: &[Type]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.unify(a, b))
    }

    fn unify(&mut self, a: &Type, b: &Type) -> bool {
        if matches!(b, Type::Variable(_)) {
            let (fits, known) = self.substitutes(a, b);
            if fits || known {
                return fits;
            }
        }
        if matches!(a, Type::Variable(_)) {
            return self.substitutes(b, a).0;
        }
        if a.is_dyn_or_error() || b.is_dyn_or_error() {
            return true;
        }
        let nullable = |of: &Type| {
            matches!(of, Type::Null | Type::Opaque(..) | Type::Object(_) | Type::Duration | Type::Timestamp)
        };
        match (a, b) {
            (Type::Null, other) | (other, Type::Null) => nullable(other),
            (Type::TypeOf(_), Type::TypeOf(_)) => true,
            (Type::List(a), Type::List(b)) => self.unify(&a.item, &b.item),
            (Type::Map(a), Type::Map(b)) => self.unify(&a.0, &b.0) && self.unify(&a.1, &b.1),
            (Type::Opaque(a, of), Type::Opaque(b, with)) => a == b && self.unify_all(of, with),
            (a, b) => a.same(b),
        }
    }

    /// Whether a type may stand for a variable, and whether the variable stands for something already.
    fn substitutes(&mut self, of: &Type, variable: &Type) -> (bool, bool) {
        if of.same(variable) {
            return (true, true);
        }
        if let Some(bound) = self.bound(variable) {
            if of.same(&bound) {
                return (true, true);
            }
            if !self.unify(of, &bound) {
                return (false, true);
            }
            let general = if less_specific(of, &bound) { of.clone() } else { bound };
            if !self.occurs(variable, &general) {
                self.bind(variable, general);
            }
            return (true, true);
        }
        if self.occurs(variable, of) {
            return (false, false);
        }
        self.bind(variable, of.clone());
        (true, false)
    }

    fn occurs(&self, variable: &Type, within: &Type) -> bool {
        if variable.same(within) {
            return true;
        }
        match within {
            Type::Variable(_) => self.bound(within).is_some_and(|bound| self.occurs(variable, &bound)),
            Type::List(of) => self.occurs(variable, &of.item),
            Type::Map(of) => self.occurs(variable, &of.0) || self.occurs(variable, &of.1),
            Type::Opaque(_, of) => of.iter().any(|of| self.occurs(variable, of)),
            Type::TypeOf(Some(of)) => self.occurs(variable, of),
            _ => false,
        }
    }

    /// A type with its variables replaced by what they stand for, unbound ones by `dyn` if asked.
    fn resolved(&self, of: &Type, free_to_dyn: bool) -> Type {
        if let Some(bound) = self.bound(of) {
            return self.resolved(&bound, free_to_dyn);
        }
        let inner = |of: &Type| self.resolved(of, free_to_dyn);
        match of {
            Type::Variable(_) if free_to_dyn => Type::Dyn,
            Type::List(of) if has_variables(&of.item) => Type::list(inner(&of.item)),
            Type::Map(of) if has_variables(&of.0) || has_variables(&of.1) => Type::map(inner(&of.0), inner(&of.1)),
            Type::Opaque(name, of) => Type::Opaque(name, of.iter().map(inner).collect()),
            Type::TypeOf(Some(of)) => Type::type_of(inner(of)),
            other => other.clone(),
        }
    }
}

fn has_variables(of: &Type) -> bool {
    match of {
        Type::Variable(_) => true,
        Type::List(of) => has_variables(&of.item),
        Type::Map(of) => has_variables(&of.0) || has_variables(&of.1),
        Type::Opaque(_, of) => of.iter().any(has_variables),
        Type::TypeOf(Some(of)) => has_variables(of),
        _ => false,
    }
}

fn instantiate(of: &Type, named: &mut Vec<(char, usize)>, bindings: &mut Vec<Option<Type>>) -> Type {
    let mut inner = |of: &Type| instantiate(of, named, bindings);
    match of {
        Type::Parameter(name) => {
            let known = named.iter().find(|(known, _)| known == name).map(|(_, number)| *number);
            Type::Variable(known.unwrap_or_else(|| {
                bindings.push(None);
                named.push((*name, bindings.len() - 1));
                bindings.len() - 1
            }))
        }
        Type::List(of) => Type::list(inner(&of.item)),
        Type::Map(of) => Type::map(inner(&of.0), inner(&of.1)),
        Type::Opaque(name, of) => Type::Opaque(name, of.iter().map(inner).collect()),
        Type::TypeOf(Some(of)) => Type::type_of(inner(of)),
        other => other.clone(),
    }
}

/// Whether a type says no more than another that it unifies with.
fn less_specific(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Dyn | Type::Variable(_), _) => true,
        (_, Type::Dyn | Type::Variable(_)) => false,
        (Type::List(a), Type::List(b)) => less_specific(&a.item, &b.item),
        (Type::Map(a), Type::Map(b)) => less_specific(&a.0, &b.0) && less_specific(&a.1, &b.1),
        (Type::Opaque(a, of), Type::Opaque(b, with)) => {
            a == b && of.len() == with.len() && of.iter().zip(with.iter()).all(|(a, b)| less_specific(a, b))
        }
        (Type::TypeOf(_), Type::TypeOf(_)) => true,
        (a, b) => a.same(b),
    }
}
