//! The fields of a kubeconfig in the order of client-go's types, for JSON.

use crate::output::json::KeyOrder;

/// The order of one type's fields, and the types of those that are objects.
pub(super) struct Fields {
    names: &'static [&'static str],
    children: &'static [(&'static str, &'static Fields)],
}

/// The whole document.
pub(super) static CONFIG: Fields = Fields {
    names: &["kind", "apiVersion", "preferences", "clusters", "users", "contexts", "current-context", "extensions"],
    children: &[("clusters", &NAMED), ("users", &NAMED), ("contexts", &NAMED)],
};

static NAMED: Fields = Fields {
    names: &["name", "cluster", "context", "user"],
    children: &[("cluster", &CLUSTER), ("context", &CONTEXT), ("user", &USER)],
};

static CLUSTER: Fields = Fields {
    names: &[
        "server",
        "tls-server-name",
        "insecure-skip-tls-verify",
        "certificate-authority",
        "certificate-authority-data",
        "proxy-url",
        "disable-compression",
        "extensions",
    ],
    children: &[],
};

static CONTEXT: Fields = Fields { names: &["cluster", "user", "namespace", "extensions"], children: &[] };

static USER: Fields = Fields {
    names: &[
        "client-certificate",
        "client-certificate-data",
        "client-key",
        "client-key-data",
        "token",
        "tokenFile",
        "as",
        "as-uid",
        "as-groups",
        "as-user-extra",
        "username",
        "password",
        "auth-provider",
        "exec",
        "extensions",
    ],
    children: &[("exec", &EXEC), ("auth-provider", &PROVIDER)],
};

static PROVIDER: Fields = Fields { names: &["name", "config"], children: &[] };

static EXEC: Fields = Fields {
    names: &["command", "args", "env", "apiVersion", "installHint", "provideClusterInfo", "interactiveMode"],
    children: &[("env", &VARIABLE)],
};

static VARIABLE: Fields = Fields { names: &["name", "value"], children: &[] };

impl KeyOrder for &'static Fields {
    fn rank(&self, key: &str) -> Option<usize> {
        self.names.iter().position(|name| *name == key)
    }

    fn child(&self, key: &str) -> Option<&dyn KeyOrder> {
        self.children.iter().find(|(name, _)| *name == key).map(|(_, fields)| fields as &dyn KeyOrder)
    }
}
