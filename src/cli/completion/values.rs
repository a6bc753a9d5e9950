//! What the values of flags complete to, by the flag's name.

use super::directive;

/// How a flag's value is completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// One of these words.
    Words(&'static [&'static str]),
    /// File names with these extensions.
    Extensions(&'static [&'static str]),
    /// Folders.
    Folders,
    /// File names.
    Files,
    /// Nothing that is known.
    Unknown,
    /// Names of objects of this type.
    Names(&'static str),
    /// Containers of the pod that the first argument names.
    Containers,
    /// Contexts of the kubeconfig.
    Contexts,
    /// Clusters of the kubeconfig.
    Clusters,
    /// Users of the kubeconfig.
    Users,
}

impl Value {
    /// What the shell is to do besides.
    pub fn directive(self) -> u8 {
        match self {
            Self::Extensions(_) => directive::EXTENSIONS,
            Self::Folders => directive::FOLDERS,
            Self::Files => directive::DEFAULT,
            _ => directive::NO_FILES,
        }
    }
}

const FORMATS: &[&str] = &[
    "go-template",
    "go-template-file",
    "json",
    "jsonpath",
    "jsonpath-as-json",
    "jsonpath-file",
    "kyaml",
    "name",
    "template",
    "templatefile",
    "yaml",
];

/// Flags whose values depend on the command: `(command, flag, values)`.
const BY_COMMAND: &[(&str, &str, Value)] = &[
    (
        "get",
        "output",
        Value::Words(&[
            "custom-columns",
            "custom-columns-file",
            "go-template",
            "go-template-file",
            "json",
            "jsonpath",
            "jsonpath-as-json",
            "jsonpath-file",
            "kyaml",
            "name",
            "template",
            "templatefile",
            "wide",
            "yaml",
        ]),
    ),
    ("version", "output", Value::Words(&["json", "yaml"])),
    ("explain", "output", Value::Words(&["plaintext", "plaintext-openapiv2"])),
    ("api-resources", "output", Value::Words(&["json", "kyaml", "name", "wide", "yaml"])),
    ("api-resources", "sort-by", Value::Words(&["name", "kind"])),
    ("config get-contexts", "output", Value::Words(&["name"])),
    ("top node", "sort-by", Value::Words(&["cpu", "memory"])),
    ("top pod", "sort-by", Value::Words(&["cpu", "memory"])),
    ("debug", "profile", Value::Words(&["general", "baseline", "restricted", "netadmin", "sysadmin"])),
    ("config set-context", "cluster", Value::Clusters),
    ("config set-context", "user", Value::Users),
    ("create clusterrolebinding", "user", Value::Unknown),
    ("create rolebinding", "user", Value::Unknown),
    ("set subject", "user", Value::Unknown),
];

/// Flags whose values are the same everywhere.
const BY_NAME: &[(&str, Value)] = &[
    ("cascade", Value::Words(&["background", "foreground", "orphan"])),
    ("certificate-authority", Value::Files),
    ("client-certificate", Value::Files),
    ("client-key", Value::Files),
    ("cluster", Value::Clusters),
    ("clusterrole", Value::Names("clusterroles")),
    ("container", Value::Containers),
    ("context", Value::Contexts),
    ("dry-run", Value::Words(&["none", "server", "client"])),
    ("filename", Value::Extensions(&["json", "yaml", "yml"])),
    ("image-pull-policy", Value::Words(&["Always", "IfNotPresent", "Never"])),
    ("kustomize", Value::Folders),
    ("namespace", Value::Names("namespaces")),
    ("output", Value::Words(FORMATS)),
    ("override-type", Value::Words(&["json", "merge", "strategic"])),
    ("profile", Value::Words(&["none", "cpu", "heap", "goroutine", "threadcreate", "block", "mutex", "trace"])),
    ("protocol", Value::Words(&["TCP", "UDP", "SCTP"])),
    ("restart", Value::Words(&["Always", "OnFailure", "Never"])),
    ("role", Value::Names("roles")),
    ("serviceaccount", Value::Unknown),
    ("subresource", Value::Words(&["status", "scale", "resize"])),
    ("type", Value::Words(&["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"])),
    ("user", Value::Users),
    ("validate", Value::Words(&["strict", "warn", "ignore"])),
];

/// How the value of a command's flag is completed; file names where nothing better is known.
pub fn of(command: &str, flag: &str) -> Value {
    let here = BY_COMMAND.iter().find(|(of, name, _)| *of == command && *name == flag).map(|(.., value)| *value);
    here.or_else(|| BY_NAME.iter().find(|(name, _)| *name == flag).map(|(_, value)| *value)).unwrap_or(Value::Files)
}
