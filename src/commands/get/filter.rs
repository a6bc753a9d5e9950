//! `get --where`: objects chosen by an expression in CEL over all that they hold.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use crate::object::cel::{Budget, Env, Program, Type, Value};
use crate::object::{Object, Timestamp, builtin, schema};

/// What an expression may cost for one object.
const COST: u64 = 10_000_000;

/// Chooses objects.
pub(super) struct Where {
    program: Program,
    now: Timestamp,
    seen: Cell<usize>,
    failed: Cell<usize>,
    /// Why the expression has no value for the first object that it has none for.
    why: RefCell<String>,
}

impl Where {
    /// Reads an expression. It may name the object (`self`), its fields (`metadata`, `spec`, …) and `now`.
    ///
    /// # Errors
    /// An expression that does not read, or that is neither true nor false.
    pub fn parse(text: &str, now: Timestamp) -> anyhow::Result<Self> {
        let mut env = Env::new().with_bind().with("self", Type::Dyn).with("now", Type::Timestamp);
        for name in field_names() {
            env = env.with(name, Type::Dyn);
        }
        let program = Program::compile(&env, text).map_err(|why| anyhow::anyhow!("--where cannot be read:\n{why}"))?;
        if !matches!(program.result(), Type::Bool | Type::Dyn) {
            anyhow::bail!("--where must be true or false, and this is of type {}: {text}", program.result());
        }
        let (seen, failed, why) = Default::default();
        Ok(Self { program, now, seen, failed, why })
    }

    /// Whether an object is one of those. One for which the expression has no value is not.
    pub fn holds(&self, object: &Object) -> bool {
        self.seen.set(self.seen.get() + 1);
        match self.program.eval(&Names { object, now: self.now }, &mut Budget::new(COST)) {
            Ok(value) => value.as_bool() == Some(true),
            Err(why) => {
                if self.failed.replace(self.failed.get() + 1) == 0 {
                    *self.why.borrow_mut() = why.to_string();
                }
                false
            }
        }
    }

    /// What is left of an answer: an object or none, the rows of a table, the items of a list.
    pub fn keep(&self, mut object: Object) -> Option<Object> {
        for (list, inner) in [("rows", Some("object")), ("items", None)] {
            if let Some(entries) = object.get_mut(list).and_then(Object::as_array_mut) {
                entries.retain(|entry| match inner {
                    Some(inner) => entry.get(inner).is_some_and(|object| self.holds(object)),
                    None => self.holds(entry),
                });
                return Some(object);
            }
        }
        self.holds(&object).then_some(object)
    }

    /// To be asked when all objects were seen.
    ///
    /// # Errors
    /// The expression had a value for none of them.
    pub fn finish(&self) -> anyhow::Result<()> {
        let (seen, failed) = (self.seen.get(), self.failed.get());
        if seen == 0 || failed < seen {
            return Ok(());
        }
        let why = self.why.borrow();
        anyhow::bail!(
            "--where has no value for any of {seen} objects: {why} (has() and ?. are for fields that may be absent)"
        )
    }
}

/// What the names in an expression stand for.
struct Names<'v> {
    object: &'v Object,
    now: Timestamp,
}

impl<'v> crate::object::cel::Variables<'v> for Names<'v> {
    fn get(&self, name: &str) -> Option<crate::object::cel::Eval<'v>> {
        Some(Ok(match name {
            "self" => Value::of_json(self.object, &Type::Dyn),
            "now" => Value::Timestamp(self.now),
            name => match self.object.get(name) {
                Some(value) => Value::of_json(value, &Type::Dyn),
                None => return Some(Err(crate::object::cel::EvalError::Other(format!("no such key: {name}")))),
            },
        }))
    }
}

/// The fields that objects of any kind have at their top.
fn field_names() -> BTreeSet<String> {
    let kinds = builtin::resources().iter().filter_map(|resource| schema::of(&resource.gvk()));
    let mut names: BTreeSet<String> =
        kinds.flat_map(|of| of.fields().iter().map(|field| field.name.to_string())).collect();
    names.extend(["apiVersion", "kind", "metadata", "spec", "status"].map(str::to_owned));
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn choose(text: &str) -> Result<Vec<String>, String> {
        let pods = [
            json!({"metadata": {"name": "a", "labels": {"app": "web"}, "creationTimestamp": "2026-01-01T00:00:00Z"},
                "spec": {"containers": [{"image": "nginx:1"}, {"image": "busy"}]}, "status": {"phase": "Running", "restarts": 3}}),
            json!({"metadata": {"name": "b", "creationTimestamp": "2026-01-01T11:59:00Z"},
                "spec": {"containers": [{"image": "redis"}]}, "status": {"phase": "Pending"}}),
        ];
        let now = "2026-01-01T12:00:00Z".parse().expect("a time");
        let filter = Where::parse(text, now).map_err(|why| why.to_string())?;
        let found =
            pods.iter().filter(|pod| filter.holds(pod)).map(|pod| pod["metadata"]["name"].to_string()).collect();
        filter.finish().map(|()| found).map_err(|why| why.to_string())
    }

    #[test]
    fn chooses_by_any_field() {
        for (text, want) in [
            ("metadata.name == 'a'", vec!["\"a\""]),
            ("self.status.phase != 'Running'", vec!["\"b\""]),
            ("spec.containers.exists(c, c.image.contains('nginx'))", vec!["\"a\""]),
            ("metadata.?labels.app.orValue('') == 'web'", vec!["\"a\""]),
            ("has(metadata.labels)", vec!["\"a\""]),
            ("status.restarts > 2", vec!["\"a\""]),
            ("now - timestamp(metadata.creationTimestamp) < duration('1h')", vec!["\"b\""]),
            ("false", vec![]),
            ("cel.bind(n, metadata.name, n == 'b' || n == 'c')", vec!["\"b\""]),
        ] {
            assert_eq!(choose(text), Ok(want.into_iter().map(str::to_owned).collect()), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_an_expression() {
        for (text, want) in [
            (
                "metadata.name ==",
                "--where cannot be read:\nERROR: <input>:1:17: Syntax error: mismatched input '<EOF>'",
            ),
            ("metdata.name == 'a'", "--where cannot be read:\nERROR: <input>:1:1: undeclared reference to 'metdata'"),
            ("1 + 1", "--where must be true or false, and this is of type int: 1 + 1"),
            ("metadata.nope == 'a'", "--where has no value for any of 2 objects: no such key: nope"),
        ] {
            let got = choose(text).expect_err(text);
            assert!(got.starts_with(want), "{text}: {got}");
        }
    }

    #[test]
    fn keeps_parts_of_answers() {
        let filter = Where::parse("metadata.name == 'a'", Timestamp::UNIX_EPOCH).expect("an expression");
        let object = |name: &str| json!({"metadata": {"name": name}});
        let table = json!({"kind": "Table", "rows": [{"object": object("a")}, {"object": object("b")}]});
        assert_eq!(filter.keep(table), Some(json!({"kind": "Table", "rows": [{"object": object("a")}]})));
        let list = json!({"items": [object("b"), object("a")]});
        assert_eq!(filter.keep(list), Some(json!({"items": [object("a")]})));
        assert_eq!(filter.keep(object("b")), None);
    }
}
