//! Users: `get-users`, `set-credentials`, `delete-user`.

use std::io::Write;

use anyhow::bail;
use serde_json::json;

use super::clusters::{embedded, must_exist};
use super::store::Store;
use super::{absolute, only};
use crate::client::config::kubeconfig::{Exec, ExecVariable, User};
use crate::error::UsageError;
use crate::go::quote::quote;
use crate::object::Object;
use crate::ops::context::Context;

/// List the users of the kubeconfig.
#[derive(clap::Args, Debug)]
#[command(after_help = "# All users\nkctl config get-users")]
pub struct GetArgs {}

/// Runs `config get-users`.
///
/// # Errors
/// Files that cannot be read.
pub async fn get(context: &Context, _: GetArgs) -> anyhow::Result<()> {
    let config = Store::new(context).load()?;
    let mut out = context.streams.out();
    writeln!(out, "NAME")?;
    for name in config.users.keys() {
        writeln!(out, "{name}")?;
    }
    Ok(())
}

/// Add a user to the kubeconfig, or change one.
///
/// Of a user that exists only the given fields change. A token and a password exclude each other: setting one clears the other.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Change a user's key and nothing else\nkctl config set-credentials cluster-admin --client-key=admin.key\n\n# Log in by name and password\nkctl config set-credentials cluster-admin --username=admin --password=secret\n\n# Put the certificate into the kubeconfig\nkctl config set-credentials cluster-admin --client-certificate=admin.crt --embed-certs=true\n\n# Let a program hand out the credentials\nkctl config set-credentials cluster-admin --exec-command=/usr/bin/login --exec-api-version=client.authentication.k8s.io/v1\n\n# Give that program a variable, and take another away\nkctl config set-credentials cluster-admin --exec-env=REGION=north --exec-env=DEBUG-"
)]
pub struct SetArgs {
    /// The kind of login.
    #[arg(long)]
    auth_provider: Option<String>,
    /// Settings of the login, KEY=VALUE, or KEY- to remove one.
    #[arg(long, value_delimiter = ',')]
    auth_provider_arg: Vec<String>,
    /// The file with the client's certificate.
    #[arg(long)]
    client_certificate: Option<String>,
    /// The file with the certificate's key.
    #[arg(long)]
    client_key: Option<String>,
    /// Put certificate and key into the kubeconfig instead of their paths.
    #[arg(long)]
    embed_certs: bool,
    /// The version of the exchange with the program that hands out credentials.
    #[arg(long)]
    exec_api_version: Option<String>,
    /// An argument of that program. All earlier ones are replaced.
    #[arg(long, value_delimiter = ',')]
    exec_arg: Vec<String>,
    /// The program that hands out credentials.
    #[arg(long)]
    exec_command: Option<String>,
    /// A variable for that program, NAME=VALUE, or NAME- to remove one.
    #[arg(long)]
    exec_env: Vec<String>,
    /// Whether that program gets standard input: Never, IfAvailable or Always.
    #[arg(long)]
    exec_interactive_mode: Option<String>,
    /// Tell that program about the cluster.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    exec_provide_cluster_info: Option<bool>,
    /// The password.
    #[arg(long)]
    password: Option<String>,
    /// The bearer token.
    #[arg(long)]
    token: Option<String>,
    /// The user's name at the server.
    #[arg(long)]
    username: Option<String>,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `config set-credentials`.
///
/// # Errors
/// Flags that contradict each other, files that cannot be read.
pub async fn set(context: &Context, args: SetArgs) -> anyhow::Result<()> {
    let name = only(&args.args, "unexpected args")?;
    let provider = Pairs::read(&args.auth_provider_arg, "auth-provider-arg")?;
    let variables = Pairs::read(&args.exec_env, "exec-env")?;
    check(&name, &args)?;
    let store = Store::new(context);
    let old = store.load()?;
    let mut new = old.clone();
    let user = new.users.entry(name.clone()).or_default();
    set_certificates(user, &args)?;
    set_provider(user, args.auth_provider.as_deref(), &provider);
    set_exec(user, &args, &variables);
    set_secrets(user, &args);
    store.save(&old, &new)?;
    Ok(writeln!(context.streams.out(), "User {} set.", quote(&name))?)
}

fn check(name: &str, args: &SetArgs) -> anyhow::Result<()> {
    let given = |flag: &Option<String>| flag.as_deref().is_some_and(|value| !value.is_empty());
    if name.is_empty() {
        bail!("you must specify a non-empty user name");
    }
    if given(&args.token) && (given(&args.username) || given(&args.password)) {
        bail!(
            "you cannot specify more than one authentication method at the same time: --token, --username/--password"
        );
    }
    if args.embed_certs {
        let files = [("client-certificate", &args.client_certificate), ("client-key", &args.client_key)];
        if !files.iter().any(|(_, file)| given(file)) {
            bail!("you must specify a --client-certificate or --client-key to embed");
        }
        for (flag, file) in files {
            if let Some(file) = file.as_deref().filter(|file| !file.is_empty()) {
                must_exist(flag, file)?;
            }
        }
    }
    if args.exec_interactive_mode.as_deref().is_some_and(|mode| !matches!(mode, "IfAvailable" | "Always" | "Never")) {
        bail!("invalid interactive mode type, can be only IfAvailable, Never, Always");
    }
    Ok(())
}

fn set_certificates(user: &mut User, args: &SetArgs) -> anyhow::Result<()> {
    let files = [
        (&args.client_certificate, &mut user.client_certificate, &mut user.client_certificate_data),
        (&args.client_key, &mut user.client_key, &mut user.client_key_data),
    ];
    for (file, path, data) in files {
        let Some(file) = file else { continue };
        if args.embed_certs {
            *data = if file.is_empty() { String::new() } else { embedded(file)? };
            path.clear();
        } else {
            *path = absolute(file);
            data.clear();
        }
    }
    Ok(())
}

fn set_provider(user: &mut User, provider: Option<&str>, settings: &Pairs) {
    let name = |provider: &Object| provider.get("name").and_then(Object::as_str).unwrap_or_default().to_owned();
    if let Some(new) = provider
        && user.auth_provider.as_ref().is_none_or(|old| name(old) != new)
    {
        user.auth_provider = Some(json!({"name": new, "config": null}));
    }
    let Some(fields) = user.auth_provider.as_mut().and_then(Object::as_object_mut) else { return };
    let config = fields.entry("config").or_insert(Object::Null);
    if config.is_null() {
        *config = json!({});
    }
    if let Some(config) = config.as_object_mut() {
        for key in &settings.remove {
            config.remove(key);
        }
        for (key, value) in &settings.set {
            config.insert(key.clone(), value.clone().into());
        }
    }
}

fn set_exec(user: &mut User, args: &SetArgs, variables: &Pairs) {
    if let Some(command) = &args.exec_command {
        let exec = user.exec.get_or_insert_with(Exec::default);
        exec.command.clone_from(command);
        exec.args.clear();
    }
    let Some(exec) = &mut user.exec else { return };
    if let Some(version) = &args.exec_api_version {
        exec.api_version.clone_from(version);
    }
    if !args.exec_arg.is_empty() {
        exec.args.clone_from(&args.exec_arg);
    }
    if let Some(mode) = &args.exec_interactive_mode {
        exec.interactive_mode.clone_from(mode);
    }
    if let Some(provide) = args.exec_provide_cluster_info {
        exec.provide_cluster_info = provide;
    }
    exec.env.retain(|variable| !variables.remove.contains(&variable.name));
    for (name, value) in &variables.set {
        match exec.env.iter_mut().find(|variable| variable.name == *name) {
            Some(variable) => variable.value.clone_from(value),
            None => exec.env.push(ExecVariable { name: name.clone(), value: value.clone() }),
        }
    }
}

fn set_secrets(user: &mut User, args: &SetArgs) {
    for (field, value) in
        [(&mut user.token, &args.token), (&mut user.username, &args.username), (&mut user.password, &args.password)]
    {
        if let Some(value) = value {
            field.clone_from(value);
        }
    }
    let given = |flag: &Option<String>| flag.as_deref().is_some_and(|value| !value.is_empty());
    let (token, basic) = (given(&args.token), given(&args.username) || given(&args.password));
    if token && !basic {
        user.username.clear();
        user.password.clear();
    }
    if basic && !token {
        user.token.clear();
    }
}

/// `KEY=VALUE` and `KEY-`.
#[derive(Default)]
struct Pairs {
    set: Vec<(String, String)>,
    remove: Vec<String>,
}

impl Pairs {
    fn read(words: &[String], what: &str) -> anyhow::Result<Self> {
        let mut pairs = Self::default();
        let mut wrong = Vec::new();
        for word in words {
            if let Some((key, value)) = word.split_once('=').filter(|(key, _)| !key.is_empty()) {
                pairs.set.push((key.to_owned(), value.to_owned()));
            } else if let Some(key) = word.strip_suffix('-').filter(|_| !word.contains('=')) {
                pairs.remove.push(key.to_owned());
            } else {
                wrong.push(word.as_str());
            }
        }
        if wrong.is_empty() { Ok(pairs) } else { bail!("invalid {what} format: {}", wrong.join(", ")) }
    }
}

/// Remove a user from the kubeconfig.
#[derive(clap::Args, Debug)]
#[command(after_help = "# Remove the user minikube\nkctl config delete-user minikube")]
pub struct DeleteArgs {
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `config delete-user`.
///
/// # Errors
/// A user that is not there.
pub async fn delete(context: &Context, args: DeleteArgs) -> anyhow::Result<()> {
    let store = Store::new(context);
    let [name] = args.args.as_slice() else {
        let message = "user to delete is required".to_owned();
        return Err(UsageError { command: "config delete-user".to_owned(), message }.into());
    };
    let old = store.load()?;
    let file = store.file();
    let mut new = old.clone();
    if new.users.remove(name).is_none() {
        bail!("cannot delete user {name}, not in {}", file.display());
    }
    store.save(&old, &new)?;
    Ok(writeln!(context.streams.out(), "deleted user {name} from {}", file.display())?)
}
