//! What every command is handed: streams, environment, clock, flags, and the way to the cluster.

use std::cell::OnceCell;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::environment::Environment;
use super::offline::{self, Bundled};
use crate::client::Client;
use crate::client::config::{
    self, Choice, ClientConfig, InCluster, Kubeconfig, LoadingRules, Overrides, Resolver, StandardInput, Target,
    in_cluster_possible,
};
use crate::client::discovery::Cache;
use crate::client::log::Log;
use crate::client::request::Call;
use crate::client::transport::Transport;
use crate::client::transport::logged::{Logged, REQUESTS};
use crate::object::clock::Clock;
use crate::object::{Meta as _, Object};
use crate::terminal::Streams;

/// The release of Kubernetes whose client this is.
pub const COMPATIBLE: &str = "v1.36.2";

/// The annotation that says why an object was changed; `rollout history` shows it.
pub const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// How messages name the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// Ourselves.
    #[default]
    Kctl,
    /// Called by that name, or asked to be compatible.
    Kubectl,
}

impl Program {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kctl => "kctl",
            Self::Kubectl => "kubectl",
        }
    }

    /// Whether everything is to be as kubectl has it.
    pub fn is_kubectl(self) -> bool {
        self == Self::Kubectl
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Turns a target into a connection. `cli` gives one that knows the bundled cluster.
pub trait Connector {
    /// A transport to the target. Need not connect yet.
    fn connect(&self, target: &Target) -> anyhow::Result<Arc<dyn Transport>>;

    /// The bundled cluster, to its owner; none where there is none in this program.
    fn bundled(&self) -> Option<&dyn Bundled> {
        None
    }
}

impl<F: Fn(&Target) -> anyhow::Result<Arc<dyn Transport>>> Connector for F {
    fn connect(&self, target: &Target) -> anyhow::Result<Arc<dyn Transport>> {
        self(target)
    }
}

/// One a process; commands get a reference.
pub struct Context {
    /// Standard input, output and error.
    pub streams: Rc<Streams>,
    /// The environment.
    pub env: Environment,
    /// What time it is.
    pub clock: Clock,
    /// The global flags.
    pub overrides: Overrides,
    /// How messages name the program.
    pub program: Program,
    /// The command line, where `--record` says that objects are to keep it.
    pub change_cause: Option<String>,
    /// Whether what comes in is read as manifests, and nobody else's.
    pub input: StandardInput,
    connector: Box<dyn Connector>,
    config: OnceCell<Kubeconfig>,
    client: OnceCell<Client>,
}

impl Context {
    /// Nothing is read and nothing connected until a command asks for it.
    pub fn new(
        streams: Streams,
        env: Environment,
        clock: Clock,
        overrides: Overrides,
        program: Program,
        connector: Box<dyn Connector>,
    ) -> Self {
        Self {
            streams: Rc::new(streams),
            env,
            clock,
            overrides,
            program,
            change_cause: None,
            input: StandardInput::default(),
            connector,
            config: OnceCell::new(),
            client: OnceCell::new(),
        }
    }

    /// Writes the command line into an object that is about to be sent, where `--record` asks for it.
    pub fn record(&self, object: &mut Object) {
        if let Some(cause) = &self.change_cause {
            object.set_at(&["metadata", "annotations", CHANGE_CAUSE], cause.as_str());
        }
    }

    /// Which kubeconfig files count.
    pub fn loading_rules(&self) -> LoadingRules {
        let home = self.env.home();
        LoadingRules::new(self.overrides.kubeconfig.as_deref(), self.env.get("KUBECONFIG"), home.as_deref())
    }

    /// The merged kubeconfig.
    pub fn kubeconfig(&self) -> anyhow::Result<&Kubeconfig> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let rules = self.loading_rules();
        let loaded = rules.load()?;
        if let Some(log) = self.log().filter(|log| log.level("loader") >= 6) {
            for file in rules.files().iter().filter(|file| !loaded.missing.contains(file)) {
                log.plain("loader.go:407", &format!("Config loaded from file:  {}", file.display()));
            }
        }
        Ok(self.config.get_or_init(|| loaded.config))
    }

    fn in_cluster(&self) -> Option<InCluster> {
        let (host, port) = (self.env.get("KUBERNETES_SERVICE_HOST"), self.env.get("KUBERNETES_SERVICE_PORT"));
        let folder = self.env.service_account();
        in_cluster_possible(host, port, &folder).then(|| InCluster {
            folder,
            host: host.unwrap_or_default().to_owned(),
            port: port.unwrap_or_default().to_owned(),
            pod_namespace: self.env.get("POD_NAMESPACE").map(str::to_owned),
        })
    }

    fn forced_offline(&self) -> bool {
        self.env.is_on("KCTL_OFFLINE")
    }

    /// Whether a flag names a part of the kubeconfig. One that is not there is a mistake, whichever
    /// cluster is used; so is a file of `KUBECONFIG` that cannot be read.
    fn names_configuration(&self) -> anyhow::Result<bool> {
        if self.env.get("KUBECONFIG").is_some() {
            self.kubeconfig()?;
        }
        let flags = &self.overrides;
        let context = flags.context.as_deref().filter(|name| *name != config::OFFLINE);
        let named = [context, flags.cluster.as_deref(), flags.user.as_deref(), flags.kubeconfig.as_deref()];
        Ok(!named.into_iter().flatten().all(str::is_empty))
    }

    fn choice(&self) -> anyhow::Result<Choice> {
        if self.forced_offline() {
            return Ok(Choice::OfflineAsked);
        }
        let master = self.env.get("KUBERNETES_MASTER").is_some();
        Ok(config::choose(&self.overrides, self.kubeconfig()?, false, self.in_cluster().is_some(), master))
    }

    fn resolver(&self) -> anyhow::Result<Resolver<'_>> {
        Ok(Resolver {
            config: self.kubeconfig()?,
            overrides: &self.overrides,
            master: self.env.get("KUBERNETES_MASTER"),
            in_cluster: self.in_cluster(),
        })
    }

    /// The namespace that commands use, and whether `--namespace` says so.
    pub fn namespace(&self) -> anyhow::Result<(String, bool)> {
        match self.choice()? {
            Choice::Server => self.resolver()?.namespace(),
            // The bundled cluster may still be given a namespace by a context of its name.
            Choice::OfflineAsked | Choice::OfflineByDefault => {
                if self.names_configuration()? {
                    self.resolver()?.namespace()?;
                }
                let flag = self.overrides.namespace.clone().filter(|namespace| !namespace.is_empty());
                let explicit = flag.is_some();
                Ok((flag.unwrap_or_else(|| "default".to_owned()), explicit))
            }
        }
    }

    /// How any server is reached: proxies, HTTP/2 and whom the system trusts, as the environment says.
    pub fn way_out(&self) -> ClientConfig {
        self.env.way_out()
    }

    /// Where requests go.
    pub fn target(&self) -> anyhow::Result<Target> {
        match self.choice()? {
            Choice::Server => {
                let mut config = self.resolver()?.client_config()?;
                let way = self.way_out();
                config.system_authorities = way.system_authorities;
                config.proxies = way.proxies;
                config.http2 = way.http2;
                config.input = self.input.clone();
                if config.lacks_identity() {
                    self.ask_who_it_is(&mut config)?;
                }
                Ok(Target::Server(Box::new(config)))
            }
            Choice::OfflineAsked | Choice::OfflineByDefault => {
                if self.names_configuration()? {
                    self.resolver()?.client_config()?;
                }
                let impersonate = config::Impersonation::of_flags(&self.overrides)?;
                let timeout = self.overrides.request_timeout.as_deref().map(config::parse_timeout).transpose()?;
                Ok(Target::Offline { dir: offline::folder(self)?, impersonate, timeout: timeout.flatten() })
            }
        }
    }

    /// Asks at the terminal for a name and a password, as kubectl does where a server that speaks TLS is
    /// to be told nothing else.
    fn ask_who_it_is(&self, config: &mut ClientConfig) -> anyhow::Result<()> {
        let ask = |what: &str| -> anyhow::Result<()> {
            let mut out = self.streams.out();
            write!(out, "Please enter {what}: ")?;
            Ok(out.flush()?)
        };
        ask("Username")?;
        // One word, byte by byte: what follows is not ours to read.
        let mut name = Vec::new();
        let mut byte = [0];
        while self.streams.input().read(&mut byte)? == 1 {
            match byte {
                [space] if space.is_ascii_whitespace() && name.is_empty() => {}
                [space] if space.is_ascii_whitespace() => break,
                [other] => name.push(other),
            }
        }
        if name.is_empty() {
            anyhow::bail!("EOF");
        }
        ask("Password")?;
        let password = match self.streams.read_password()? {
            Some(password) => password,
            None => anyhow::bail!("error reading input for Password"),
        };
        config.username = String::from_utf8_lossy(&name).into_owned();
        // What is configured counts.
        if config.password.is_empty() {
            config.password = password;
        }
        Ok(())
    }

    /// The client, connected when first asked for.
    pub async fn client(&self) -> anyhow::Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let target = self.target()?;
        if self.choice()? == Choice::OfflineByDefault && self.streams.err_is_terminal {
            self.streams.say("No cluster is configured: using the offline cluster (kctl offline --help).");
        }
        let transport = self.connect(&target)?;
        let mut client = self.client_over(transport).with_log(self.log());
        client = client.with_timeout(match &target {
            Target::Server(config) => config.timeout,
            Target::Offline { timeout, .. } => *timeout,
        });
        if let (Target::Server(config), Some(folder)) = (&target, self.cache_dir()) {
            let server = config.server.split_once("://").map_or(config.server.as_str(), |(_, server)| server);
            client = client.with_discovery_cache(Cache::new(&folder, server, self.clock.clone()));
        }
        if self.overrides.match_server_version {
            check_version(&client).await?;
        }
        Ok(self.client.get_or_init(|| client))
    }

    /// A connection of its own to a target, for commands that change how requests go.
    pub fn connect(&self, target: &Target) -> anyhow::Result<Arc<dyn Transport>> {
        let transport = self.connector.connect(target)?;
        let Some(log) = self.log() else { return Ok(transport) };
        if log.level("round_trippers") < REQUESTS && log.level("request") < REQUESTS {
            return Ok(transport);
        }
        let (base, scheme, impersonate) = match target {
            Target::Offline { impersonate, .. } => ("https://offline", None, impersonate.clone()),
            Target::Server(config) => {
                let basic = !config.username.is_empty() || !config.password.is_empty();
                let scheme = if basic { Some("Basic") } else { (!config.token.is_empty()).then_some("Bearer") };
                (config.server.as_str(), scheme, config.impersonate.clone())
            }
        };
        Ok(Arc::new(Logged::new(transport, log, base, scheme, impersonate)))
    }

    /// The log; none where nothing is to be logged.
    fn log(&self) -> Option<Log> {
        let verbosity = &self.overrides.verbosity;
        if verbosity.level == 0 && verbosity.files.is_empty() {
            return None;
        }
        Some(Log::new(verbosity.clone(), self.clock.clone(), Arc::new(Streams::say_from_anywhere)))
    }

    /// The bundled cluster, to its owner.
    ///
    /// # Errors
    /// There is none in this program.
    pub fn bundled(&self) -> anyhow::Result<&dyn Bundled> {
        self.connector.bundled().ok_or_else(|| anyhow::anyhow!("this program has no cluster of its own"))
    }

    /// A client of the bundled cluster, whatever the kubeconfig says.
    pub fn offline_client(&self) -> anyhow::Result<Client> {
        let owner = config::Impersonation::default();
        let target = Target::Offline { dir: offline::folder(self)?, impersonate: owner, timeout: None };
        let transport = self.connector.connect(&target)?;
        Ok(self.client_over(transport))
    }

    fn client_over(&self, transport: Arc<dyn Transport>) -> Client {
        let streams = Rc::clone(&self.streams);
        let warn = Box::new(move |text: &str| streams.warn(printable(text)));
        Client::new(transport, &self.user_agent(), warn)
    }

    /// How many different warnings the server gave so far.
    pub fn warning_count(&self) -> usize {
        self.client.get().map_or(0, Client::warning_count)
    }

    /// Where things are remembered: `--cache-dir`, else `KUBECACHEDIR`, else `~/.kube/cache`.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        let flag = self.overrides.cache_dir.as_deref().filter(|dir| !dir.is_empty()).map(PathBuf::from);
        let home = || self.env.home().map(|home| home.join(".kube").join("cache"));
        flag.or_else(|| self.env.path("KUBECACHEDIR")).or_else(home)
    }

    /// With `--warnings-as-errors`, fails if the server gave any warning: `2 warnings received`. For the
    /// end of a command that did not fail otherwise.
    pub fn check_warnings(&self) -> anyhow::Result<()> {
        let count = self.client.get().map_or(0, Client::warning_count);
        match count {
            1 if self.overrides.warnings_as_errors => anyhow::bail!("1 warning received"),
            2.. if self.overrides.warnings_as_errors => anyhow::bail!("{count} warnings received"),
            _ => Ok(()),
        }
    }

    /// How requests name the program.
    pub fn user_agent(&self) -> String {
        let (version, os) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS);
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        format!("{}/{version} ({os}/{arch})", self.program)
    }
}

/// Fails where the server is of another version (`--match-server-version`).
async fn check_version(client: &Client) -> anyhow::Result<()> {
    /// The fields of Go's `version.Info`, as its errors show them, and as servers name them.
    const FIELDS: [(&str, &str); 13] = [
        ("Major", "major"),
        ("Minor", "minor"),
        ("EmulationMajor", "emulationMajor"),
        ("EmulationMinor", "emulationMinor"),
        ("MinCompatibilityMajor", "minCompatibilityMajor"),
        ("MinCompatibilityMinor", "minCompatibilityMinor"),
        ("GitVersion", "gitVersion"),
        ("GitCommit", "gitCommit"),
        ("GitTreeState", "gitTreeState"),
        ("BuildDate", "buildDate"),
        ("GoVersion", "goVersion"),
        ("Compiler", "compiler"),
        ("Platform", "platform"),
    ];
    let theirs = client
        .json(Call::new(http::Method::GET, "/version"))
        .await
        .map_err(|error| anyhow::anyhow!("couldn't read version from server: {error}"))?;
    if theirs.str_at(&["gitVersion"]) == COMPATIBLE {
        return Ok(());
    }
    let mut number = COMPATIBLE.trim_start_matches('v').split('.');
    let (major, minor) = (number.next().unwrap_or_default(), number.next().unwrap_or_default());
    let ours = serde_json::json!({"major": major, "minor": minor, "gitVersion": COMPATIBLE});
    let shown = |version: &Object| {
        let fields: Vec<String> =
            FIELDS.iter().map(|(go, name)| format!("{go}:{:?}", version.str_at(&[name]))).collect();
        format!("version.Info{{{}}}", fields.join(", "))
    };
    anyhow::bail!("server version (&{}) differs from client version ({})", shown(&theirs), shown(&ours))
}

/// A server's text without what would steer a terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::transport::recorded::Recorded;

    fn context(variables: &[(&str, &str)], overrides: Overrides) -> Context {
        let (streams, _, _) = Streams::buffers(b"");
        let env = Environment::new(variables.iter().copied());
        let connector = |_: &Target| -> anyhow::Result<Arc<dyn Transport>> { Ok(Arc::new(Recorded::default())) };
        Context::new(streams, env, Clock::default(), overrides, Program::Kctl, Box::new(connector))
    }

    #[test]
    fn nothing_configured_is_offline() {
        let context = context(&[("HOME", "/nonexistent"), ("KCTL_OFFLINE_DIR", "/state")], Overrides::default());
        let Target::Offline { dir, .. } = context.target().expect("a target") else { panic!("not offline") };
        assert_eq!(dir, std::path::Path::new("/state"));
        assert_eq!(context.namespace().expect("a namespace"), ("default".into(), false));
    }

    #[test]
    fn a_flag_leads_to_a_server() {
        let overrides =
            Overrides { server: Some("https://x:1".into()), token: Some("t".into()), ..Overrides::default() };
        let context = context(&[("HOME", "/nonexistent")], overrides);
        let Target::Server(config) = context.target().expect("a target") else { panic!("offline") };
        assert_eq!((config.server.as_str(), config.token.as_str()), ("https://x:1", "t"));
    }

    #[test]
    fn a_missing_file_is_said() {
        let overrides = Overrides { kubeconfig: Some("/nonexistent/x".into()), ..Overrides::default() };
        let error = context(&[], overrides).namespace().expect_err("no file");
        assert_eq!(error.to_string(), "stat /nonexistent/x: no such file or directory");
    }

    #[test]
    fn offline_names_must_exist_too() {
        let offline = [("HOME", "/nonexistent"), ("KCTL_OFFLINE", "1"), ("KCTL_OFFLINE_DIR", "/state")];
        let overrides = Overrides { context: Some("nosuch".into()), ..Overrides::default() };
        let error = context(&offline, overrides).namespace().expect_err("no context");
        assert_eq!(error.to_string(), "invalid configuration: context was not found for specified context: nosuch");
        let overrides = Overrides { context: Some("offline".into()), ..Overrides::default() };
        assert!(context(&offline, overrides).target().is_ok());
    }
}
