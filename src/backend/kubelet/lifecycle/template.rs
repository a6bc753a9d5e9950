//! The templates of stages: Go's, with kwok's functions, that give YAML.

use serde_json::{Map, json};

use crate::object::{Meta, Object, Timestamp, yaml};
use crate::output::template::value::Text as Bytes;
use crate::output::template::{Function, Param, Template, Value};

/// The version that templates may ask for.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What a template may write, in bytes.
const LONGEST: usize = 1024 * 1024;

/// A template that was read.
#[derive(Clone, Debug)]
pub(super) struct Text(Template);

/// What templates may ask about the object and the place where it is.
pub(super) struct Surroundings<'a> {
    pub now: Timestamp,
    /// The node that the object is on, or is.
    pub node_name: &'a str,
    pub node_ip: &'a str,
    /// The address that the pod has, or may have.
    pub pod_ip: &'a str,
}

fn text_of(bytes: &Bytes<'_>) -> String {
    String::from_utf8_lossy(bytes.bytes()).into_owned()
}

/// A value of a template as JSON.
fn json_of(value: &Value<'_>) -> Object {
    match value.clone().concrete() {
        Value::Element(json) => json.clone(),
        Value::Map(map) => Object::Object(map.clone()),
        Value::Slice(slice) => Object::Array((0..slice.len()).map(|at| slice.get(at).clone()).collect()),
        Value::Text(bytes) => Object::String(text_of(&bytes)),
        Value::Bool(value) => Object::Bool(value),
        Value::Int(value) | Value::Int64(value) => json!(value),
        Value::Byte(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Nothing | Value::Complex(..) => Object::Null,
    }
}

/// A string in double quotes: JSON of what is no string is quoted, too.
fn quoted<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let value = args.first().map(json_of).unwrap_or_default();
    let value = if value.is_string() { value } else { Object::String(value.to_string()) };
    Ok(Value::text(value.to_string()))
}

/// YAML, in the form of JSON, on a line of its own so far to the right.
fn yaml_of<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let value = args.first().map(json_of).unwrap_or_default();
    let indent = args.get(1).and_then(Value::integer).and_then(|indent| usize::try_from(indent).ok()).unwrap_or(0);
    let before = if indent > 0 { format!("\n{}", " ".repeat(2 * indent.min(50))) } else { String::new() };
    Ok(Value::text(format!("{before}{value}")))
}

fn default<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    match args {
        [instead, value] if !value.truth() => Ok(instead.clone()),
        [_, value] => Ok(value.clone()),
        [instead] => Ok(instead.clone()),
        _ => Ok(Value::Nothing),
    }
}

fn ternary<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    match args {
        [yes, no, test] => Ok(if test.truth() { yes.clone() } else { no.clone() }),
        _ => Err("ternary takes three arguments".to_owned()),
    }
}

fn on_text<'a>(args: &[Value<'a>], work: impl Fn(&str) -> String) -> Result<Value<'a>, String> {
    match args.first() {
        Some(Value::Text(bytes)) => Ok(Value::text(work(&text_of(bytes)))),
        _ => Err("a string is needed".to_owned()),
    }
}

fn sum<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let mut total: i64 = 0;
    for arg in args {
        let number = arg.integer().ok_or("a whole number is needed")?;
        total = total.saturating_add(number);
    }
    Ok(Value::Int64(total))
}

/// A field of the context.
fn known<'a>(context: &'a Object, field: &str) -> Result<Value<'a>, String> {
    Ok(context.get(field).map_or(Value::Nothing, Value::of))
}

/// No map can be made on the way, but for an empty one.
fn dict<'a>(context: &'a Object, args: &[Value<'a>]) -> Result<Value<'a>, String> {
    if args.is_empty() { known(context, "empty") } else { Err("dict with arguments is not supported".to_owned()) }
}

const ANY: &[Param] = &[Param::Any];
const FUNCTIONS: &[Function] = &[
    Function::new("Quote", ANY, None, quoted),
    Function::new("quote", ANY, None, quoted),
    Function::new("YAML", ANY, Some(Param::Any), yaml_of),
    Function::new("default", ANY, Some(Param::Any), default),
    Function::new("ternary", &[Param::Any, Param::Any, Param::Any], None, ternary),
    Function::new("upper", &[Param::Text], None, |args| on_text(args, str::to_uppercase)),
    Function::new("lower", &[Param::Text], None, |args| on_text(args, str::to_lowercase)),
    Function::new("trim", &[Param::Text], None, |args| on_text(args, |text| text.trim().to_owned())),
    Function::new("add", ANY, Some(Param::Any), sum),
    Function::of_context("dict", &[], Some(Param::Any), dict),
    Function::of_context("Now", &[], None, |context, _| known(context, "now")),
    Function::of_context("StartTime", &[], None, |context, _| known(context, "now")),
    Function::of_context("Version", &[], None, |context, _| known(context, "version")),
    Function::of_context("NodeConditions", &[], None, |context, _| known(context, "conditions")),
    Function::of_context("NodeName", &[], None, |context, _| known(context, "nodeName")),
    Function::of_context("NodePort", &[], None, |context, _| known(context, "nodePort")),
    Function::of_context("NodeIP", &[], None, |context, _| known(context, "nodeIP")),
    Function::of_context("NodeIPWith", &[], Some(Param::Any), |context, _| known(context, "nodeIP")),
    Function::of_context("NodeIPsWith", &[], Some(Param::Any), |context, _| known(context, "nodeIPs")),
    Function::of_context("PodIPWith", &[], Some(Param::Any), |context, _| known(context, "podIP")),
    Function::of_context("PodIPsWith", &[], Some(Param::Any), |context, _| known(context, "podIPs")),
];

impl Surroundings<'_> {
    fn context(&self) -> Object {
        let conditions: Vec<Object> = super::super::nodes::CONDITIONS
            .iter()
            .map(|[kind, status, reason, message]| {
                json!({"type": kind, "status": status, "reason": reason, "message": message})
            })
            .chain([json!({
                "type": "NetworkUnavailable", "status": "False", "reason": "RouteCreated",
                "message": "RouteController created a route",
            })])
            .collect();
        let list = |ip: &str| if ip.is_empty() { json!([]) } else { json!([ip]) };
        json!({
            "now": self.now.to_string(),
            "version": VERSION,
            "conditions": conditions,
            "nodeName": self.node_name,
            "nodePort": 10250,
            "nodeIP": self.node_ip,
            "nodeIPs": list(self.node_ip),
            "podIP": self.pod_ip,
            "podIPs": list(self.pod_ip),
            "empty": Map::new(),
        })
    }
}

/// Takes so much, and no more.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > LONGEST {
            return Err(std::io::Error::other("the template writes too much"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Text {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, in Go's words; a function that is not there.
    pub fn parse(text: &str) -> Result<Self, String> {
        Template::parse_with("_", text.trim(), FUNCTIONS).map(Self).map_err(|why| why.to_string())
    }

    /// What the template gives for an object.
    ///
    /// # Errors
    /// A template that fails, or whose result is no YAML.
    pub fn render(&self, object: &Object, around: &Surroundings<'_>) -> Result<Object, String> {
        let mut out = Bounded(Vec::new());
        self.0.execute_in(&around.context(), object, &mut out).map_err(|why| why.to_string())?;
        yaml::parse(&out.0).map_err(|why| why.to_string())
    }
}

/// What an object gives to a path of the context: the name of its node.
pub(super) fn node_of(object: &Object) -> &str {
    if object.kind() == "Node" { object.name() } else { object.str_at(&["spec", "nodeName"]) }
}
