//! Types: what a declaration says of a variable, and what the checker finds out about expressions.

use std::fmt;
use std::sync::Arc;

/// A type.
#[derive(Clone, Debug)]
pub enum Type {
    /// Anything; its operations are checked when they happen.
    Dyn,
    /// The type of what is wrong already; it fits everywhere, so that one fault is reported once.
    Error,
    /// `null_type`
    Null,
    /// `bool`
    Bool,
    /// `int`: 64 bits with a sign.
    Int,
    /// `uint`: 64 bits without one.
    Uint,
    /// `double`
    Double,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// `duration`
    Duration,
    /// `timestamp`
    Timestamp,
    /// `list(T)`
    List(Arc<ListOf>),
    /// `map(K, V)`
    Map(Arc<(Type, Type)>),
    /// An object with known fields.
    Object(Arc<dyn Fields>),
    /// A type with a name of its own, such as `optional_type(T)` or `kubernetes.Quantity`.
    Opaque(&'static str, Arc<[Type]>),
    /// `type(T)`; without a parameter it is any type.
    TypeOf(Option<Arc<Type>>),
    /// A type to be found out, by its number within one check.
    Variable(usize),
    /// A parameter of a function's signature.
    Parameter(char),
}

/// What a list holds.
#[derive(Clone, Debug)]
pub struct ListOf {
    /// The type of its elements.
    pub item: Type,
    /// How its elements are told apart.
    pub identity: Identity,
}

/// How the elements of a list are told apart when lists are compared or joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// By their place.
    #[default]
    Place,
    /// By their value: the order does not matter, and each is there once.
    Value,
    /// By some of their fields.
    Keys(Arc<[String]>),
}

/// The fields of an object's type.
pub trait Fields: fmt::Debug + Send + Sync {
    /// The type's name. Types of the same name are the same.
    fn name(&self) -> &str;
    /// A field, by its name in expressions.
    fn field(&self, name: &str) -> Option<Field<'_>>;
    /// The name in expressions of a field of the data; `None` where no expression can name it.
    fn spelled<'a>(&self, name: &'a str) -> Option<std::borrow::Cow<'a, str>> {
        Some(name.into())
    }
}

/// A field of an object's type.
#[derive(Debug)]
pub struct Field<'a> {
    /// Its name in the data.
    pub name: std::borrow::Cow<'a, str>,
    /// Its type.
    pub of: Type,
}

/// The name of the type of optional values.
pub const OPTIONAL: &str = "optional_type";

impl Type {
    /// `list(item)`
    pub fn list(item: Self) -> Self {
        Self::List(Arc::new(ListOf { item, identity: Identity::Place }))
    }

    /// `map(key, value)`
    pub fn map(key: Self, value: Self) -> Self {
        Self::Map(Arc::new((key, value)))
    }

    /// `optional_type(of)`
    pub fn optional(of: Self) -> Self {
        Self::Opaque(OPTIONAL, Arc::new([of]))
    }

    /// `type(of)`
    pub fn type_of(of: Self) -> Self {
        Self::TypeOf(Some(Arc::new(of)))
    }

    /// A type with a name of its own and no parameters.
    pub fn opaque(name: &'static str) -> Self {
        Self::Opaque(name, Arc::new([]))
    }

    /// Whether operations on it are checked only when they happen.
    pub fn is_dyn(&self) -> bool {
        matches!(self, Self::Dyn)
    }

    /// Whether it is `dyn` or already at fault.
    pub fn is_dyn_or_error(&self) -> bool {
        matches!(self, Self::Dyn | Self::Error)
    }

    /// What an optional may hold, and whether it is one at all.
    pub fn unwrapped(&self) -> (&Self, bool) {
        match self {
            Self::Opaque(OPTIONAL, of) => (of.first().unwrap_or(&Self::Dyn), true),
            other => (other, false),
        }
    }

    /// The type's name without its parameters: that of its values' run-time type.
    pub fn name(&self) -> String {
        match self {
            Self::Null => "null_type".into(),
            Self::List(_) => "list".into(),
            Self::Map(_) => "map".into(),
            Self::Duration => "google.protobuf.Duration".into(),
            Self::Timestamp => "google.protobuf.Timestamp".into(),
            Self::Opaque(name, _) => (*name).into(),
            Self::TypeOf(_) => "type".into(),
            other => other.to_string(),
        }
    }

    /// Whether both are the same in every part.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(a), Self::List(b)) => a.item.same(&b.item),
            (Self::Map(a), Self::Map(b)) => a.0.same(&b.0) && a.1.same(&b.1),
            (Self::Object(a), Self::Object(b)) => a.name() == b.name(),
            (Self::Opaque(a, of), Self::Opaque(b, with)) => {
                a == b && of.len() == with.len() && of.iter().zip(with.iter()).all(|(a, b)| a.same(b))
            }
            (Self::TypeOf(Some(a)), Self::TypeOf(Some(b))) => a.same(b),
            (Self::Variable(a), Self::Variable(b)) => a == b,
            (Self::Parameter(a), Self::Parameter(b)) => a == b,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dyn => f.write_str("dyn"),
            Self::Error => f.write_str("!error!"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Duration => f.write_str("duration"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::List(of) => write!(f, "list({})", of.item),
            Self::Map(of) => write!(f, "map({}, {})", of.0, of.1),
            Self::Object(of) => f.write_str(of.name()),
            Self::Opaque(name, of) => {
                f.write_str(name)?;
                if let Some((first, rest)) = of.split_first() {
                    write!(f, "({first}")?;
                    rest.iter().try_for_each(|of| write!(f, ", {of}"))?;
                    f.write_str(")")?;
                }
                Ok(())
            }
            Self::TypeOf(None) => f.write_str("type"),
            Self::TypeOf(Some(of)) => write!(f, "type({of})"),
            Self::Variable(number) => write!(f, "_var{number}"),
            Self::Parameter(name) => write!(f, "{name}"),
        }
    }
}

/// Reads a type as signatures write it: `map(string, list(A))`. A capital letter is a parameter.
pub(super) fn parse(text: &str) -> Option<Type> {
    let (of, rest) = read(text)?;
    rest.trim().is_empty().then_some(of)
}

/// What a function takes and gives.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    /// Whether the first argument is a receiver.
    pub member: bool,
    pub args: Vec<Type>,
    pub result: Type,
}

/// Reads a signature: `(A, list(A)) -> bool`, `string.(int) -> string`.
pub(super) fn signature(text: &str) -> Option<Signature> {
    let mut args = Vec::new();
    let mut rest = text;
    let member = !rest.starts_with('(');
    if member {
        let (of, after) = read(rest)?;
        args.push(of);
        rest = after.strip_prefix('.')?;
    }
    rest = rest.strip_prefix('(')?;
    while !rest.starts_with(')') {
        let (of, after) = read(rest)?;
        args.push(of);
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
    }
    let result = parse(rest.strip_prefix(')')?.trim_start().strip_prefix("->")?)?;
    Some(Signature { member, args, result })
}

/// Names of opaque types; those of libraries are here too, as signatures name them.
const OPAQUE: &[&str] = &[
    OPTIONAL,
    "kubernetes.NamedFormat",
    "kubernetes.Quantity",
    "kubernetes.Semver",
    "kubernetes.URL",
    "kubernetes.authorization.Authorizer",
    "kubernetes.authorization.Decision",
    "kubernetes.authorization.GroupCheck",
    "kubernetes.authorization.PathCheck",
    "kubernetes.authorization.ResourceCheck",
    "net.CIDR",
    "net.IP",
];

/// The type that a name in an expression stands for: `int`, `list`, `net.IP`.
pub(super) fn named(name: &str) -> Option<Type> {
    Some(match name {
        "list" => Type::list(Type::Dyn),
        "map" => Type::map(Type::Dyn, Type::Dyn),
        "null_type" => Type::Null,
        "type" => Type::TypeOf(None),
        "google.protobuf.Duration" => Type::Duration,
        "google.protobuf.Timestamp" => Type::Timestamp,
        OPTIONAL => Type::optional(Type::Dyn),
        "dyn" | "bool" | "int" | "uint" | "double" | "string" | "bytes" => parse(name)?,
        name => Type::opaque(OPAQUE.iter().find(|known| **known == name)?),
    })
}

fn read(text: &str) -> Option<(Type, &str)> {
    let text = text.trim_start();
    let mut end = text.find(|c: char| !c.is_alphanumeric() && c != '.' && c != '_').unwrap_or(text.len());
    // The dot between a receiver and its arguments.
    if text.get(..end)?.ends_with('.') {
        end -= 1;
    }
    let (name, mut rest) = text.split_at_checked(end)?;
    let mut of = Vec::new();
    if let Some(inner) = rest.strip_prefix('(') {
        rest = inner;
        loop {
            let (one, after) = read(rest)?;
            of.push(one);
            rest = after.trim_start();
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix(')')?;
    }
    let mut of = of.into_iter();
    let found = match name {
        "dyn" => Type::Dyn,
        "null" => Type::Null,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "duration" => Type::Duration,
        "timestamp" => Type::Timestamp,
        "list" => Type::list(of.next()?),
        "map" => Type::map(of.next()?, of.next()?),
        "type" => Type::type_of(of.next()?),
        name if name.len() == 1 => Type::Parameter(name.chars().next()?),
        name => Type::Opaque(OPAQUE.iter().find(|known| **known == name)?, of.collect()),
    };
    Some((found, rest))
}
