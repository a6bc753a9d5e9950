//! The kubeconfig file: what it says, entry by entry, and everything else it holds, kept as it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::go::base64;
use crate::object::{Object, yaml};

type Extra = serde_json::Map<String, Object>;

/// One kubeconfig file, or several merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kubeconfig {
    /// The context in use; empty for none.
    pub current_context: String,
    /// Clusters by name.
    pub clusters: BTreeMap<String, Cluster>,
    /// Contexts by name.
    pub contexts: BTreeMap<String, Context>,
    /// Users by name.
    pub users: BTreeMap<String, User>,
    /// Fields of the document that are none of the above, `preferences` and `extensions` among them.
    pub extra: Extra,
}

/// Where an API server is and how it proves who it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Cluster {
    /// The file that holds this entry.
    #[serde(skip)]
    pub location: Option<PathBuf>,
    /// URL of the server.
    pub server: String,
    /// The name to expect in the server's certificate, where it is not the URL's host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tls_server_name: String,
    /// Whether any certificate will do.
    #[serde(skip_serializing_if = "is_false")]
    pub insecure_skip_tls_verify: bool,
    /// Path of a PEM file with the authorities that vouch for the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub certificate_authority: String,
    /// The authorities themselves: PEM, in base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub certificate_authority_data: String,
    /// URL of a proxy on the way to the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub proxy_url: String,
    /// Whether responses are asked for uncompressed.
    #[serde(skip_serializing_if = "is_false")]
    pub disable_compression: bool,
    /// Fields that are none of the above.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Cluster {
    /// An extension by its name.
    pub fn extension(&self, name: &str) -> Option<Object> {
        let extensions = self.extra.get("extensions").and_then(Object::as_array)?;
        let named = extensions.iter().find(|entry| entry.get("name").and_then(Object::as_str) == Some(name));
        named?.get("extension").cloned()
    }
}

/// A cluster, a user and a namespace under one name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Context {
    /// The file that holds this entry.
    #[serde(skip)]
    pub location: Option<PathBuf>,
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the user.
    pub user: String,
    /// The namespace that commands use when none is given.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Fields that are none of the above.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Who the client is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct User {
    /// The file that holds this entry.
    #[serde(skip)]
    pub location: Option<PathBuf>,
    /// Path of a PEM file with the client's certificate.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_certificate: String,
    /// The certificate itself: PEM, in base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_certificate_data: String,
    /// Path of a PEM file with the certificate's key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_key: String,
    /// The key itself: PEM, in base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_key_data: String,
    /// A bearer token.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// Path of a file with a bearer token, read again as it changes.
    #[serde(rename = "tokenFile", skip_serializing_if = "String::is_empty")]
    pub token_file: String,
    /// The user to act as.
    #[serde(rename = "as", skip_serializing_if = "String::is_empty")]
    pub impersonate: String,
    /// The UID to act as.
    #[serde(rename = "as-uid", skip_serializing_if = "String::is_empty")]
    pub impersonate_uid: String,
    /// The groups to act as.
    #[serde(rename = "as-groups", skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub impersonate_groups: Vec<String>,
    /// Further claims to act with.
    #[serde(rename = "as-user-extra", skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "or_default")]
    pub impersonate_extra: BTreeMap<String, Vec<String>>,
    /// User name of basic authentication.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// Password of basic authentication.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub password: String,
    /// An identity provider that hands out tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_provider: Option<Object>,
    /// A program that hands out credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<Exec>,
    /// Fields that are none of the above.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A program that hands out credentials (`client.authentication.k8s.io`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Exec {
    /// Version of the exchange: `client.authentication.k8s.io/v1` or `/v1beta1`.
    pub api_version: String,
    /// The program: a path, or a name to look up.
    pub command: String,
    /// Its arguments.
    #[serde(deserialize_with = "or_default")]
    pub args: Vec<String>,
    /// Variables added to its environment.
    #[serde(deserialize_with = "or_default")]
    pub env: Vec<ExecVariable>,
    /// What to tell a person who does not have the program.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub install_hint: String,
    /// Whether the program is told about the cluster.
    pub provide_cluster_info: bool,
    /// `Never`, `IfAvailable` or `Always`: whether it gets standard input.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interactive_mode: String,
    /// Fields that are none of the above.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A variable of a credential program's environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecVariable {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

fn or_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl Kubeconfig {
    /// Reads a kubeconfig from YAML or JSON; an empty text is an empty kubeconfig. Errors carry the
    /// text that kubectl puts after `error loading config file "x": `.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        match yaml::parse(text) {
            Ok(Object::Null) => Ok(Self::default()),
            Ok(document) => Self::from_object(document),
            Err(error) => Err(error.bare().to_owned()),
        }
    }

    /// Reads a kubeconfig from a document already parsed.
    pub fn from_object(document: Object) -> Result<Self, String> {
        let Object::Object(mut extra) = document else {
            return Err(format!(
                "json: cannot unmarshal {} into Go value of type v1.Config",
                match document {
                    Object::Array(_) => "array",
                    Object::String(_) => "string",
                    Object::Bool(_) => "bool",
                    _ => "number",
                }
            ));
        };
        let text = |value: Option<Object>| value.as_ref().and_then(Object::as_str).unwrap_or_default().to_owned();
        let (kind, version) = (text(extra.remove("kind")), text(extra.remove("apiVersion")));
        if !matches!((kind.as_str(), version.as_str()), ("Config" | "", "v1" | "")) {
            let version = if version.is_empty() { "v1" } else { &version };
            return Err(format!(
                "no kind \"{kind}\" is registered for version \"{version}\" in scheme \"k8s.io/client-go/tools/clientcmd/api/latest/latest.go:50\""
            ));
        }
        let config = Self {
            current_context: text(extra.remove("current-context")),
            clusters: named(&mut extra, "clusters", "cluster")?,
            contexts: named(&mut extra, "contexts", "context")?,
            users: named(&mut extra, "users", "user")?,
            extra,
        };
        config.check_data().map(|()| config)
    }

    /// Refuses inline data that is no base64.
    fn check_data(&self) -> Result<(), String> {
        let users = self.users.values().flat_map(|user| [&user.client_certificate_data, &user.client_key_data]);
        let clusters = self.clusters.values().map(|cluster| &cluster.certificate_authority_data);
        clusters.chain(users).try_for_each(|data| base64::decode(data).map(drop).map_err(|error| error.to_string()))
    }

    /// The document as it is written: entries in order of their names.
    pub fn to_object(&self) -> Object {
        let mut document = self.extra.clone();
        document.insert("apiVersion".into(), "v1".into());
        document.insert("kind".into(), "Config".into());
        document.insert("current-context".into(), self.current_context.as_str().into());
        document.insert("clusters".into(), unnamed(&self.clusters, "cluster"));
        document.insert("contexts".into(), unnamed(&self.contexts, "context"));
        document.insert("users".into(), unnamed(&self.users, "user"));
        document.into()
    }

    /// Whether nothing at all is configured.
    pub fn is_empty(&self) -> bool {
        self.current_context.is_empty()
            && self.clusters.is_empty()
            && self.contexts.is_empty()
            && self.users.is_empty()
            && self.extra.iter().all(|(key, value)| key == "preferences" && is_blank(value))
    }

    /// Notes which file the entries come from.
    pub fn located(mut self, file: &Path) -> Self {
        self.clusters.values_mut().for_each(|entry| entry.location = Some(file.into()));
        self.contexts.values_mut().for_each(|entry| entry.location = Some(file.into()));
        self.users.values_mut().for_each(|entry| entry.location = Some(file.into()));
        self
    }

    /// Adds what `other` has and this one has not: of two entries of one name, this one's stays.
    pub fn merge(&mut self, other: Self) {
        if self.current_context.is_empty() {
            self.current_context = other.current_context;
        }
        fill(&mut self.clusters, other.clusters);
        fill(&mut self.contexts, other.contexts);
        fill(&mut self.users, other.users);
        for (key, value) in other.extra {
            self.extra.entry(key).or_insert(value);
        }
    }

    /// Makes relative paths in entries absolute: they are relative to the folder of their file.
    pub fn resolve_paths(&mut self) {
        for cluster in self.clusters.values_mut() {
            resolve(cluster.location.as_deref(), &mut cluster.certificate_authority);
        }
        for user in self.users.values_mut() {
            let location = user.location.clone();
            for path in [&mut user.client_certificate, &mut user.client_key, &mut user.token_file] {
                resolve(location.as_deref(), path);
            }
            // A bare name is looked up; only a path is a path.
            if let Some(exec) = user.exec.as_mut().filter(|exec| exec.command.contains('/')) {
                resolve(location.as_deref(), &mut exec.command);
            }
        }
    }
}

/// A path as its file means it. Not made canonical: messages show it as it is.
fn resolve(file: Option<&Path>, path: &mut String) {
    if path.is_empty() || Path::new(path.as_str()).is_absolute() {
        return;
    }
    let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
    let Ok(folder) = std::path::absolute(if folder.as_os_str().is_empty() { Path::new(".") } else { folder }) else {
        return;
    };
    let mut clean = PathBuf::new();
    for part in folder.join(path.as_str()).components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    *path = clean.to_string_lossy().into_owned();
}

fn fill<T>(into: &mut BTreeMap<String, T>, from: BTreeMap<String, T>) {
    for (name, entry) in from {
        into.entry(name).or_insert(entry);
    }
}

fn is_blank(value: &Object) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Takes a list of `{name, <field>: entry}`. The first entry of a name counts, as in client-go.
fn named<T: serde::de::DeserializeOwned + Default>(
    document: &mut Extra,
    list: &str,
    field: &str,
) -> Result<BTreeMap<String, T>, String> {
    let entries = match document.remove(list) {
        None | Some(Object::Null) => return Ok(BTreeMap::new()),
        Some(Object::Array(entries)) => entries,
        Some(_) => return Err(format!("{list} is not a list")),
    };
    let mut map = BTreeMap::new();
    for mut entry in entries {
        let name = entry.get("name").and_then(Object::as_str).unwrap_or_default().to_owned();
        let value = match entry.get_mut(field).map(Object::take) {
            None | Some(Object::Null) => T::default(),
            Some(value) => serde_json::from_value(value).map_err(|error| format!("{list}: {name:?}: {error}"))?,
        };
        map.entry(name).or_insert(value);
    }
    Ok(map)
}

fn unnamed<T: Serialize>(map: &BTreeMap<String, T>, field: &str) -> Object {
    map.iter().map(|(name, entry)| serde_json::json!({field: entry, "name": name})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAMPLE: &str = "
apiVersion: v1
kind: Config
current-context: dev
preferences: {}
x-tool: {keep: me}
clusters:
- name: east
  cluster: {server: 'https://east:6443', certificate-authority: ca.crt, extra: 1}
- name: east
  cluster: {server: 'https://late'}
contexts:
- name: dev
  context: {cluster: east, user: ann, namespace: blue}
users:
- name: ann
  user: {token: abc, as-groups: null, exec: {command: c, args: null, env: null}}
- name: nobody
  user: {}
";

    #[test]
    fn reads_entries_and_keeps_the_rest() {
        let config = Kubeconfig::parse(SAMPLE.as_bytes()).expect("a kubeconfig");
        assert_eq!(config.clusters["east"].server, "https://east:6443");
        assert_eq!(config.contexts["dev"].namespace, "blue");
        assert_eq!(config.users["ann"].token, "abc");
        let written = config.to_object();
        assert_eq!(written["x-tool"]["keep"], "me");
        assert_eq!(written["clusters"][0]["cluster"]["extra"], 1);
        assert_eq!(Kubeconfig::from_object(written).expect("again"), config);
    }

    #[test]
    fn paths_are_relative_to_their_file() {
        let config = Kubeconfig::parse(SAMPLE.as_bytes()).expect("a kubeconfig");
        let mut config = config.located(Path::new("/etc/kube/../conf/config"));
        config.resolve_paths();
        assert_eq!(config.clusters["east"].certificate_authority, "/etc/conf/ca.crt");
    }

    #[test]
    fn refuses_other_kinds() {
        let error = Kubeconfig::parse(b"apiVersion: v2\nkind: Other\n").expect_err("another kind");
        assert!(error.starts_with("no kind \"Other\" is registered for version \"v2\""), "{error}");
        assert!(Kubeconfig::parse(b"- a").is_err());
        assert!(Kubeconfig::parse(b"").expect("empty").is_empty());
        assert!(Kubeconfig::parse(b"preferences: {}\n").expect("blank").is_empty());
    }

    #[test]
    fn first_file_wins() {
        let mut first = Kubeconfig::parse(b"{users: [{name: a, user: {token: '1'}}]}").expect("first");
        let second = "{current-context: c, users: [{name: a, user: {token: '2'}}, {name: b, user: {token: '3'}}]}";
        first.merge(Kubeconfig::parse(second.as_bytes()).expect("second"));
        assert_eq!(first.current_context, "c");
        assert_eq!(first.users["a"].token, "1");
        assert_eq!(first.users["b"].token, "3");
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-z0-9:,{}\\[\\]'# \n-]{0,120}", list in "(clusters|contexts|users|x)", value in ".{0,8}") {
            let _ = Kubeconfig::parse(text.as_bytes());
            let odd = [
                serde_json::json!({list.clone(): value}),
                serde_json::json!({list.clone(): [value, {"name": value}, {"user": value, "cluster": 1, "context": []}]}),
                serde_json::json!({list.clone(): [{"name": 1, "user": {"token": 1}, "cluster": {"server": []}, "context": {"user": {}}}]}),
                serde_json::json!([list]),
            ];
            for document in odd {
                let _ = Kubeconfig::from_object(document);
            }
        }

        #[test]
        fn writes_what_it_reads(names in proptest::collection::vec("[a-z:@/]{1,8}", 0..4), token in "[ -~]{0,12}") {
            let users: Vec<_> = names.iter().map(|n| serde_json::json!({"name": n, "user": {"token": token}})).collect();
            let config = Kubeconfig::from_object(serde_json::json!({"users": users})).expect("a kubeconfig");
            prop_assert_eq!(Kubeconfig::from_object(config.to_object()).expect("again"), config);
        }
    }
}
