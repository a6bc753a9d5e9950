//! The library's functions.

use std::cmp::Ordering;
use std::sync::Arc;

use super::address::{self, Address, Network};
use super::authorizer::{self, ResourceCheck};
use super::url::Url;
use super::version::Version;
use super::{Opaque, formats, quantities};
use crate::object::cel::Budget;
use crate::object::cel::fault::EvalError;
use crate::object::cel::functions::{Function, define, mismatch};
use crate::object::cel::value::{Eval, Key, Text, Value};

const IP_TEST: &[&str] = &["net.IP.() -> bool"];
const URL_PART: &[&str] = &["kubernetes.URL.() -> string"];
const FORMAT: &[&str] = &["() -> kubernetes.NamedFormat"];
const COMPARED: &[&str] =
    &["kubernetes.Quantity.(kubernetes.Quantity) -> bool", "kubernetes.Semver.(kubernetes.Semver) -> bool"];
const NARROWS: &[&str] = &["kubernetes.authorization.ResourceCheck.(string) -> kubernetes.authorization.ResourceCheck"];

/// Sorted by subject.
pub(in crate::object::cel) static TABLE: &[Function] = &[
    // Quantities.
    define("quantity", &["(string) -> kubernetes.Quantity"], |budget, args| {
        text(budget, args, |text| Ok(Opaque::Quantity(quantities::parse(text)?).into()))
    }),
    define("isQuantity", &["(string) -> bool"], |budget, args| {
        text(budget, args, |text| Ok(Value::Bool(quantities::parse(text).is_ok())))
    }),
    define("sign", &["(kubernetes.Quantity) -> int"], |_, args| match args {
        [Value::Opaque(Opaque::Quantity(of))] => Ok(Value::Int(of.sign().into())),
        _ => mismatch(),
    }),
    define("isInteger", &["kubernetes.Quantity.() -> bool"], |_, args| match args {
        [Value::Opaque(Opaque::Quantity(of))] => Ok(Value::Bool(quantities::integer(*of).is_some())),
        _ => mismatch(),
    }),
    define("asInteger", &["kubernetes.Quantity.() -> int"], |_, args| match args {
        [Value::Opaque(Opaque::Quantity(of))] => match quantities::integer(*of) {
            Some(value) => Ok(Value::Int(value)),
            None => Err(EvalError::other("cannot convert value to integer")),
        },
        _ => mismatch(),
    }),
    define("asApproximateFloat", &["kubernetes.Quantity.() -> double"], |_, args| match args {
        [Value::Opaque(Opaque::Quantity(of))] => Ok(Value::Double(of.as_f64())),
        _ => mismatch(),
    }),
    define(
        "add",
        &[
            "kubernetes.Quantity.(kubernetes.Quantity) -> kubernetes.Quantity",
            "kubernetes.Quantity.(int) -> kubernetes.Quantity",
        ],
        |_, args| quantities::combined(args, |a, b| a.plus(b)),
    ),
    define(
        "sub",
        &[
            "kubernetes.Quantity.(kubernetes.Quantity) -> kubernetes.Quantity",
            "kubernetes.Quantity.(int) -> kubernetes.Quantity",
        ],
        |_, args| quantities::combined(args, |a, b| a.minus(b)),
    ),
    define(
        "compareTo",
        &["kubernetes.Quantity.(kubernetes.Quantity) -> int", "kubernetes.Semver.(kubernetes.Semver) -> int"],
        |_, args| ordered(args).map(|order| Value::Int(order as i64)),
    ),
    define("isGreaterThan", COMPARED, |_, args| Ok(Value::Bool(ordered(args)?.is_gt()))),
    define("isLessThan", COMPARED, |_, args| Ok(Value::Bool(ordered(args)?.is_lt()))),
    // Versions.
    define("semver", &["(string) -> kubernetes.Semver", "(string, bool) -> kubernetes.Semver"], |_, args| {
        Ok(Opaque::Semver(Arc::new(version(args)?.map_err(EvalError::other)?)).into())
    }),
    define("isSemver", &["(string) -> bool", "(string, bool) -> bool"], |_, args| {
        Ok(Value::Bool(version(args)?.is_ok()))
    }),
    define("major", &["kubernetes.Semver.() -> int"], |_, args| number(args, |version| version.major)),
    define("minor", &["kubernetes.Semver.() -> int"], |_, args| number(args, |version| version.minor)),
    define("patch", &["kubernetes.Semver.() -> int"], |_, args| number(args, |version| version.patch)),
    // Addresses.
    define("ip", &["(string) -> net.IP", "net.CIDR.() -> net.IP"], |budget, args| match args {
        [Value::Opaque(Opaque::Cidr(network))] => Ok(Opaque::Ip(network.address).into()),
        args => text(budget, args, |text| Ok(Opaque::Ip(Address::parse(text).map_err(EvalError::other)?).into())),
    }),
    define("isIP", &["(string) -> bool"], |budget, args| {
        text(budget, args, |text| Ok(Value::Bool(Address::parse(text).is_ok())))
    }),
    define("ip.isCanonical", &["(string) -> bool"], |budget, args| {
        text(budget, args, |text| Ok(Value::Bool(Address::parse(text).map_err(EvalError::other)?.to_string() == text)))
    }),
    define("family", &["net.IP.() -> int"], |_, args| match args {
        [Value::Opaque(Opaque::Ip(address))] => Ok(Value::Int(if address.0.is_ipv4() { 4 } else { 6 })),
        _ => mismatch(),
    }),
    define("isUnspecified", IP_TEST, |_, args| ip(args, |address| address.0.is_unspecified())),
    define("isLoopback", IP_TEST, |_, args| ip(args, |address| address.0.is_loopback())),
    define("isLinkLocalMulticast", IP_TEST, |_, args| ip(args, address::is_link_local_multicast)),
    define("isLinkLocalUnicast", IP_TEST, |_, args| ip(args, address::is_link_local_unicast)),
    define("isGlobalUnicast", IP_TEST, |_, args| ip(args, address::is_global_unicast)),
    define("cidr", &["(string) -> net.CIDR"], |budget, args| {
        text(budget, args, |text| Ok(Opaque::Cidr(network(text)?).into()))
    }),
    define("isCIDR", &["(string) -> bool"], |budget, args| {
        text(budget, args, |text| Ok(Value::Bool(Network::parse(text).is_ok())))
    }),
    define("containsIP", &["net.CIDR.(string) -> bool", "net.CIDR.(net.IP) -> bool"], |_, args| match args {
        [Value::Opaque(Opaque::Cidr(network)), Value::Opaque(Opaque::Ip(address))] => {
            Ok(Value::Bool(network.contains(*address)))
        }
        [Value::Opaque(Opaque::Cidr(network)), Value::String(address)] => {
            Ok(Value::Bool(network.contains(Address::parse(address).map_err(|_| EvalError::overload())?)))
        }
        _ => mismatch(),
    }),
    define("containsCIDR", &["net.CIDR.(string) -> bool", "net.CIDR.(net.CIDR) -> bool"], |_, args| match args {
        [Value::Opaque(Opaque::Cidr(outer)), Value::Opaque(Opaque::Cidr(inner))] => {
            Ok(Value::Bool(outer.includes(*inner)))
        }
        [Value::Opaque(Opaque::Cidr(outer)), Value::String(inner)] => {
            Ok(Value::Bool(outer.includes(network(inner).map_err(|_| EvalError::overload())?)))
        }
        _ => mismatch(),
    }),
    define("prefixLength", &["net.CIDR.() -> int"], |_, args| match args {
        [Value::Opaque(Opaque::Cidr(network))] => Ok(Value::Int(network.length.into())),
        _ => mismatch(),
    }),
    define("masked", &["net.CIDR.() -> net.CIDR"], |_, args| match args {
        [Value::Opaque(Opaque::Cidr(network))] => Ok(Opaque::Cidr(network.masked()).into()),
        _ => mismatch(),
    }),
    // URLs.
    define("url", &["(string) -> kubernetes.URL"], |budget, args| {
        text(budget, args, |text| match Url::parse(text) {
            Ok(url) => Ok(Opaque::Url(Arc::new(url)).into()),
            Err(why) => Err(EvalError::other(format!("URL parse error during conversion from string: {why}"))),
        })
    }),
    define("isURL", &["(string) -> bool"], |budget, args| {
        text(budget, args, |text| Ok(Value::Bool(Url::parse(text).is_ok())))
    }),
    define("getScheme", URL_PART, |_, args| url(args, |url| url.scheme.clone())),
    define("getHost", URL_PART, |_, args| url(args, |url| url.host.clone())),
    define("getHostname", URL_PART, |_, args| url(args, |url| url.hostname().to_owned())),
    define("getPort", URL_PART, |_, args| url(args, |url| url.port().to_owned())),
    define("getEscapedPath", URL_PART, |_, args| url(args, |url| url.path.clone())),
    define("getQuery", &["kubernetes.URL.() -> map(string, list(string))"], |_, args| match args {
        [Value::Opaque(Opaque::Url(url))] => {
            let texts = |texts: Vec<String>| Value::list(texts.into_iter().map(Value::from).collect());
            let entry = |(name, values): (String, Vec<String>)| (Key::String(Text::Shared(name.into())), texts(values));
            Ok(Value::Map(Arc::new(url.query().into_iter().map(entry).collect())))
        }
        _ => mismatch(),
    }),
    // Patches.
    define("jsonpatch.escapeKey", &["(string) -> string"], |budget, args| {
        text(budget, args, |text| Ok(text.replace('~', "~0").replace('/', "~1").into()))
    }),
    // Formats.
    define("format.named", &["(string) -> optional_type(kubernetes.NamedFormat)"], |_, args| match args {
        [Value::String(name)] => {
            let found = formats::find(name).map(|name| Arc::new(Value::Opaque(Opaque::Format(name))));
            Ok(Value::Optional(found))
        }
        _ => mismatch(),
    }),
    define(
        "validate",
        &["kubernetes.NamedFormat.(string) -> optional_type(list(string))"],
        |budget, args| match args {
            [Value::Opaque(Opaque::Format(name)), Value::String(text)] => {
                budget.traverse(text.len() * 4)?;
                let complaints = formats::validate(name, text);
                if complaints.is_empty() {
                    return Ok(Value::Optional(None));
                }
                Ok(Value::some(Value::list(complaints.into_iter().map(Value::from).collect())))
            }
            _ => mismatch(),
        },
    ),
    define("format.byte", FORMAT, |_, _| format("byte")),
    define("format.date", FORMAT, |_, _| format("date")),
    define("format.datetime", FORMAT, |_, _| format("datetime")),
    define("format.dns1035Label", FORMAT, |_, _| format("dns1035Label")),
    define("format.dns1035LabelPrefix", FORMAT, |_, _| format("dns1035LabelPrefix")),
    define("format.dns1123Label", FORMAT, |_, _| format("dns1123Label")),
    define("format.dns1123LabelPrefix", FORMAT, |_, _| format("dns1123LabelPrefix")),
    define("format.dns1123Subdomain", FORMAT, |_, _| format("dns1123Subdomain")),
    define("format.dns1123SubdomainPrefix", FORMAT, |_, _| format("dns1123SubdomainPrefix")),
    define("format.labelValue", FORMAT, |_, _| format("labelValue")),
    define("format.qualifiedName", FORMAT, |_, _| format("qualifiedName")),
    define("format.uri", FORMAT, |_, _| format("uri")),
    define("format.uuid", FORMAT, |_, _| format("uuid")),
    // Authorization.
    define(
        "path",
        &["kubernetes.authorization.Authorizer.(string) -> kubernetes.authorization.PathCheck"],
        |_, args| match args {
            [Value::Opaque(Opaque::Authorizer(_)), Value::String(path)] if path.trim().is_empty() => {
                Err(EvalError::other("path must not be empty"))
            }
            [Value::Opaque(Opaque::Authorizer(of)), Value::String(path)] => {
                Ok(Opaque::PathCheck(of.clone(), (&**path).into()).into())
            }
            _ => mismatch(),
        },
    ),
    define(
        "group",
        &["kubernetes.authorization.Authorizer.(string) -> kubernetes.authorization.GroupCheck"],
        |_, args| match args {
            [Value::Opaque(Opaque::Authorizer(of)), Value::String(group)] => {
                Ok(Opaque::GroupCheck(of.clone(), (&**group).into()).into())
            }
            _ => mismatch(),
        },
    ),
    define(
        "serviceAccount",
        &["kubernetes.authorization.Authorizer.(string, string) -> kubernetes.authorization.Authorizer"],
        |_, args| match args {
            [Value::Opaque(Opaque::Authorizer(of)), Value::String(namespace), Value::String(name)] => {
                authorizer::check_account(namespace, name)?;
                Ok(Opaque::Authorizer(of.service_account(namespace, name)).into())
            }
            _ => mismatch(),
        },
    ),
    define(
        "resource",
        &["kubernetes.authorization.GroupCheck.(string) -> kubernetes.authorization.ResourceCheck"],
        |_, args| match args {
            [Value::Opaque(Opaque::GroupCheck(..)), Value::String(name)] if name.trim().is_empty() => {
                Err(EvalError::other("resource must not be empty"))
            }
            [Value::Opaque(Opaque::GroupCheck(of, group)), Value::String(name)] => {
                let check = ResourceCheck {
                    group: group.to_string(),
                    resource: (**name).to_owned(),
                    ..ResourceCheck::default()
                };
                Ok(Opaque::ResourceCheck(of.clone(), Arc::new(check)).into())
            }
            _ => mismatch(),
        },
    ),
    define("subresource", NARROWS, |_, args| narrowed(args, |check, text| check.subresource = text)),
    define("namespace", NARROWS, |_, args| narrowed(args, |check, text| check.namespace = text)),
    define("name", NARROWS, |_, args| narrowed(args, |check, text| check.name = text)),
    define("fieldSelector", NARROWS, |_, args| narrowed(args, |check, text| check.field_selector = text)),
    define("labelSelector", NARROWS, |_, args| narrowed(args, |check, text| check.label_selector = text)),
    define(
        "check",
        &[
            "kubernetes.authorization.PathCheck.(string) -> kubernetes.authorization.Decision",
            "kubernetes.authorization.ResourceCheck.(string) -> kubernetes.authorization.Decision",
        ],
        |budget, args| {
            // A question to the authorizer is as dear as this in the API server.
            budget.charge(350_000)?;
            match args {
                [Value::Opaque(Opaque::PathCheck(of, path)), Value::String(verb)] => {
                    Ok(Opaque::Decision(Arc::new(of.path(path, verb))).into())
                }
                [Value::Opaque(Opaque::ResourceCheck(of, check)), Value::String(verb)] => {
                    Ok(Opaque::Decision(Arc::new(of.resource(check, verb))).into())
                }
                _ => mismatch(),
            }
        },
    ),
    define("allowed", &["kubernetes.authorization.Decision.() -> bool"], |_, args| match args {
        [Value::Opaque(Opaque::Decision(of))] => Ok(Value::Bool(of.allowed)),
        _ => mismatch(),
    }),
    define("reason", &["kubernetes.authorization.Decision.() -> string"], |_, args| match args {
        [Value::Opaque(Opaque::Decision(of))] => Ok(of.reason.clone().into()),
        _ => mismatch(),
    }),
    define("error", &["kubernetes.authorization.Decision.() -> string"], |_, args| match args {
        [Value::Opaque(Opaque::Decision(of))] => Ok(of.error.clone().into()),
        _ => mismatch(),
    }),
    define("errored", &["kubernetes.authorization.Decision.() -> bool"], |_, args| match args {
        [Value::Opaque(Opaque::Decision(of))] => Ok(Value::Bool(!of.error.is_empty())),
        _ => mismatch(),
    }),
];

fn text<'v>(budget: &mut Budget, args: &[Value<'v>], use_it: impl FnOnce(&str) -> Eval<'v>) -> Eval<'v> {
    match args {
        [Value::String(text)] => {
            budget.traverse(text.len())?;
            use_it(text)
        }
        _ => mismatch(),
    }
}

fn ordered(args: &[Value<'_>]) -> Result<Ordering, EvalError> {
    match args {
        [Value::Opaque(Opaque::Quantity(a)), Value::Opaque(Opaque::Quantity(b))] => Ok(a.cmp(b)),
        [Value::Opaque(Opaque::Semver(a)), Value::Opaque(Opaque::Semver(b))] => Ok(a.compare(b)),
        _ => Err(EvalError::overload()),
    }
}

fn version(args: &[Value<'_>]) -> Result<Result<Version, String>, EvalError> {
    match args {
        [Value::String(text)] | [Value::String(text), Value::Bool(false)] => Ok(Version::parse(text)),
        [Value::String(text), Value::Bool(true)] => Ok(Version::parse_tolerant(text)),
        _ => Err(EvalError::overload()),
    }
}

fn number<'v>(args: &[Value<'v>], of: fn(&Version) -> u64) -> Eval<'v> {
    match args {
        [Value::Opaque(Opaque::Semver(version))] => Ok(Value::Int(i64::try_from(of(version)).unwrap_or(i64::MAX))),
        _ => mismatch(),
    }
}

fn ip<'v>(args: &[Value<'v>], holds: fn(Address) -> bool) -> Eval<'v> {
    match args {
        [Value::Opaque(Opaque::Ip(address))] => Ok(Value::Bool(holds(*address))),
        _ => mismatch(),
    }
}

fn network(text: &str) -> Result<Network, EvalError> {
    let prefix = "network address parse error during conversion from string";
    Network::parse(text).map_err(|why| EvalError::other(format!("{prefix}: {why}")))
}

fn url<'v>(args: &[Value<'v>], part: fn(&Url) -> String) -> Eval<'v> {
    match args {
        [Value::Opaque(Opaque::Url(url))] => Ok(part(url).into()),
        _ => mismatch(),
    }
}

fn format<'v>(name: &'static str) -> Eval<'v> {
    Ok(Opaque::Format(name).into())
}

fn narrowed<'v>(args: &[Value<'v>], set: fn(&mut ResourceCheck, String)) -> Eval<'v> {
    match args {
        [Value::Opaque(Opaque::ResourceCheck(of, check)), Value::String(text)] => {
            let mut check = (**check).clone();
            set(&mut check, (**text).to_owned());
            Ok(Opaque::ResourceCheck(of.clone(), Arc::new(check)).into())
        }
        _ => mismatch(),
    }
}
