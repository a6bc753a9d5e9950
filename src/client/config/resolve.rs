//! From a kubeconfig and flags to one server and one identity, with client-go's rules.

use std::path::PathBuf;

use super::check::{self, ConfigInvalid, Problem};
use super::files::{pem, read_text};
use super::impersonation::impersonate;
use super::kubeconfig::{Cluster, Context, User};
use super::timeout::parse_timeout;
use super::{ClientConfig, Impersonation, Kubeconfig, Overrides, Provider, put, set};
use crate::object::Object;

/// The server that kubectl assumes where none is configured.
const DEFAULT_SERVER: &str = "http://localhost:8080";

/// What of the environment decides where a pod's own service account leads.
#[derive(Clone, Debug, Default)]
pub struct InCluster {
    /// The folder of the account's files: `token`, `ca.crt`, `namespace`.
    pub folder: PathBuf,
    /// `KUBERNETES_SERVICE_HOST`.
    pub host: String,
    /// `KUBERNETES_SERVICE_PORT`.
    pub port: String,
    /// `POD_NAMESPACE`.
    pub pod_namespace: Option<String>,
}

/// Resolves a loaded kubeconfig and flags.
pub struct Resolver<'a> {
    /// The loaded kubeconfig.
    pub config: &'a Kubeconfig,
    /// The flags.
    pub overrides: &'a Overrides,
    /// `KUBERNETES_MASTER`: the server where none is configured.
    pub master: Option<&'a str>,
    /// The pod's service account, where this is a pod.
    pub in_cluster: Option<InCluster>,
}

impl Resolver<'_> {
    /// Name of the context in use; empty for none.
    pub fn context_name(&self) -> &str {
        set(&self.overrides.context).unwrap_or(&self.config.current_context)
    }

    fn context(&self) -> anyhow::Result<Context> {
        let name = self.context_name();
        let mut context = match self.config.contexts.get(name) {
            Some(context) => context.clone(),
            None if set(&self.overrides.context).is_some() => anyhow::bail!("context {name:?} does not exist"),
            None => Context::default(),
        };
        put(&mut context.cluster, &self.overrides.cluster);
        put(&mut context.user, &self.overrides.user);
        put(&mut context.namespace, &self.overrides.namespace);
        Ok(context)
    }

    /// Name of the user in use, and whether a flag says so.
    fn user_name(&self) -> (String, bool) {
        match set(&self.overrides.user) {
            Some(name) => (name.to_owned(), true),
            None => (self.context().unwrap_or_default().user, false),
        }
    }

    /// Name of the cluster in use, and whether a flag says so.
    fn cluster_name(&self) -> (String, bool) {
        match set(&self.overrides.cluster) {
            Some(name) => (name.to_owned(), true),
            None => (self.context().unwrap_or_default().cluster, false),
        }
    }

    fn user(&self) -> anyhow::Result<User> {
        let (name, required) = self.user_name();
        let mut user = match self.config.users.get(&name) {
            Some(user) => user.clone(),
            None if required => anyhow::bail!("auth info {name:?} does not exist"),
            None => User::default(),
        };
        let flags = self.overrides;
        put(&mut user.token, &flags.token);
        impersonate(&mut user, flags);
        put(&mut user.username, &flags.username);
        put(&mut user.password, &flags.password);
        if let Some(path) = set(&flags.client_certificate) {
            (user.client_certificate, user.client_certificate_data) = (path.to_owned(), String::new());
        }
        if let Some(path) = set(&flags.client_key) {
            (user.client_key, user.client_key_data) = (path.to_owned(), String::new());
        }
        Ok(user)
    }

    fn default_server(&self) -> &str {
        self.master.filter(|server| !server.is_empty()).unwrap_or(DEFAULT_SERVER)
    }

    fn cluster(&self) -> anyhow::Result<Cluster> {
        let (name, required) = self.cluster_name();
        let mut cluster = match self.config.clusters.get(&name) {
            Some(cluster) => cluster.clone(),
            None if required => anyhow::bail!("cluster {name:?} does not exist"),
            None => Cluster::default(),
        };
        if cluster.server.is_empty() {
            self.default_server().clone_into(&mut cluster.server);
        }
        let flags = self.overrides;
        put(&mut cluster.server, &flags.server);
        cluster.disable_compression |= flags.disable_compression;
        // One way of trusting the server on the command line replaces those of the file.
        let authority = set(&flags.certificate_authority);
        if flags.insecure_skip_tls_verify || authority.is_some() {
            cluster.insecure_skip_tls_verify = flags.insecure_skip_tls_verify;
            authority.unwrap_or_default().clone_into(&mut cluster.certificate_authority);
            cluster.certificate_authority_data.clear();
        }
        if set(&flags.tls_server_name).is_some() || set(&flags.server).is_some() {
            flags.tls_server_name.as_deref().unwrap_or_default().clone_into(&mut cluster.tls_server_name);
        }
        Ok(cluster)
    }

    /// Checks that the configuration can be used; the error is a [`ConfigInvalid`].
    pub fn confirm_usable(&self) -> anyhow::Result<()> {
        let mut problems = Vec::new();
        let context = self.context_name();
        if !context.is_empty() && !self.config.contexts.contains_key(context) {
            problems.push(Problem::ContextNotFound(context.to_owned()));
        }
        let mut others = Vec::new();
        check::user(&self.user_name().0, &self.user().unwrap_or_default(), &mut others);
        check::cluster(&self.cluster_name().0, &self.cluster().unwrap_or_default(), &mut others);
        problems.extend(others.into_iter().map(Problem::Other));
        if problems.is_empty() { Ok(()) } else { Err(ConfigInvalid(problems).into()) }
    }

    /// The namespace that commands use, and whether `--namespace` says so.
    pub fn namespace(&self) -> anyhow::Result<(String, bool)> {
        if let Some(namespace) = set(&self.overrides.namespace) {
            return Ok((namespace.to_owned(), true));
        }
        self.confirm_usable()?;
        let namespace = self.context()?.namespace;
        if !namespace.is_empty() {
            return Ok((namespace, false));
        }
        if let Some(pod) = &self.in_cluster {
            let own = pod.pod_namespace.clone().filter(|name| !name.is_empty()).or_else(|| {
                let text = std::fs::read_to_string(pod.folder.join("namespace")).ok()?;
                Some(text.trim().to_owned()).filter(|name| !name.is_empty())
            });
            if let Some(own) = own {
                return Ok((own, false));
            }
        }
        Ok(("default".to_owned(), false))
    }

    /// The server and the identity. Reads certificate and token files.
    pub fn client_config(&self) -> anyhow::Result<ClientConfig> {
        let user = self.user()?;
        self.context()?;
        let cluster = self.cluster()?;
        self.confirm_usable()?;
        let mut client = ClientConfig {
            proxy_url: cluster.proxy_url.clone(),
            disable_compression: cluster.disable_compression,
            timeout: set(&self.overrides.request_timeout).map(parse_timeout).transpose()?.flatten(),
            impersonate: Impersonation::of(&user),
            server: with_scheme(&cluster.server)?,
            ..ClientConfig::default()
        };
        if let Some(pod) = &self.in_cluster
            && cluster.server == self.default_server()
            && client.impersonate == Impersonation::default()
            && client.timeout.is_none()
        {
            return self.in_cluster_config(pod);
        }
        // Credentials go over TLS only.
        if client.server.starts_with("https://") {
            let file = user.location.clone();
            identify(&mut client, &cluster, user)?;
            if let Some(provider) = &mut client.provider {
                (provider.user, provider.file) = (self.user_name().0, file);
            }
        }
        Ok(client)
    }

    fn in_cluster_config(&self, pod: &InCluster) -> anyhow::Result<ClientConfig> {
        let folder = &pod.folder;
        let host = if pod.host.contains(':') { format!("[{}]", pod.host) } else { pod.host.clone() };
        let server = match set(&self.overrides.server) {
            Some(server) => with_scheme(server)?,
            None => format!("https://{host}:{}", pod.port),
        };
        let authority = set(&self.overrides.certificate_authority).map_or_else(|| folder.join("ca.crt"), PathBuf::from);
        let (token, token_file) = match set(&self.overrides.token) {
            Some(token) => (token.to_owned(), None),
            None => (read_text(&folder.join("token"))?, Some(folder.join("token"))),
        };
        Ok(ClientConfig {
            server,
            token,
            token_file,
            certificate_authority: std::fs::read(authority).unwrap_or_default(),
            ..ClientConfig::default()
        })
    }
}

/// Removed kinds of login, and what to use instead.
const REMOVED: [(&str, &str); 2] = [
    (
        "azure",
        "The azure auth plugin has been removed.\nPlease use the https://github.com/Azure/kubelogin kubectl/client-go credential plugin instead.\nSee https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins for further details",
    ),
    (
        "gcp",
        "The gcp auth plugin has been removed.\nPlease use the \"gke-gcloud-auth-plugin\" kubectl/client-go credential plugin instead.\nSee https://cloud.google.com/blog/products/containers-kubernetes/kubectl-auth-changes-in-gke for further details",
    ),
];

/// The extension of a cluster that is for its credential program.
const EXEC_CONFIG: &str = "client.authentication.k8s.io/exec";

/// An identity provider's settings.
fn identity_provider(provider: &Object) -> anyhow::Result<Provider> {
    let name = provider.get("name").and_then(Object::as_str).unwrap_or_default();
    if let Some((_, words)) = REMOVED.iter().find(|(removed, _)| *removed == name) {
        anyhow::bail!("{words}");
    }
    if name != "oidc" {
        anyhow::bail!("no Auth Provider found for name {name:?}");
    }
    let settings = provider.get("config").and_then(Object::as_object);
    let text = |value: &Object| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let settings = settings.into_iter().flatten().map(|(key, value)| (key.clone(), text(value)));
    Ok(Provider { settings: settings.collect(), ..Provider::default() })
}

/// Takes over who the client is and how the server proves who it is.
fn identify(client: &mut ClientConfig, cluster: &Cluster, user: User) -> anyhow::Result<()> {
    client.tls_server_name.clone_from(&cluster.tls_server_name);
    client.insecure = cluster.insecure_skip_tls_verify;
    client.certificate_authority = pem(&cluster.certificate_authority_data, &cluster.certificate_authority)?;
    if client.insecure && !client.certificate_authority.is_empty() {
        anyhow::bail!("specifying a root certificates file with the insecure flag is not allowed");
    }
    if !user.client_certificate.is_empty() || !user.client_certificate_data.is_empty() {
        client.client_certificate = pem(&user.client_certificate_data, &user.client_certificate)?;
        client.client_key = pem(&user.client_key_data, &user.client_key)?;
        client.identity_in_files = user.client_certificate_data.is_empty();
    }
    client.token = user.token;
    if !user.token_file.is_empty() {
        let file = PathBuf::from(&user.token_file);
        if client.token.is_empty() {
            client.token = read_text(&file)?;
        }
        client.token_file = Some(file);
    }
    (client.username, client.password) = (user.username, user.password);
    client.exec = user.exec;
    client.exec_config = cluster.extension(EXEC_CONFIG);
    if let Some(provider) = &user.auth_provider {
        client.provider = Some(identity_provider(provider)?);
    }
    Ok(())
}

/// The server as a URL: a bare `host:port` is plain HTTP, no path ends in a slash.
fn with_scheme(server: &str) -> anyhow::Result<String> {
    let url = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    let parsed = url.parse::<http::Uri>();
    if parsed.as_ref().is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty())) {
        let url = url.split(['?', '#']).next().unwrap_or_default();
        Ok(url.trim_end_matches('/').to_owned())
    } else {
        anyhow::bail!("host must be a URL or a host:port pair: {server:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
current-context: dev
clusters:
- {name: east, cluster: {server: 'https://east:6443/', insecure-skip-tls-verify: true, tls-server-name: e}}
- {name: west, cluster: {server: 'west:80'}}
contexts:
- {name: dev, context: {cluster: east, user: ann, namespace: blue}}
- {name: prod, context: {cluster: west, user: bob}}
users:
- {name: ann, user: {token: t}}
- {name: bob, user: {username: b, password: p}}
";

    fn resolve<T>(overrides: &Overrides, what: impl Fn(&Resolver<'_>) -> anyhow::Result<T>) -> Result<T, String> {
        let config = Kubeconfig::parse(FILE.as_bytes()).expect("a kubeconfig");
        let resolver = Resolver { config: &config, overrides, master: None, in_cluster: None };
        what(&resolver).map_err(|error| error.to_string())
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn resolves_server_and_identity() {
        let none = Overrides::default();
        let client = resolve(&none, |resolver| resolver.client_config()).expect("a client");
        assert_eq!((client.server.as_str(), client.token.as_str()), ("https://east:6443", "t"));
        assert_eq!((client.tls_server_name.as_str(), client.insecure), ("e", true));
        assert_eq!(resolve(&none, |resolver| resolver.namespace()), Ok(("blue".into(), false)));

        let flags = Overrides { server: some("https://other"), user: some("bob"), ..none.clone() };
        let client = resolve(&flags, |resolver| resolver.client_config()).expect("a client");
        assert_eq!((client.server.as_str(), client.username.as_str()), ("https://other", "b"));
        assert_eq!(client.tls_server_name, "");

        let flags = Overrides { context: some("prod"), ..none.clone() };
        let client = resolve(&flags, |resolver| resolver.client_config()).expect("a client");
        assert_eq!((client.server.as_str(), client.username.as_str()), ("http://west:80", ""), "no secrets over HTTP");
        assert_eq!(resolve(&flags, |resolver| resolver.namespace()), Ok(("default".into(), false)));

        let flags = Overrides { namespace: some("x"), as_user: some("me"), ..none };
        assert_eq!(resolve(&flags, |resolver| resolver.namespace()), Ok(("x".into(), true)));
        assert_eq!(resolve(&flags, |resolver| resolver.client_config()).expect("a client").impersonate.user, "me");
    }

    #[test]
    fn says_what_is_wrong() {
        let none = Overrides::default();
        for (flags, namespace, client) in [
            (
                Overrides { context: some("no"), ..none.clone() },
                "invalid configuration: context was not found for specified context: no",
                "context \"no\" does not exist",
            ),
            (
                Overrides { cluster: some("no"), ..none.clone() },
                "invalid configuration: no server found for cluster \"no\"",
                "cluster \"no\" does not exist",
            ),
            (
                Overrides { as_groups: vec!["g".into()], ..none.clone() },
                "invalid configuration: requesting uid, groups or user-extra for ann without impersonating a user",
                "invalid configuration: requesting uid, groups or user-extra for ann without impersonating a user",
            ),
            (
                Overrides { username: some("u"), certificate_authority: some("/no/ca"), ..none.clone() },
                "invalid configuration: [more than one authentication method found for ann; found [token basicAuth], only one is allowed, unable to read certificate-authority /no/ca for east due to open /no/ca: no such file or directory]",
                "invalid configuration: [more than one authentication method found for ann; found [token basicAuth], only one is allowed, unable to read certificate-authority /no/ca for east due to open /no/ca: no such file or directory]",
            ),
        ] {
            assert_eq!(resolve(&flags, |resolver| resolver.namespace()).expect_err("refused"), namespace);
            assert_eq!(resolve(&flags, |resolver| resolver.client_config()).expect_err("refused"), client);
        }
    }
}
