//! Kubernetes' protobuf encoding to objects: the bytes that typed clients send.
//!
//! A body is the four bytes `k8s\0` and a message that names the object's type and holds its bytes. The
//! messages have the fields of the types in [`schema`]; only their numbers are facts of their own
//! (`data/protobuf-1.36.tsv`): a line a message, with the fields in the order of their numbers, `-` where
//! there is none, `^NAME` for a message whose fields are the owner's, and `%` with a letter for values that
//! are messages of a special form.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, json};

use super::schema::{self, Shape, Type};
use super::{GroupVersion, Meta, Object, Timestamp, time};

/// What every body starts with.
pub const MAGIC: &[u8] = b"k8s\0";
/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// How deep messages may lie in each other: schemas of custom resources are trees.
const DEEPEST: u32 = 100;

static NUMBERS: &str = include_str!("data/protobuf-1.36.tsv");

/// Each message's fields by name, unread.
static MESSAGES: LazyLock<HashMap<&'static str, &'static str>> =
    LazyLock::new(|| NUMBERS.lines().filter_map(|line| line.split_once('\t')).collect());

/// Why bytes are no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtobufError {
    /// They do not start with `k8s\0`.
    Prefix,
    /// They end within a field, or are malformed.
    Malformed,
    /// Messages lie too deep in each other.
    Depth,
    /// The type is none that is known.
    Type(String),
    /// JSON inside of it does not read.
    Json(String),
}

impl fmt::Display for ProtobufError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix => {
                f.write_str("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
            }
            Self::Malformed => f.write_str("unexpected EOF"),
            Self::Depth => f.write_str("exceeded the nesting depth of messages"),
            Self::Type(kind) => write!(f, "no kind {kind} is known in protobuf"),
            Self::Json(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for ProtobufError {}

/// Reads a body.
///
/// # Errors
/// Bytes that are malformed, and types that are not built in.
pub fn decode(bytes: &[u8]) -> Result<Object, ProtobufError> {
    let message = bytes.strip_prefix(MAGIC).ok_or(ProtobufError::Prefix)?;
    let (mut api_version, mut kind, mut raw, mut media_type) = (String::new(), String::new(), &[][..], String::new());
    for field in Fields(message) {
        match field? {
            (1, Wire::Bytes(message)) => {
                for field in Fields(message) {
                    match field? {
                        (1, Wire::Bytes(bytes)) => api_version = text(bytes)?,
                        (2, Wire::Bytes(bytes)) => kind = text(bytes)?,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            (4, Wire::Bytes(bytes)) => media_type = text(bytes)?,
            _ => {}
        }
    }
    if media_type == "application/json" {
        return json_of(raw);
    }
    let gvk = GroupVersion::parse(&api_version).unwrap_or_default().kind(kind.as_str());
    // Options come in the version of what they are about.
    let of = match kind.as_str() {
        "DeleteOptions" => schema::named("meta.v1.DeleteOptions"),
        _ => schema::of(&gvk),
    };
    let of = of.ok_or_else(|| ProtobufError::Type(gvk.to_string()))?;
    let mut object = Map::new();
    message_into(of.name(), of, raw, &mut object, DEEPEST)?;
    let mut object = Object::Object(object);
    object.set_at(&["apiVersion"], api_version);
    object.set_at(&["kind"], kind);
    Ok(object)
}

/// Reads a message's fields into an object of type `of`.
fn message_into(
    name: &str,
    of: &'static Type,
    bytes: &[u8],
    object: &mut Map<String, Object>,
    depth: u32,
) -> Result<(), ProtobufError> {
    let depth = depth.checked_sub(1).ok_or(ProtobufError::Depth)?;
    let names = MESSAGES.get(name).copied().unwrap_or("");
    // Fields come in the order of their numbers, mostly.
    let names: Vec<&'static str> = names.split(' ').collect();
    for field in Fields(bytes) {
        let (number, wire) = field?;
        let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let Some(name) = at.and_then(|at| names.get(at)).copied() else { continue };
        if let Some(inlined) = name.strip_prefix('^') {
            if let Wire::Bytes(bytes) = wire {
                message_into(inlined, of, bytes, object, depth)?;
            }
            continue;
        }
        let (name, form) = name.split_once('%').unwrap_or((name, ""));
        let Some(field) = of.field(name) else { continue };
        match &field.shape {
            Shape::List(_) if form == "v" => {
                object.insert(name.into(), items(wire)?);
            }
            Shape::List(element) => {
                let list = object.entry(name).or_insert_with(|| Object::Array(Vec::new()));
                let Object::Array(list) = list else { continue };
                match (&**element, wire) {
                    (Shape::Int32 | Shape::Int64 | Shape::Bool, Wire::Bytes(packed)) => {
                        let mut rest = packed;
                        while !rest.is_empty() {
                            list.push(scalar(element, Wire::Varint(varint(&mut rest)?))?);
                        }
                    }
                    (element, wire) => list.push(value(element, form, wire, depth)?),
                }
            }
            Shape::Map(element) => {
                let map = object.entry(name).or_insert_with(|| Object::Object(Map::new()));
                if let (Object::Object(map), Wire::Bytes(bytes)) = (map, wire) {
                    let (key, value) = entry(element, form, bytes, depth)?;
                    map.insert(key, value);
                }
            }
            shape => {
                object.insert(name.into(), value(shape, form, wire, depth)?);
            }
        }
    }
    Ok(())
}

/// One entry of a map: a message of key and value.
fn entry(element: &Shape, form: &str, bytes: &[u8], depth: u32) -> Result<(String, Object), ProtobufError> {
    let (mut key, mut found) = (String::new(), None);
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(bytes)) => key = text(bytes)?,
            (2, wire) => found = Some(value(element, form, wire, depth)?),
            _ => {}
        }
    }
    let found = match found {
        Some(found) => found,
        None => value(element, form, Wire::Bytes(&[]), depth).unwrap_or_default(),
    };
    Ok((key, found))
}

fn value(shape: &Shape, form: &str, wire: Wire<'_>, depth: u32) -> Result<Object, ProtobufError> {
    let bytes = match (form, wire) {
        ("", Wire::Bytes(bytes)) => bytes,
        ("v", wire) => return items(wire),
        ("a" | "b" | "s", Wire::Bytes(bytes)) => return choice(form, bytes, depth),
        (_, wire) => return scalar(shape, wire),
    };
    Ok(match shape {
        Shape::String => text(bytes)?.into(),
        Shape::Bytes => BASE64_STANDARD.encode(bytes).into(),
        Shape::Time | Shape::MicroTime => moment(shape, bytes)?,
        Shape::Quantity => inner_text(bytes)?.unwrap_or_else(|| "0".into()).into(),
        Shape::IntOrString => int_or_string(bytes)?,
        Shape::AnyObject | Shape::Any => match inner(bytes, 1)? {
            Some(raw) if !raw.is_empty() => json_of(raw)?,
            _ if *shape == Shape::Any => Object::Null,
            _ => Object::Object(Map::new()),
        },
        Shape::Object(name) => {
            let mut object = Map::new();
            if let Some(of) = schema::named(name) {
                message_into(name, of, bytes, &mut object, depth)?;
            }
            object.into()
        }
        // A map of a list or the like occurs nowhere but in special forms.
        Shape::List(_) | Shape::Map(_) => Object::Null,
        Shape::Int32 | Shape::Int64 | Shape::Double | Shape::Bool => return Err(ProtobufError::Malformed),
    })
}

/// Numbers and truth values.
fn scalar(shape: &Shape, wire: Wire<'_>) -> Result<Object, ProtobufError> {
    Ok(match (shape, wire) {
        // Negative numbers of 32 bits come with the sign in all 64.
        (Shape::Int32 | Shape::Int64, Wire::Varint(number)) => number.cast_signed().into(),
        (Shape::Bool, Wire::Varint(number)) => (number != 0).into(),
        (Shape::Double, Wire::Fixed64(bits)) => json!(f64::from_bits(bits)),
        _ => return Err(ProtobufError::Malformed),
    })
}

/// A message that is a list of texts.
fn items(wire: Wire<'_>) -> Result<Object, ProtobufError> {
    let Wire::Bytes(bytes) = wire else { return Err(ProtobufError::Malformed) };
    let mut items = Vec::new();
    for field in Fields(bytes) {
        if let (1, Wire::Bytes(bytes)) = field? {
            items.push(Object::String(text(bytes)?));
        }
    }
    Ok(items.into())
}

/// A schema, or instead of it a list of schemas (`a`), a truth value (`b`), or a list of texts (`s`).
fn choice(form: &str, bytes: &[u8], depth: u32) -> Result<Object, ProtobufError> {
    let schema = Shape::Object("apiextensions.v1.JSONSchemaProps");
    let (mut single, mut list, mut yes) = (None, Vec::new(), false);
    for field in Fields(bytes) {
        match (form, field?) {
            ("b", (1, Wire::Varint(number))) => yes = number != 0,
            ("b", (2, wire)) | (_, (1, wire)) => single = Some(value(&schema, "", wire, depth)?),
            ("a", (2, wire)) => list.push(value(&schema, "", wire, depth)?),
            ("s", (2, Wire::Bytes(bytes))) => list.push(text(bytes)?.into()),
            _ => {}
        }
    }
    Ok(match (single, form) {
        (Some(schema), _) => schema,
        (None, "b") => yes.into(),
        (None, _) => list.into(),
    })
}

fn moment(shape: &Shape, bytes: &[u8]) -> Result<Object, ProtobufError> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Varint(number)) => seconds = number.cast_signed(),
            (2, Wire::Varint(number)) => nanos = i32::try_from(number.cast_signed()).unwrap_or(0),
            _ => {}
        }
    }
    if (seconds, nanos) == (0, 0) {
        return Ok(Object::Null);
    }
    let moment = Timestamp::new(seconds, nanos).map_err(|_| ProtobufError::Malformed)?;
    Ok(if *shape == Shape::Time { time::rfc3339(moment) } else { time::rfc3339_micro(moment) }.into())
}

fn int_or_string(bytes: &[u8]) -> Result<Object, ProtobufError> {
    let (mut is_text, mut number, mut string) = (false, 0, String::new());
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Varint(kind)) => is_text = kind == 1,
            (2, Wire::Varint(value)) => number = value.cast_signed(),
            (3, Wire::Bytes(bytes)) => string = text(bytes)?,
            _ => {}
        }
    }
    Ok(if is_text { string.into() } else { number.into() })
}

/// The text in the first field.
fn inner_text(bytes: &[u8]) -> Result<Option<String>, ProtobufError> {
    inner(bytes, 1)?.map(text).transpose()
}

fn inner(bytes: &[u8], number: u64) -> Result<Option<&[u8]>, ProtobufError> {
    let mut found = None;
    for field in Fields(bytes) {
        match field? {
            (at, Wire::Bytes(bytes)) if at == number => found = Some(bytes),
            _ => {}
        }
    }
    Ok(found)
}

fn text(bytes: &[u8]) -> Result<String, ProtobufError> {
    // Go takes any bytes as a string, and replaces what is no text when it writes JSON.
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn json_of(bytes: &[u8]) -> Result<Object, ProtobufError> {
    serde_json::from_slice(bytes).map_err(|error| ProtobufError::Json(error.to_string()))
}

/// A field's value on the wire.
enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// Four bytes, which no field of ours has.
    Fixed32,
}

/// The fields of a message, with their numbers. Ends after the first error.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Wire<'a>), ProtobufError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(ProtobufError::Malformed))
    }
}

impl<'a> Fields<'a> {
    fn read(&mut self) -> Option<(u64, Wire<'a>)> {
        let key = varint(&mut self.0).ok()?;
        let wire = match key & 7 {
            0 => Wire::Varint(varint(&mut self.0).ok()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(varint(&mut self.0).ok()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Wire::Fixed32
            }
            _ => return None,
        };
        Some((key >> 3, wire))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

fn varint(bytes: &mut &[u8]) -> Result<u64, ProtobufError> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(ProtobufError::Malformed)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(ProtobufError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let low = u8::try_from(number & 0x7f).expect("seven bits");
            number >>= 7;
            bytes.push(if number == 0 { low } else { low | 0x80 });
            if number == 0 {
                return bytes;
            }
        }
    }

    fn field(at: u64, bytes: &[u8]) -> Vec<u8> {
        [number(at << 3 | 2), number(bytes.len() as u64), bytes.to_vec()].concat()
    }

    fn int(at: u64, value: i64) -> Vec<u8> {
        [number(at << 3), number(value.cast_unsigned())].concat()
    }

    fn body(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let names = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), field(1, &names), field(2, raw), field(3, b""), field(4, b"")].concat()
    }

    #[test]
    fn every_field_is_one_of_the_schema() {
        let mut inlined = Vec::new();
        for (name, fields) in MESSAGES.iter() {
            let Some(of) = schema::named(name) else { continue };
            let mut open: Vec<&str> = vec![fields];
            while let Some(fields) = open.pop() {
                for field in fields.split(' ').filter(|field| !field.is_empty() && *field != "-") {
                    match field.strip_prefix('^') {
                        Some(other) => {
                            inlined.push(other);
                            open.push(MESSAGES.get(other).expect("a message"));
                        }
                        None => {
                            let field = field.split('%').next().expect("a name");
                            assert!(of.field(field).is_some(), "{name}: {field}");
                        }
                    }
                }
            }
        }
        assert!(MESSAGES.len() > 500 && inlined.len() > 10);
    }

    #[test]
    fn reads_a_deployment() {
        let metadata =
            [field(1, b"web"), field(8, &[]), field(11, &[field(1, b"app"), field(2, b"web")].concat())].concat();
        let port = [int(3, 80), field(4, b"TCP")].concat();
        let get = [field(1, b"/"), field(2, &[int(1, 1), field(3, b"http")].concat())].concat();
        let probe = [field(1, &field(2, &get)), int(2, -1)].concat();
        let volume = [field(1, b"v"), field(2, &field(19, &field(1, &field(1, b"map"))))].concat();
        let limit = [field(1, b"cpu"), field(2, &field(1, b"500m"))].concat();
        let container = [field(1, b"c"), field(6, &port), field(8, &field(1, &limit)), field(10, &probe)].concat();
        let pod = [field(1, &volume), field(2, &container)].concat();
        let template = [field(1, &[]), field(2, &pod)].concat();
        let spec = [int(1, 2), field(3, &template), int(7, 0)].concat();
        let raw = [field(1, &metadata), field(2, &spec)].concat();
        let object = decode(&body("apps/v1", "Deployment", &raw)).expect("a deployment");
        assert_eq!(
            object,
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "web", "creationTimestamp": null, "labels": {"app": "web"}},
                "spec": {"replicas": 2, "paused": false, "template": {"metadata": {}, "spec": {
                    "volumes": [{"name": "v", "configMap": {"name": "map"}}],
                    "containers": [{
                        "name": "c", "ports": [{"containerPort": 80, "protocol": "TCP"}],
                        "resources": {"limits": {"cpu": "500m"}},
                        "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "initialDelaySeconds": -1},
                    }],
                }}},
            })
        );
    }

    #[test]
    fn reads_special_forms() {
        let moment = [int(1, 1_767_323_045), int(2, 123_456_000)].concat();
        let lease = field(2, &[field(1, b"me"), field(4, &moment)].concat());
        let lease = decode(&body("coordination.k8s.io/v1", "Lease", &lease)).expect("a lease");
        assert_eq!(lease["spec"], json!({"holderIdentity": "me", "renewTime": "2026-01-02T03:04:05.123456Z"}));
        let secret = field(2, &[field(1, b"k"), field(2, &[0, 255])].concat());
        let secret = decode(&body("v1", "Secret", &secret)).expect("a secret");
        assert_eq!(secret["data"], json!({"k": "AP8="}));
        let options = decode(&body("apps/v1", "DeleteOptions", &[int(1, 0), field(4, b"Orphan")].concat()));
        assert_eq!(options.expect("options")["propagationPolicy"], "Orphan");
        let json = [MAGIC.to_vec(), field(2, b"{\"a\":1}"), field(4, b"application/json")].concat();
        assert_eq!(decode(&json), Ok(json!({"a": 1})));
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        assert_eq!(decode(b"{}"), Err(ProtobufError::Prefix));
        assert_eq!(decode(b"k8s\0\x12\x7f"), Err(ProtobufError::Malformed));
        assert_eq!(decode(&body("x/v1", "X", b"")), Err(ProtobufError::Type("x/v1, Kind=X".into())));
        // A schema of schemas of schemas.
        let mut schema = Vec::new();
        for _ in 0..10_000 {
            schema = field(28, &schema);
        }
        let version = field(4, &field(1, &schema));
        let definition = field(2, &field(7, &version));
        let bytes = body("apiextensions.k8s.io/v1", "CustomResourceDefinition", &definition);
        assert_eq!(decode(&bytes), Err(ProtobufError::Depth));
    }

    proptest! {
        #[test]
        fn never_panics(raw in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..4_usize) {
            let (version, kind) = [
                ("v1", "Pod"),
                ("apps/v1", "Deployment"),
                ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
                ("v1", "DeleteOptions"),
            ][kind];
            let _ = decode(&body(version, kind, &raw));
            let _ = decode(&raw);
        }

        #[test]
        fn never_panics_on_what_looks_like_messages(fields in proptest::collection::vec((1..40_u64, proptest::collection::vec(any::<u8>(), 0..12)), 0..12)) {
            let inner: Vec<u8> = fields.iter().flat_map(|(at, bytes)| field(*at, bytes)).collect();
            for nested in [inner.clone(), field(2, &inner), field(2, &field(2, &inner))] {
                let _ = decode(&body("v1", "Pod", &nested));
            }
        }
    }
}
