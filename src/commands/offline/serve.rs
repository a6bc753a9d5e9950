//! `offline serve`: the bundled cluster behind TLS, for kubectl, helm and client libraries.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use jiff::SignedDuration;

use super::content;
use crate::object::clock::parse_time_scale;
use crate::object::time::parse_rfc3339;
use crate::ops::context::Context;
use crate::ops::offline::{DETACHED, Import, READY, Serve, Serving, folder};

/// Serve the offline cluster over TLS, so that kubectl, helm and client libraries can use it, too.
///
/// It listens on a loopback address and ends with Ctrl-C. Whoever has this run's token or client certificate may do everything; service accounts and other users may do what roles and bindings grant them. The kubeconfig that leads to it is written when it starts and removed when it ends. While it runs, the cluster moves in real time, and all other kctl commands of the same user talk to it.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Serve the cluster, and use it from another terminal\nkctl offline serve --write-kubeconfig kubeconfig\nKUBECONFIG=kubeconfig helm install web ./chart\n\n# Serve it in the background, for this shell and as long as it lives\neval \"$(kctl offline serve --background --print-env --end-with $$)\"\nkubectl get nodes\nkctl offline stop\n\n# A fresh cluster for one test run, on a port of its own, that leaves nothing behind\nkctl offline serve --ephemeral --write-kubeconfig kubeconfig\n\n# Look at another cluster's objects as they were, at the time they were taken\nkctl offline serve --ephemeral --import cluster.json --paused --now 2026-01-02T03:04:05Z\n\n# A day in 24 seconds, beginning at midnight\nkctl offline serve --ephemeral --now 2026-01-02T00:00:00Z --time-scale 3600"
)]
pub struct ServeArgs {
    /// Let --bind-address be one that other machines reach. Whoever has the token rules the cluster.
    #[arg(long)]
    pub allow_remote: bool,
    /// Who may do what: "RBAC" for what roles and bindings grant, "AlwaysAllow" for everything. Both, separated by a comma, are everything, too.
    #[arg(long, default_value = "RBAC")]
    pub authorization_mode: String,
    /// Serve in the background: the command ends once clients can ask, and "kctl offline stop" ends the server. What it says is in serve.log in its folder.
    #[arg(long)]
    pub background: bool,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    pub bind_address: String,
    /// Also take client certificates of the authorities in this file (PEM). Name and groups of the user are the certificate's common name and organizations.
    #[arg(long)]
    pub client_ca_file: Option<String>,
    /// Do without these admission plugins, named as kube-apiserver's.
    #[arg(long, value_delimiter = ',')]
    pub disable_admission_plugins: Vec<String>,
    /// End when the process with this number does, such as a shell's $$.
    #[arg(long)]
    pub end_with: Option<u32>,
    /// Serve a new cluster, which is gone when the server ends.
    #[arg(long)]
    pub ephemeral: bool,
    /// End once nobody has asked for so long and no watch is open (such as 10m); 0 never does.
    #[arg(long, default_value = "0s")]
    pub idle_timeout: SignedDuration,
    /// Take the objects of this file over first, as "kctl offline import" does.
    #[arg(long)]
    pub import: Option<String>,
    /// How many nodes a new cluster gets. One that exists stays as it is.
    #[arg(long, default_value = "3")]
    pub nodes: u16,
    /// Let the cluster's clock stand at this time (RFC 3339), and move only where a client waits for something. With --time-scale, the clock starts at this time.
    #[arg(long)]
    pub now: Option<String>,
    /// If true, nothing moves: no controller, no scheduler, no kubelet. "kctl offline resume" lets them go on.
    #[arg(long)]
    pub paused: bool,
    /// Print what a shell needs to use the cluster, for eval: with --background of the server that is started, or else of the one that runs.
    #[arg(long)]
    pub print_env: bool,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value = "0")]
    pub secure_port: u16,
    /// Let the cluster's clock run so many times as fast as yours: with 3600, a day takes 24 seconds. While controllers work it stands still, so that all happens at its time.
    #[arg(long)]
    pub time_scale: Option<String>,
    /// Also let in whoever has a token of this file: lines of the form token,user,uid,"group1,group2".
    #[arg(long)]
    pub token_auth_file: Option<String>,
    /// Write the kubeconfig to this file instead of the state folder.
    #[arg(long)]
    pub write_kubeconfig: Option<String>,
}

/// Runs `offline serve`.
///
/// # Errors
/// Another server for the same cluster, an address or a file that cannot be used.
pub async fn run(ctx: &Context, args: ServeArgs) -> anyhow::Result<()> {
    let detached = ctx.env.get(DETACHED).map(PathBuf::from);
    if detached.is_none() && (args.background || args.print_env) {
        return in_background(ctx, &args);
    }
    let now = args.now.as_deref().map(|text| {
        parse_rfc3339(text).ok_or_else(|| anyhow!("--now is not a time of the form 2006-01-02T15:04:05Z: {text}"))
    });
    let bind_address: IpAddr =
        args.bind_address.parse().map_err(|_| anyhow!("--bind-address is not an IP address: {}", args.bind_address))?;
    let import = args.import.as_deref().map(|file| content::read(ctx, file)).transpose()?;
    let dir = match &detached {
        Some(dir) => dir.clone(),
        None if args.ephemeral => fresh_folder()?,
        None => folder(ctx)?,
    };
    let serve = Serve {
        nodes: Some(usize::from(args.nodes)),
        import: import.map(|objects| Import { objects, paused: args.paused }),
        paused: args.paused,
        now: now.transpose()?,
        time_scale: args.time_scale.as_deref().map(time_scale).transpose()?,
        bind_address,
        secure_port: args.secure_port,
        allow_remote: args.allow_remote,
        token_auth_file: args.token_auth_file.as_deref().map(PathBuf::from),
        disable_admission_plugins: args.disable_admission_plugins,
        always_allow: always_allow(&args.authorization_mode)?,
        client_ca_file: args.client_ca_file.as_deref().map(PathBuf::from),
        kubeconfig: args.write_kubeconfig.as_deref().map(PathBuf::from),
        idle_timeout: Duration::try_from(args.idle_timeout).ok().filter(|timeout| !timeout.is_zero()),
        end_with: args.end_with,
        detached: detached.is_some(),
        ..Serve::new(dir.clone())
    };
    let announce = |serving: &Serving, warning: Option<&str>| {
        if let Some(warning) = warning {
            ctx.streams.say(format!("Warning: {warning}"));
        }
        let Serving { server, kubeconfig, .. } = serving;
        let end = if detached.is_some() { "" } else { " Ctrl-C ends it." };
        ctx.streams.say(format!("Serving at {server}, KUBECONFIG={}.{end}", kubeconfig.display()));
        if detached.is_some() {
            // Whoever started this waits for the line, and may be gone already.
            let mut out = ctx.streams.out();
            let _ = writeln!(out, "{READY}").and_then(|()| out.flush());
        }
    };
    let bundled = ctx.bundled()?;
    let result = bundled.serve(ctx, serve, Box::new(announce)).await;
    if args.ephemeral {
        bundled.reset(&dir)?;
    }
    result
}

/// Has another process serve, or finds the one that does, and says how to use it.
fn in_background(ctx: &Context, args: &ServeArgs) -> anyhow::Result<()> {
    let bundled = ctx.bundled()?;
    let running = if args.ephemeral { None } else { bundled.serving(&folder(ctx)?) };
    let serving = match running {
        Some(running) => running,
        None if !args.background => bail!("the cluster is not served; with --background it will be"),
        None => {
            let dir = if args.ephemeral { fresh_folder()? } else { folder(ctx)? };
            let launched = bundled.launch(&dir);
            if launched.is_err() && args.ephemeral {
                bundled.reset(&dir)?;
            }
            launched?
        }
    };
    let kubeconfig = serving.kubeconfig.display();
    if args.print_env {
        let quoted = shell_quote(&serving.kubeconfig);
        return Ok(writeln!(ctx.streams.out(), "export KUBECONFIG={quoted}")?);
    }
    // A server with a folder of its own is found by its kubeconfig alone.
    let stop = if args.ephemeral { format!("KUBECONFIG={kubeconfig} ") } else { String::new() };
    let Serving { server, pid, .. } = &serving;
    ctx.streams.say(format!(
        "Serving at {server}, KUBECONFIG={kubeconfig}, as process {pid}. \"{stop}kctl offline stop\" ends it."
    ));
    Ok(())
}

/// A path as a shell takes it for one word.
fn shell_quote(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// The factor that `--time-scale` gives.
fn time_scale(text: &str) -> anyhow::Result<f64> {
    parse_time_scale(text).ok_or_else(|| anyhow!("--time-scale is not a number above 0, at most 1000000: {text}"))
}

/// Whether a list of modes lets everybody do everything.
fn always_allow(modes: &str) -> anyhow::Result<bool> {
    let mut always = false;
    for mode in modes.split(',').map(str::trim) {
        match mode {
            "RBAC" => {}
            "AlwaysAllow" => always = true,
            other => return Err(anyhow!("--authorization-mode is RBAC or AlwaysAllow, not {other:?}")),
        }
    }
    Ok(always)
}

/// A folder that nobody had before, and nobody else can look into.
fn fresh_folder() -> anyhow::Result<PathBuf> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let mut attempt = 0;
    loop {
        let dir = std::env::temp_dir().join(format!("kctl-offline-{}-{attempt}", std::process::id()));
        match builder.create(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && attempt < 1000 => attempt += 1,
            Err(error) => return Err(error).with_context(|| format!("making the folder {}", dir.display())),
        }
    }
}
