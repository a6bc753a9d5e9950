//! Paths to what they ask for.

use std::borrow::Cow;

use crate::object::builtin::Resource;
use crate::object::{GroupVersion, Status, names};

/// What a path names.
#[derive(Debug)]
pub enum Route<'a> {
    /// A resource, one of its objects, or a part of one.
    Resource(ResourceRoute<'a>),
    /// `/api`, `/apis`, `/apis/GROUP`, or a group version's list of resources.
    Discovery {
        /// Empty for the core group and for lists of groups.
        group: Cow<'a, str>,
        /// Empty for groups and lists of groups.
        version: Cow<'a, str>,
        /// Under `/api` rather than `/apis`.
        core: bool,
    },
    /// `/version`.
    Version,
    /// `/openid/v1/jwks`: the keys by which tokens are checked.
    TokenKeys,
    /// `/.well-known/openid-configuration`: who makes tokens.
    TokenIssuer,
    /// `/healthz`, `/readyz`, `/livez`, or one of their checks.
    Health {
        /// `healthz`, …
        of: &'a str,
        /// The one check; empty for all.
        check: &'a str,
    },
    /// `/metrics`.
    Metrics,
    /// `/openapi/v3`, or a group version's document below it.
    OpenApi(Option<GroupVersion>),
    /// `/openapi/v2`.
    OpenApi2,
}

/// A path to a resource.
#[derive(Debug)]
pub struct ResourceRoute<'a> {
    /// In the version of the path.
    pub resource: &'static Resource,
    /// Empty for cluster-wide resources, and for those of all namespaces.
    pub namespace: Cow<'a, str>,
    /// Empty for the resource as a whole.
    pub name: Cow<'a, str>,
    /// `status`, `log`, …; empty for the object itself.
    pub subresource: Cow<'a, str>,
    /// Below `/watch/`, the way to watch that clients of long ago take.
    pub watch: bool,
}

/// Looks a resource up by group, version and plural name.
pub type Find<'a> = dyn Fn(&str, &str, &str) -> Result<Option<&'static Resource>, Status> + 'a;

/// Reads a path.
///
/// `find` looks a resource up by group, version and plural name.
pub fn parse<'a>(path: &'a str, find: &Find<'_>) -> Result<Route<'a>, Status> {
    let mut segments = path.strip_prefix('/').unwrap_or(path).splitn(10, '/').filter(|segment| !segment.is_empty());
    match segments.next() {
        Some("api") => {
            let Some(version) = segments.next() else {
                return Ok(Route::Discovery { group: "".into(), version: "".into(), core: true });
            };
            in_group_version("".into(), decode(version)?, segments, find)
        }
        Some("apis") => {
            let group = segments.next().map_or(Ok(Cow::Borrowed("")), decode)?;
            match segments.next() {
                Some(version) => in_group_version(group, decode(version)?, segments, find),
                None => Ok(Route::Discovery { group, version: "".into(), core: false }),
            }
        }
        Some("version") if segments.next().is_none() => Ok(Route::Version),
        Some("openid") => match (segments.next(), segments.next(), segments.next()) {
            (Some("v1"), Some("jwks"), None) => Ok(Route::TokenKeys),
            _ => Err(Status::no_such_path()),
        },
        Some(".well-known") => match (segments.next(), segments.next()) {
            (Some("openid-configuration"), None) => Ok(Route::TokenIssuer),
            _ => Err(Status::no_such_path()),
        },
        Some(of @ ("healthz" | "readyz" | "livez")) => {
            let check = path.split_once(of).map_or("", |(_, check)| check.trim_matches('/'));
            Ok(Route::Health { of, check })
        }
        Some("metrics") if segments.next().is_none() => Ok(Route::Metrics),
        Some("openapi") => match (segments.next(), segments.next()) {
            (Some("v2"), None) => Ok(Route::OpenApi2),
            (Some("v3"), None) => Ok(Route::OpenApi(None)),
            (Some("v3"), Some("api")) => {
                let version = segments.next().ok_or_else(Status::no_such_path)?;
                Ok(Route::OpenApi(Some(GroupVersion::new("", decode(version)?))))
            }
            (Some("v3"), Some("apis")) => {
                let (group, version) = segments.next().zip(segments.next()).ok_or_else(Status::no_such_path)?;
                Ok(Route::OpenApi(Some(GroupVersion::new(decode(group)?, decode(version)?))))
            }
            _ => Err(Status::no_such_path()),
        },
        _ => Err(Status::no_such_path()),
    }
}

fn in_group_version<'a>(
    group: Cow<'a, str>,
    version: Cow<'a, str>,
    mut segments: impl Iterator<Item = &'a str>,
    find: &Find<'_>,
) -> Result<Route<'a>, Status> {
    let core = group.is_empty();
    let Some(first) = segments.next() else { return Ok(Route::Discovery { group, version, core }) };
    let find = |plural: &str| find(&group, &version, plural)?.ok_or_else(Status::no_such_path);
    let watch = first == "watch";
    let first = if watch { segments.next().ok_or_else(Status::no_such_path)? } else { first };
    let second = segments.next();
    let third = segments.next();
    // `/namespaces/NAME` and `/namespaces/NAME/status` are about the namespace itself.
    let own_part = |part: &str| core && find("namespaces").is_ok_and(|r| r.subresource(part).is_some());
    let mut namespace = Cow::Borrowed("");
    let (plural, name, subresource) = match (first, second, third) {
        ("namespaces", Some(within), Some(plural)) if !own_part(plural) => {
            namespace = decode_name(within)?;
            (plural, segments.next(), segments.next())
        }
        _ => (first, second, third),
    };
    let resource = find(plural)?;
    let in_namespace = !namespace.is_empty();
    if (in_namespace && !resource.namespaced) || (!in_namespace && resource.namespaced && name.is_some()) {
        return Err(Status::no_such_path());
    }
    let name = name.map_or(Ok(Cow::Borrowed("")), decode_name)?;
    let subresource = subresource.map_or(Ok(Cow::Borrowed("")), decode)?;
    if !subresource.is_empty() && resource.subresource(&subresource).is_none() {
        return Err(Status::no_such_path());
    }
    if watch && !subresource.is_empty() {
        return Err(Status::no_such_path());
    }
    if segments.next().is_some() && subresource != "proxy" {
        return Err(Status::no_such_path());
    }
    Ok(Route::Resource(ResourceRoute { resource, namespace, name, subresource, watch }))
}

fn decode_name(segment: &str) -> Result<Cow<'_, str>, Status> {
    let name = decode(segment)?;
    let faults = names::path_segment(&name);
    if faults.is_empty() {
        return Ok(name);
    }
    Err(Status::bad_request(format!(
        "Name parameter invalid: {}: {}",
        crate::go::quote::quote(&name),
        faults.join(";")
    )))
}

/// Undoes percent-encoding.
pub fn decode(segment: &str) -> Result<Cow<'_, str>, Status> {
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    let bad = || Status::bad_request(format!("the path segment \"{segment}\" is not properly encoded"));
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let value = digit().zip(digit()).ok_or_else(bad)?;
        bytes.push(u8::try_from(value.0 * 16 + value.1).map_err(|_| bad())?);
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::builtin;

    fn parse(path: &str) -> Result<Route<'_>, Status> {
        super::parse(path, &|group, version, plural| Ok(builtin::by_path(group, version, plural)))
    }

    #[test]
    fn reads_paths() {
        for (path, want) in [
            ("/api/v1/pods", "pods///"),
            ("/api/v1/namespaces", "namespaces///"),
            ("/api/v1/namespaces/a", "namespaces//a/"),
            ("/api/v1/namespaces/a/status", "namespaces//a/status"),
            ("/api/v1/namespaces/a/finalize", "namespaces//a/finalize"),
            ("/api/v1/namespaces/a/pods", "pods/a//"),
            ("/api/v1/namespaces/a/pods/b/log", "pods/a/b/log"),
            ("/apis/apps/v1/namespaces/a/deployments/b/scale", "deployments.apps/a/b/scale"),
            (
                "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
                "clusterroles.rbac.authorization.k8s.io//system:node/",
            ),
            ("/api/v1/namespaces/a/services/b/proxy/x/y", "services/a/b/proxy"),
            ("/api/v1/watch/pods", "pods///"),
            ("/apis/apps/v1/watch/namespaces/a/deployments/b", "deployments.apps/a/b/"),
        ] {
            match parse(path) {
                Ok(Route::Resource(r)) => assert_eq!(
                    format!("{}/{}/{}/{}", r.resource.group_resource(), r.namespace, r.name, r.subresource),
                    want
                ),
                other => panic!("{path}: {other:?}"),
            }
        }
        for (path, code) in [
            ("/nothing", 404),
            ("/api/v1/none", 404),
            ("/api/v1/watch", 404),
            ("/api/v1/watch/namespaces/a/pods/b/status", 404),
            ("/api/v2/pods", 404),
            ("/api/v1/pods/a", 404),
            ("/api/v1/namespaces/a/nodes", 404),
            ("/api/v1/namespaces/a/pods/b/c", 404),
            ("/api/v1/namespaces/a/pods/b/log/x", 404),
            ("/api/v1/namespaces/a/pods/..", 400),
            ("/api/v1/namespaces/a/pods/b%2fc", 400),
            ("/api/v1/namespaces/a/pods/%zz", 400),
        ] {
            assert_eq!(parse(path).err().map(|status| status.code), Some(code), "{path}");
        }
        assert!(matches!(parse("/apis/apps/v1"), Ok(Route::Discovery { core: false, .. })));
        assert!(matches!(parse("/openapi/v3/apis/apps/v1"), Ok(Route::OpenApi(Some(_)))));
    }
}
