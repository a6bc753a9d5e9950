//! `create secret`.

use std::path::Path;

use anyhow::{anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::data::{Entries, SourceArgs, Words, hash};
use super::new::{Creation, NewArgs, name};
use crate::client::transport::http::pem;
use crate::object::{Meta, Object};
use crate::ops::context::Context;
use crate::ops::manifests::read_file;
use crate::output::json;

const FAILURE: &str = "failed to create secret";
const DOCKER_CONFIG: &str = ".dockerconfigjson";

/// Create a Secret from files, folders or literal values.
///
/// One Secret may hold one entry or many. The key of a file is its name, and the value its content, unless another key is given; of a folder each file whose name may be a key is an entry.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# All files of a folder\nkctl create secret generic keys --from-file=path/to/bar\n\n# Files under keys of their own\nkctl create secret generic keys --from-file=ssh-privatekey=path/to/id_rsa --from-file=ssh-publickey=path/to/id_rsa.pub\n\n# Two literal values\nkctl create secret generic keys --from-literal=key1=supersecret --from-literal=key2=topsecret\n\n# The lines of a file of variables\nkctl create secret generic keys --from-env-file=path/to/bar.env"
)]
pub struct GenericArgs {
    /// Add a hash of the content to the name.
    #[arg(long)]
    append_hash: bool,
    /// The type of the Secret.
    #[arg(long = "type")]
    kind: Option<String>,
    #[command(flatten)]
    sources: SourceArgs,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Create a Secret with credentials for a container registry.
///
/// A pod's imagePullSecrets name such a Secret, so that nodes may pull images from that registry.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Credentials by hand\nkctl create secret docker-registry pull --docker-server=registry.example.org --docker-username=me --docker-password=secret --docker-email=me@example.org\n\n# The credentials that docker login left\nkctl create secret docker-registry pull --from-file=path/to/.docker/config.json"
)]
pub struct DockerArgs {
    /// Add a hash of the content to the name.
    #[arg(long)]
    append_hash: bool,
    /// The address for mail.
    #[arg(long)]
    docker_email: Option<String>,
    /// The password at the registry.
    #[arg(long)]
    docker_password: Option<String>,
    /// Where the registry is.
    #[arg(long, default_value = "https://index.docker.io/v1/")]
    docker_server: String,
    /// The user's name at the registry.
    #[arg(long)]
    docker_username: Option<String>,
    /// A file, its key .dockerconfigjson or the one before '='; or a folder, each file in it whose name is a possible key an entry.
    #[arg(long, value_delimiter = ',')]
    from_file: Vec<String>,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Create a Secret with a certificate and its key.
///
/// Both must be PEM, and they must belong to each other.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# A certificate and its key\nkctl create secret tls cert --cert=path/to/tls.crt --key=path/to/tls.key"
)]
pub struct TlsArgs {
    /// Add a hash of the content to the name.
    #[arg(long)]
    append_hash: bool,
    /// A file with the certificate.
    #[arg(long)]
    cert: Option<String>,
    /// A file with the certificate's key.
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

fn text(flag: &Option<String>) -> &str {
    flag.as_deref().unwrap_or_default()
}

/// Runs `create secret generic`.
///
/// # Errors
/// Sources that cannot be read, wrong keys, and what the server refuses.
pub async fn generic(ctx: &Context, args: GenericArgs) -> anyhow::Result<()> {
    let name = name("secret generic", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    let entries = empty(name).read(ctx, &args.sources)?;
    let object = secret(&creation, name, text(&args.kind), &entries, args.append_hash);
    creation.finish(object, FAILURE).await
}

/// Runs `create secret docker-registry`.
///
/// # Errors
/// Missing credentials, files that cannot be read, and what the server refuses.
pub async fn docker(ctx: &Context, args: DockerArgs) -> anyhow::Result<()> {
    let name = name("secret docker-registry", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    let (user, password) = (text(&args.docker_username), text(&args.docker_password));
    let mut entries = empty(name);
    if args.from_file.is_empty() {
        if user.is_empty() || password.is_empty() || args.docker_server.is_empty() {
            bail!(
                "either --from-file or the combination of --docker-username, --docker-password and --docker-server is required"
            );
        }
        let config = docker_config(&args.docker_server, user, password, text(&args.docker_email));
        entries.entries.insert(DOCKER_CONFIG.to_owned(), config.into_bytes());
    }
    for source in &args.from_file {
        match source.contains('=') {
            true => entries.file_or_folder(source)?,
            false => entries.file_or_folder(&format!("{DOCKER_CONFIG}={source}"))?,
        }
    }
    let object = secret(&creation, name, "kubernetes.io/dockerconfigjson", &entries, args.append_hash);
    creation.finish(object, FAILURE).await
}

/// Runs `create secret tls`.
///
/// # Errors
/// Files that cannot be read, or do not belong together, and what the server refuses.
pub async fn tls(ctx: &Context, args: TlsArgs) -> anyhow::Result<()> {
    let name = name("secret tls", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    if text(&args.key).is_empty() || text(&args.cert).is_empty() {
        bail!("key and cert must be specified");
    }
    let read = |file: &str| read_file(Path::new(file)).map_err(|error| anyhow!("Cannot read file {file}, {error}"));
    let (cert, key) = (read(text(&args.cert))?, read(text(&args.key))?);
    check_pair(&cert, &key)?;
    let mut entries = empty(name);
    entries.entries.insert("tls.crt".to_owned(), cert);
    entries.entries.insert("tls.key".to_owned(), key);
    let object = secret(&creation, name, "kubernetes.io/tls", &entries, args.append_hash);
    creation.finish(object, FAILURE).await
}

fn empty(name: &str) -> Entries {
    Entries::new(Words { secret: true, name: name.to_owned() })
}

fn secret(creation: &Creation<'_>, name: &str, kind: &str, entries: &Entries, append_hash: bool) -> Object {
    let data = json!(entries.encoded());
    let content = json!({"kind": "Secret", "type": kind, "name": name, "data": data});
    let suffix = if append_hash { format!("-{}", hash(&json::compact(&content))) } else { String::new() };
    let mut object = creation.namespaced("v1", "Secret", &format!("{name}{suffix}"));
    object.set_at(&["type"], kind);
    object.set_at(&["data"], data);
    object
}

/// `~/.docker/config.json` with one registry in it, its fields in docker's order.
fn docker_config(server: &str, user: &str, password: &str, email: &str) -> String {
    let quoted = |text: &str| json::compact(&text.into());
    let auth = STANDARD.encode(format!("{user}:{password}"));
    let mut fields = vec![("username", user), ("password", password)];
    if !email.is_empty() {
        fields.push(("email", email));
    }
    fields.push(("auth", &auth));
    let fields: Vec<String> = fields.into_iter().map(|(key, value)| format!("\"{key}\":{}", quoted(value))).collect();
    format!("{{\"auths\":{{{}:{{{}}}}}}}", quoted(server), fields.join(","))
}

/// Refuses a certificate and a key that do not belong together, in the words of Go's TLS library.
fn check_pair(cert: &[u8], key: &[u8]) -> anyhow::Result<()> {
    let certificates = pem::chain(cert)?;
    let provider = rustls::crypto::ring::default_provider();
    let key = pem::keys(key)?.into_iter().find_map(|form| provider.key_provider.load_private_key(form).ok());
    let key = key.ok_or_else(|| anyhow!("tls: failed to parse private key"))?;
    match rustls::sign::CertifiedKey::new(certificates, key).keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
            bail!("tls: private key does not match public key")
        }
        Err(rustls::Error::InvalidCertificate(_)) => bail!("x509: malformed certificate"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_and_keys_belong_together() {
        let pair = || rcgen::generate_simple_self_signed(vec!["a".to_owned()]).expect("a certificate");
        let (a, b) = (pair(), pair());
        let (cert, key) = (a.cert.pem(), a.signing_key.serialize_pem());
        assert!(check_pair(cert.as_bytes(), key.as_bytes()).is_ok());
        let said =
            |cert: &str, key: &str| check_pair(cert.as_bytes(), key.as_bytes()).expect_err("refused").to_string();
        assert_eq!(said(&cert, &b.signing_key.serialize_pem()), "tls: private key does not match public key");
        assert_eq!(said("x", &key), "tls: failed to find any PEM data in certificate input");
        assert_eq!(said(&cert, "x"), "tls: failed to find any PEM data in key input");
        assert_eq!(
            said(&key, &cert),
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"
        );
    }

    #[test]
    fn registries_are_written_as_docker_does() {
        assert_eq!(
            docker_config("r", "u", "p", ""),
            r#"{"auths":{"r":{"username":"u","password":"p","auth":"dTpw"}}}"#
        );
    }
}
