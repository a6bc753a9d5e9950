//! Single values: `config set` and `config unset`, with paths as `clusters.east.server`.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{anyhow, bail};
use base64::Engine;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::store::Store;
use super::{only, unexpected};
use crate::client::config::Kubeconfig;
use crate::go::quote::quote;
use crate::object::Object;
use crate::ops::context::Context;

/// Set a single value in the kubeconfig.
///
/// The name is a path of field names and entry names, separated by dots: clusters.my-cluster.server. Binary fields such as certificate-authority-data take base64, unless --set-raw-bytes is given.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Change a cluster's address\nkctl config set clusters.my-cluster.server https://1.2.3.4\n\n# Change a context's cluster\nkctl config set contexts.my-context.cluster my-cluster\n\n# Set a key from plain text\nkctl config set users.cluster-admin.client-key-data key --set-raw-bytes=true"
)]
pub struct SetArgs {
    /// Take the value of a binary field as it is, not as base64.
    #[arg(long)]
    set_raw_bytes: bool,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `config set`.
///
/// # Errors
/// A path that leads nowhere, a value of the wrong kind.
pub async fn set(context: &Context, args: SetArgs) -> anyhow::Result<()> {
    let [name, value] = args.args.as_slice() else { return Err(unexpected(&args.args, "Unexpected args")) };
    if value.is_empty() {
        bail!("you cannot use set to unset a property");
    }
    change(context, name, &Change::Set { value, raw: args.set_raw_bytes })?;
    Ok(writeln!(context.streams.out(), "Property {} set.", quote(name))?)
}

/// Remove a single value, or a whole entry, from the kubeconfig.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Have no current context\nkctl config unset current-context\n\n# Take the namespace from a context\nkctl config unset contexts.foo.namespace"
)]
pub struct UnsetArgs {
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `config unset`.
///
/// # Errors
/// A path that leads nowhere.
pub async fn unset(context: &Context, args: UnsetArgs) -> anyhow::Result<()> {
    let name = only(&args.args, "Unexpected args")?;
    change(context, &name, &Change::Unset)?;
    Ok(writeln!(context.streams.out(), "Property {} unset.", quote(&name))?)
}

enum Change<'a> {
    Set { value: &'a str, raw: bool },
    Unset,
}

/// What a field holds.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Bytes,
    Bool,
    /// Lists and objects: they can only be removed.
    Whole,
}

/// Fields of a cluster as paths name them, and as files do.
const CLUSTER: &[(&str, &str, Kind)] = &[
    ("server", "server", Kind::Text),
    ("tls-server-name", "tls-server-name", Kind::Text),
    ("insecure-skip-tls-verify", "insecure-skip-tls-verify", Kind::Bool),
    ("certificate-authority", "certificate-authority", Kind::Text),
    ("certificate-authority-data", "certificate-authority-data", Kind::Bytes),
    ("proxy-url", "proxy-url", Kind::Text),
    ("disable-compression", "disable-compression", Kind::Bool),
    ("extensions", "extensions", Kind::Whole),
];

const CONTEXT: &[(&str, &str, Kind)] = &[
    ("cluster", "cluster", Kind::Text),
    ("user", "user", Kind::Text),
    ("namespace", "namespace", Kind::Text),
    ("extensions", "extensions", Kind::Whole),
];

const USER: &[(&str, &str, Kind)] = &[
    ("client-certificate", "client-certificate", Kind::Text),
    ("client-certificate-data", "client-certificate-data", Kind::Bytes),
    ("client-key", "client-key", Kind::Text),
    ("client-key-data", "client-key-data", Kind::Bytes),
    ("token", "token", Kind::Text),
    ("tokenFile", "tokenFile", Kind::Text),
    ("act-as", "as", Kind::Text),
    ("act-as-uid", "as-uid", Kind::Text),
    ("act-as-groups", "as-groups", Kind::Whole),
    ("act-as-user-extra", "as-user-extra", Kind::Whole),
    ("username", "username", Kind::Text),
    ("password", "password", Kind::Text),
    ("auth-provider", "auth-provider", Kind::Whole),
    ("exec", "exec", Kind::Whole),
    ("extensions", "extensions", Kind::Whole),
];

fn change(context: &Context, path: &str, change: &Change<'_>) -> anyhow::Result<()> {
    if path.is_empty() {
        bail!("you must specify a property");
    }
    let store = Store::new(context);
    let old = store.load()?;
    let mut new = old.clone();
    apply(&mut new, path, change)?;
    store.save(&old, &new)
}

fn apply(config: &mut Kubeconfig, path: &str, change: &Change<'_>) -> anyhow::Result<()> {
    let (list, rest) = path.split_once('.').map_or((path, None), |(list, rest)| (list, Some(rest)));
    match (list, rest) {
        ("current-context", None) => {
            match change {
                Change::Set { value, .. } => (*value).clone_into(&mut config.current_context),
                Change::Unset => config.current_context.clear(),
            }
            Ok(())
        }
        ("current-context", Some(_)) => bail!("unable to parse one or more field values of {path}"),
        ("clusters", rest) => {
            in_map(&mut config.clusters, rest, CLUSTER, change, |old, new| new.location = old.location)
        }
        ("contexts", rest) => {
            in_map(&mut config.contexts, rest, CONTEXT, change, |old, new| new.location = old.location)
        }
        ("users", rest) => in_map(&mut config.users, rest, USER, change, |old, new| new.location = old.location),
        _ => bail!("unable to parse {path} after [] at api.Config"),
    }
}

fn in_map<T: Clone + Default + Serialize + DeserializeOwned>(
    map: &mut BTreeMap<String, T>,
    rest: Option<&str>,
    fields: &[(&str, &str, Kind)],
    change: &Change<'_>,
    keep: impl Fn(T, &mut T),
) -> anyhow::Result<()> {
    let Some(rest) = rest else {
        return match change {
            Change::Unset => {
                map.clear();
                Ok(())
            }
            Change::Set { .. } => Err(whole(map)),
        };
    };
    // Names may hold dots: the name ends where a field's name begins.
    let parts: Vec<&str> = rest.split('.').collect();
    let field_of = |part: &str| fields.iter().find(|(name, ..)| *name == part);
    let at = parts.iter().skip(1).position(|part| field_of(part).is_some()).map_or(parts.len(), |at| at + 1);
    let (name, after) = parts.split_at(at);
    let name = name.join(".");
    let Some((_, stored, kind)) = after.first().and_then(|part| field_of(part)) else {
        return match change {
            Change::Unset => {
                map.remove(&name);
                Ok(())
            }
            Change::Set { .. } => Err(whole(map)),
        };
    };
    if after.len() > 1 {
        bail!("unable to parse one or more field values of {rest}");
    }
    let entry = match (map.get(&name), change) {
        (Some(entry), _) => entry.clone(),
        (None, Change::Set { .. }) => T::default(),
        (None, Change::Unset) => bail!("current map key `{name}` is invalid"),
    };
    let mut object = serde_json::to_value(&entry)?;
    if let Some(object) = object.as_object_mut() {
        match change {
            Change::Unset => {
                object.remove(*stored);
            }
            Change::Set { value, raw } => {
                object.insert((*stored).to_owned(), read(value, *kind, *raw)?);
            }
        }
    }
    let mut changed: T = serde_json::from_value(object)?;
    keep(entry, &mut changed);
    map.insert(name, changed);
    Ok(())
}

/// Go prints the map's values as addresses.
fn whole<T>(map: &BTreeMap<String, T>) -> anyhow::Error {
    let names: Vec<String> = map.keys().map(|name| format!("{name}:0xc000000000")).collect();
    anyhow!("can't set a map to a value: map[{}]", names.join(" "))
}

fn read(value: &str, kind: Kind, raw: bool) -> anyhow::Result<Object> {
    let base64 = base64::engine::general_purpose::STANDARD;
    Ok(match kind {
        Kind::Text => value.into(),
        Kind::Bytes if raw => base64.encode(value).into(),
        Kind::Bytes => {
            let bytes = crate::go::base64::decode(value);
            bytes
                .map(|bytes| base64.encode(bytes).into())
                .map_err(|error| anyhow!("error decoding input value: {error}"))?
        }
        Kind::Bool => match value {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => true.into(),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => false.into(),
            _ => bail!("strconv.ParseBool: parsing {value:?}: invalid syntax"),
        },
        Kind::Whole => bail!("can't set a list or an object to a value"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Kubeconfig {
        Kubeconfig::parse(
            b"{current-context: dev, clusters: [{name: 10.10.12.56, cluster: {server: a}}], contexts: [{name: dev, context: {cluster: x, user: u, namespace: z}}], users: [{name: ann, user: {token: t}}]}",
        )
        .expect("a kubeconfig")
    }

    fn set(path: &str, value: &str, raw: bool) -> Result<Kubeconfig, String> {
        let mut config = config();
        apply(&mut config, path, &Change::Set { value, raw }).map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn follows_paths_through_names_with_dots() {
        let config = set("clusters.10.10.12.56.insecure-skip-tls-verify", "true", false).expect("set");
        assert!(config.clusters.get("10.10.12.56").is_some_and(|cluster| cluster.insecure_skip_tls_verify));
        let config = set("users.new.act-as", "eve", false).expect("set");
        assert_eq!(config.users.get("new").map(|user| user.impersonate.as_str()), Some("eve"));
        let config = set("users.ann.client-key-data", "key", true).expect("set");
        assert_eq!(config.users.get("ann").map(|user| user.client_key_data.as_str()), Some("a2V5"));
    }

    #[test]
    fn refuses_what_leads_nowhere() {
        for (path, value, want) in [
            ("nosuch.path", "x", "unable to parse nosuch.path after [] at api.Config"),
            ("users.ann.nosuch", "x", "can't set a map to a value: map[ann:0xc000000000]"),
            ("users.ann.client-key-data", "!", "error decoding input value: illegal base64 data at input byte 0"),
            ("clusters.a.insecure-skip-tls-verify", "maybe", "strconv.ParseBool: parsing \"maybe\": invalid syntax"),
        ] {
            assert_eq!(set(path, value, false).expect_err(path), want);
        }
    }

    #[test]
    fn unsets_values_and_entries() {
        let mut config = config();
        for path in ["current-context", "contexts.dev.namespace", "users.ann", "users.nosuch"] {
            apply(&mut config, path, &Change::Unset).expect(path);
        }
        assert!(config.current_context.is_empty() && config.users.is_empty());
        assert!(config.contexts.get("dev").is_some_and(|context| context.namespace.is_empty() && context.user == "u"));
        assert!(apply(&mut config, "contexts.nosuch.namespace", &Change::Unset).is_err());
    }
}
