//! What is wrong with an expression beyond its types: literals that cannot be what they are used as,
//! lists and maps of several types.

use super::ast::{Id, Kind, Literal, Tree};
use super::checker::Checked;
use super::fault::Fault;
use super::types::Type;
use super::{convert, functions};

/// Functions whose first argument, where it is a literal, must be one of those.
const FORMS: &[(&str, fn(&Literal) -> bool)] = &[
    ("duration", |literal| match literal {
        Literal::String(text) => convert::duration(text).is_some(),
        literal => !matches!(literal, Literal::Int(_)),
    }),
    ("timestamp", |literal| match literal {
        Literal::String(text) => crate::object::time::parse_rfc3339(text).and_then(convert::in_range).is_some(),
        Literal::Int(seconds) => jiff::Timestamp::from_second(*seconds).ok().and_then(convert::in_range).is_some(),
        _ => true,
    }),
    ("matches", |literal| match literal {
        Literal::String(text) => functions::compile_pattern(text).is_ok(),
        _ => true,
    }),
];

/// The faults of a tree that was checked.
pub(super) fn find(tree: &Tree, checked: &Checked) -> Vec<Fault> {
    let mut lints = Lints { tree, checked, faults: Vec::new() };
    lints.walk(tree.root, false);
    lints.faults
}

struct Lints<'a> {
    tree: &'a Tree,
    checked: &'a Checked,
    faults: Vec<Fault>,
}

impl Lints<'_> {
    fn of(&self, id: Id) -> Type {
        self.checked.types.get(id).cloned().unwrap_or(Type::Dyn)
    }

    fn literal(&self, id: Id) -> Option<&str> {
        match self.tree.kind(id) {
            Kind::Literal(Literal::String(text)) => Some(text),
            _ => None,
        }
    }

    fn fault(&mut self, id: Id, message: String) {
        let fault = Fault::new(self.tree.at(id), message);
        // A part that a macro uses twice is at fault once.
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// `mixed`: within the arguments of `format`, which may be of several types.
    fn walk(&mut self, id: Id, mixed: bool) {
        let mut inside = mixed;
        match self.tree.kind(id) {
            Kind::Call { function, target, args } => {
                inside |= function == "format";
                if let Some((name, fits)) = FORMS.iter().find(|(name, _)| function == name)
                    && let Some(arg) = args.first()
                    && let Kind::Literal(literal) = self.tree.kind(*arg)
                    && !fits(literal)
                {
                    self.fault(*arg, format!("invalid {name} argument"));
                }
                if let ("format", Some(target), [list]) = (function.as_str(), target, args.as_slice())
                    && let (Some(pattern), Kind::List(items)) = (self.literal(*target), self.tree.kind(*list))
                {
                    let of: Vec<Type> = items.iter().map(|(item, _)| self.of(*item)).collect();
                    if let Err((which, why)) = functions::check_format(pattern, &of) {
                        let at = which.and_then(|which| items.get(which)).map_or(id, |(item, _)| *item);
                        self.fault(at, why);
                    }
                }
            }
            Kind::List(items) if !mixed => {
                let items: Vec<(Id, Type)> =
                    items.iter().map(|(item, optional)| self.element(*item, *optional)).collect();
                self.alike(&items, true);
            }
            Kind::Map(entries) if !mixed => {
                let keys: Vec<(Id, Type)> = entries.iter().map(|(key, _, _)| (*key, self.of(*key))).collect();
                let values: Vec<(Id, Type)> =
                    entries.iter().map(|(_, value, optional)| self.element(*value, *optional)).collect();
                self.alike(&keys, false);
                self.alike(&values, false);
            }
            _ => {}
        }
        for child in self.tree.children(id) {
            self.walk(child, inside);
        }
    }

    fn element(&self, id: Id, optional: bool) -> (Id, Type) {
        let of = self.of(id);
        (id, if optional { of.unwrapped().0.clone() } else { of })
    }

    fn alike(&mut self, items: &[(Id, Type)], first_only: bool) {
        let Some(((_, wanted), rest)) = items.split_first() else { return };
        for (id, of) in rest {
            if !of.same(wanted) {
                self.fault(*id, format!("expected type '{wanted}' but found '{of}'"));
                if first_only {
                    return;
                }
            }
        }
    }
}
