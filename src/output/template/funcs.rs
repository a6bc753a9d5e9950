//! Functions: how they are declared, and the ones that every template has.

use serde_json::Value as Json;

use super::compare;
use super::escape::{html, js, url_query};
use super::printf;
use super::value::{Slice, Value};

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// Any value, taken out of its element: Go's `interface {}`.
    Any,
    /// Any value, elements as they are: Go's `reflect.Value`.
    Raw,
    /// A string; others are refused before the call.
    Text,
}

impl Param {
    /// The Go type that errors name.
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Raw => "reflect.Value",
            Self::Text => "string",
        }
    }
}

/// What a function does: values in, a value or an error's words out.
pub type Body = for<'a> fn(&[Value<'a>]) -> Result<Value<'a>, String>;

/// What a function does that also looks at what the execution is about, beside the data.
pub type ContextBody = for<'a> fn(&'a Json, &[Value<'a>]) -> Result<Value<'a>, String>;

/// A function that templates can call.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name in templates.
    pub name: &'static str,
    /// Its fixed parameters.
    pub params: &'static [Param],
    /// What any further arguments must be; nothing if there may be none.
    pub rest: Option<Param>,
    pub(super) action: Action,
}

/// What the executor does for a function.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// Evaluates all arguments and calls it.
    Body(Body),
    /// The same, with the execution's context.
    Context(ContextBody),
    /// Evaluates arguments until one is false.
    And,
    /// Evaluates arguments until one is true.
    Or,
    /// Calls its first argument.
    Call,
}

impl Function {
    /// A function for [`super::Template::parse_with`]. One with the name of a built-in replaces it.
    pub const fn new(name: &'static str, params: &'static [Param], rest: Option<Param>, body: Body) -> Self {
        Self { name, params, rest, action: Action::Body(body) }
    }

    /// A function that looks at the context of [`super::Template::execute_in`].
    pub const fn of_context(
        name: &'static str,
        params: &'static [Param],
        rest: Option<Param>,
        body: ContextBody,
    ) -> Self {
        Self { name, params, rest, action: Action::Context(body) }
    }

    const fn special(name: &'static str, action: Action) -> Self {
        Self { name, params: &[Param::Raw], rest: Some(Param::Raw), action }
    }
}

const BUILTINS: &[Function] = &[
    Function::special("and", Action::And),
    Function::special("call", Action::Call),
    Function::special("or", Action::Or),
    Function::new("eq", &[Param::Raw], Some(Param::Raw), compare::eq),
    Function::new("ge", &[Param::Raw, Param::Raw], None, compare::ge),
    Function::new("gt", &[Param::Raw, Param::Raw], None, compare::gt),
    Function::new("html", &[], Some(Param::Any), |args| Ok(Value::text(html(&joined(args))))),
    Function::new("index", &[Param::Raw], Some(Param::Raw), index),
    Function::new("js", &[], Some(Param::Any), |args| Ok(Value::text(js(&joined(args))))),
    Function::new("le", &[Param::Raw, Param::Raw], None, compare::le),
    Function::new("len", &[Param::Raw], None, len),
    Function::new("lt", &[Param::Raw, Param::Raw], None, compare::lt),
    Function::new("ne", &[Param::Raw, Param::Raw], None, compare::ne),
    Function::new("not", &[Param::Raw], None, |args| Ok(Value::Bool(!args.first().is_some_and(Value::truth)))),
    Function::new("print", &[], Some(Param::Any), |args| Ok(Value::text(printf::print(args)))),
    Function::new("printf", &[Param::Text], Some(Param::Any), |args| match args.split_first() {
        Some((Value::Text(format), args)) => Ok(Value::text(printf::printf(format.bytes(), args))),
        _ => Err("missing format".to_owned()),
    }),
    Function::new("println", &[], Some(Param::Any), |args| Ok(Value::text(printf::println(args)))),
    Function::new("slice", &[Param::Raw], Some(Param::Raw), slice),
    Function::new("urlquery", &[], Some(Param::Any), |args| Ok(Value::text(url_query(&joined(args))))),
];

/// A function that every template has.
pub(super) fn builtin(name: &str) -> Option<Function> {
    BUILTINS.iter().find(|function| function.name == name).copied()
}

/// The text that the escaping functions work on: a string as it is, others as `print` has them, but
/// with `<no value>` for nothing.
fn joined(args: &[Value<'_>]) -> Vec<u8> {
    if let [Value::Text(text)] = args {
        return text.bytes().to_vec();
    }
    let shown: Vec<Value<'_>> =
        args.iter().map(|arg| if arg.is_nil() { Value::text("<no value>") } else { arg.clone() }).collect();
    printf::print(&shown)
}

/// What Go's reflection says when something needs the type of no value.
const NO_TYPE: &str = "reflect: call of reflect.Value.Type on zero Value";

fn len<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let Some(item) = args.first() else { return Err(NO_TYPE.to_owned()) };
    if matches!(item, Value::Element(json) if json.is_null()) {
        return Err("len of nil pointer".to_owned());
    }
    let length = match item.clone().concrete() {
        Value::Map(map) => map.len(),
        Value::Slice(slice) => slice.len(),
        Value::Text(text) => text.bytes().len(),
        Value::Nothing => return Err(NO_TYPE.to_owned()),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// An index into something with `limit` items; `limit` itself passes, as in Go.
fn index_arg(index: &Value<'_>, limit: usize) -> Result<usize, String> {
    let value = match index.integer() {
        Some(value) => value,
        None if matches!(index, Value::Nothing) => return Err("cannot index slice/array with nil".to_owned()),
        None => return Err(format!("cannot index slice/array with type {}", index.type_name())),
    };
    usize::try_from(value).ok().filter(|index| *index <= limit).ok_or_else(|| format!("index out of range: {value}"))
}

fn index<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let Some((item, indexes)) = args.split_first() else { return Err("index of untyped nil".to_owned()) };
    let mut item = item.clone().concrete();
    if item.is_nil() {
        return Err("index of untyped nil".to_owned());
    }
    for index in indexes {
        let index = index.clone().concrete();
        item = match item.concrete() {
            Value::Nothing => return Err("index of nil pointer".to_owned()),
            Value::Slice(slice) => {
                let at = index_arg(&index, slice.len())?;
                if at == slice.len() {
                    return Err("reflect: slice index out of range".to_owned());
                }
                Value::Element(slice.get(at))
            }
            Value::Text(text) => {
                let at = index_arg(&index, text.bytes().len())?;
                match text.bytes().get(at) {
                    Some(byte) => Value::Byte(*byte),
                    None => return Err("reflect: string index out of range".to_owned()),
                }
            }
            Value::Map(map) => match &index {
                Value::Text(key) => {
                    let found = std::str::from_utf8(key.bytes()).ok().and_then(|key| map.get(key));
                    found.map_or_else(Value::null, Value::Element)
                }
                Value::Nothing => return Err("value is nil; should be of type string".to_owned()),
                other => return Err(format!("value has type {}; should be string", other.type_name())),
            },
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

fn slice<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let Some((item, indexes)) = args.split_first() else { return Err("slice of untyped nil".to_owned()) };
    let item = item.clone().concrete();
    if item.is_nil() {
        return Err("slice of untyped nil".to_owned());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let (len, cap) = match &item {
        Value::Text(_) if indexes.len() == 3 => return Err("cannot 3-index slice a string".to_owned()),
        Value::Text(text) => (text.bytes().len(), text.bytes().len()),
        Value::Slice(slice) => (slice.len(), slice.cap()),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut bounds = [0, len, cap];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = index_arg(index, cap)?;
    }
    let [from, to, max] = bounds;
    for (low, high) in [(from, to), (to, max)] {
        if low > high {
            return Err(format!("invalid slice index: {low} > {high}"));
        }
    }
    Ok(match item {
        Value::Text(text) => Value::Text(text.slice(from, to)),
        Value::Slice(slice) => Value::Slice(Slice::slice(&slice, from, to, max)),
        other => other,
    })
}
