//! Clusters: `get-clusters`, `set-cluster`, `delete-cluster`.

use std::io::Write;

use anyhow::{anyhow, bail};
use base64::Engine;

use super::store::Store;
use super::{absolute, only};
use crate::client::config::io_words as words;
use crate::error::WithHelp;
use crate::go::quote::quote;
use crate::ops::context::Context;

/// List the clusters of the kubeconfig.
#[derive(clap::Args, Debug)]
#[command(after_help = "# All clusters\nkctl config get-clusters")]
pub struct GetArgs {}

/// Runs `config get-clusters`.
///
/// # Errors
/// Files that cannot be read.
pub async fn get(context: &Context, _: GetArgs) -> anyhow::Result<()> {
    let config = Store::new(context).load()?;
    let mut out = context.streams.out();
    writeln!(out, "NAME")?;
    for name in config.clusters.keys() {
        writeln!(out, "{name}")?;
    }
    Ok(())
}

/// Add a cluster to the kubeconfig, or change one.
///
/// Of a cluster that exists only the given fields change.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Change a cluster's address and nothing else\nkctl config set-cluster e2e --server=https://1.2.3.4\n\n# Put the authority's certificate into the kubeconfig\nkctl config set-cluster e2e --embed-certs --certificate-authority=ca.crt\n\n# Do not check the server's certificate\nkctl config set-cluster e2e --insecure-skip-tls-verify=true\n\n# Reach the cluster through a proxy\nkctl config set-cluster e2e --proxy-url=https://1.2.3.4"
)]
pub struct SetArgs {
    /// The file with the certificate of the authority that signs the server's.
    #[arg(long)]
    certificate_authority: Option<String>,
    /// Put the certificate into the kubeconfig instead of its path.
    #[arg(long)]
    embed_certs: bool,
    /// Do not check the server's certificate.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    insecure_skip_tls_verify: Option<bool>,
    /// The proxy on the way to the server.
    #[arg(long)]
    proxy_url: Option<String>,
    /// The server's address.
    #[arg(long)]
    server: Option<String>,
    /// The name that the server's certificate must carry, where it is not the host's.
    #[arg(long)]
    tls_server_name: Option<String>,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `config set-cluster`.
///
/// # Errors
/// Flags that contradict each other, a certificate that cannot be read.
pub async fn set(context: &Context, args: SetArgs) -> anyhow::Result<()> {
    let name = only(&args.args, "Unexpected args")?;
    if name.is_empty() {
        bail!("you must specify a non-empty cluster name");
    }
    let authority = args.certificate_authority.as_deref().unwrap_or_default();
    if args.insecure_skip_tls_verify == Some(true) && !authority.is_empty() {
        bail!("you cannot specify a certificate authority and insecure mode at the same time");
    }
    if args.embed_certs {
        if authority.is_empty() {
            bail!("you must specify a --certificate-authority to embed");
        }
        must_exist("certificate-authority", authority)?;
    }
    let store = Store::new(context);
    let old = store.load()?;
    let mut new = old.clone();
    let cluster = new.clusters.entry(name.clone()).or_default();
    if let Some(server) = args.server {
        cluster.server = server;
        cluster.tls_server_name.clear();
    }
    if let Some(server_name) = args.tls_server_name {
        cluster.tls_server_name = server_name;
    }
    if let Some(insecure) = args.insecure_skip_tls_verify {
        cluster.insecure_skip_tls_verify = insecure;
        if insecure {
            cluster.certificate_authority.clear();
            cluster.certificate_authority_data.clear();
        }
    }
    if let Some(authority) = &args.certificate_authority {
        cluster.insecure_skip_tls_verify = false;
        if args.embed_certs {
            cluster.certificate_authority_data = embedded(authority)?;
            cluster.certificate_authority.clear();
        } else {
            cluster.certificate_authority = absolute(authority);
            cluster.certificate_authority_data.clear();
        }
    }
    if let Some(proxy) = args.proxy_url {
        cluster.proxy_url = proxy;
    }
    store.save(&old, &new)?;
    Ok(writeln!(context.streams.out(), "Cluster {} set.", quote(&name))?)
}

/// Fails where a file that a flag names is not there.
pub(super) fn must_exist(flag: &str, path: &str) -> anyhow::Result<()> {
    let there = std::fs::metadata(path).map(drop);
    there.map_err(|error| anyhow!("could not stat {flag} file {path}: stat {path}: {}", words(&error)))
}

/// A file's content as a kubeconfig holds it.
pub(super) fn embedded(path: &str) -> anyhow::Result<String> {
    let content = std::fs::read(path).map_err(|error| anyhow!("open {path}: {}", words(&error)))?;
    Ok(base64::engine::general_purpose::STANDARD.encode(content))
}

/// Remove a cluster from the kubeconfig.
#[derive(clap::Args, Debug)]
#[command(after_help = "# Remove the cluster minikube\nkctl config delete-cluster minikube")]
pub struct DeleteArgs {
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `config delete-cluster`.
///
/// # Errors
/// A cluster that is not there.
pub async fn delete(context: &Context, args: DeleteArgs) -> anyhow::Result<()> {
    let store = Store::new(context);
    let old = store.load()?;
    let [name] = args.args.as_slice() else { return Err(WithHelp(None).into()) };
    let file = store.file();
    let mut new = old.clone();
    if new.clusters.remove(name).is_none() {
        bail!("cannot delete cluster {name}, not in {}", file.display());
    }
    store.save(&old, &new)?;
    Ok(writeln!(context.streams.out(), "deleted cluster {name} from {}", file.display())?)
}
