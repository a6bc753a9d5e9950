//! `proxy`: the API server on a port of this machine.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use http::Uri;
use jiff::SignedDuration;
use std::io::Write as _;

use crate::client::config::{ClientConfig, Target};
use crate::ops::change::warn_as_klog;
use crate::ops::context::Context;
use crate::ops::proxy::filter::{self, Filter};
use crate::ops::proxy::listen::Listener;
use crate::ops::proxy::{Prefixes, Proxy};

/// The port, unless another is named.
const PORT: i64 = 8001;

/// Serve the API server on a local port, with your credentials.
///
/// Whoever can reach the port acts as you. Requests are filtered by path, by method and by the host that they name, so that web pages cannot use it; files of a folder can be served beside the API.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# The whole API, at http://127.0.0.1:8001/\nkctl proxy\n\n# On any free port; the first line of output says which\nkctl proxy --port=0\n\n# A part of the API, and the files of a folder beside it\nkctl proxy --www=./site --www-prefix=/static/ --api-prefix=/api/\n\n# The whole API under another name: curl localhost:8001/custom/api/v1/pods\nkctl proxy --api-prefix=/custom/\n\n# Only for this user, on a socket\nkctl proxy --unix-socket=/tmp/kctl.sock"
)]
pub struct ProxyArgs {
    /// Regular expressions for hosts, with commas between them: requests that name another host are refused.
    #[arg(long, default_value = filter::ACCEPT_HOSTS)]
    pub accept_hosts: String,
    /// Regular expressions for paths, with commas between them: other paths are refused.
    #[arg(long, default_value = filter::ACCEPT_PATHS)]
    pub accept_paths: String,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    pub address: String,
    /// What paths of the API begin with.
    #[arg(long, default_value = "/")]
    pub api_prefix: String,
    /// Put the path of the server's URL before each request's path.
    #[arg(long)]
    pub append_server_path: bool,
    /// Refuse nothing. Any web page that this machine's browsers show can then use the API as you, where the port can be reached.
    #[arg(long)]
    pub disable_filter: bool,
    /// How often (a length of time such as 30s) silent connections to the server are probed; 0 for never.
    #[arg(long, default_value = "0s")]
    pub keepalive: SignedDuration,
    /// The port to listen on; 0 for any that is free.
    #[arg(long, short, default_value = "8001")]
    pub port: i64,
    /// Regular expressions for methods, with commas between them, which are refused (example: POST,PUT,PATCH).
    #[arg(long, default_value = filter::REJECT_METHODS)]
    pub reject_methods: String,
    /// Regular expressions for paths, with commas between them, which are refused even where they are accepted.
    #[arg(long, default_value = filter::REJECT_PATHS)]
    pub reject_paths: String,
    /// A socket to listen on, instead of a port.
    #[arg(long, short, default_value = "")]
    pub unix_socket: String,
    /// A folder whose files are served, too.
    #[arg(long, short, default_value = "")]
    pub www: String,
    /// What paths of files begin with.
    #[arg(long, short = 'P', default_value = "/static/")]
    pub www_prefix: String,
}

/// Runs `proxy`, without end.
///
/// # Errors
/// Wrong use, no configuration, and a port that is taken.
pub async fn run(ctx: &Context, args: ProxyArgs) -> anyhow::Result<()> {
    let warn = |line: u32, text: &str| warn_as_klog(ctx, "proxy.go", line, text);
    let mut target = ctx.target()?;
    if let Target::Server(config) = &mut target {
        let path = config.server.parse::<Uri>().map(|uri| uri.path().to_owned()).unwrap_or_default();
        if !args.append_server_path && !path.is_empty() && path != "/" {
            warn(
                172,
                &format!(
                    "Your kube context contains a server path {path}, use --append-server-path to automatically append the path to each request"
                ),
            );
            without_path(config);
        }
        config.keepalive = std::time::Duration::try_from(args.keepalive).ok().filter(|period| !period.is_zero());
    }
    let filter = if args.disable_filter {
        if args.unix_socket.is_empty() {
            warn(177, "Request filter disabled, your proxy is vulnerable to XSRF attacks, please be cautious");
        }
        None
    } else {
        if args.reject_paths.is_empty() || args.reject_methods.is_empty() {
            warn(182, "Request filter has been relaxed, your proxy may be vulnerable to attacks, please be cautious");
        }
        Some(Filter::new(&args.accept_paths, &args.reject_paths, &args.accept_hosts, &args.reject_methods)?)
    };
    if args.port != PORT && !args.unix_socket.is_empty() {
        bail!("cannot set --unix-socket and --port at the same time");
    }
    if !args.www.is_empty() {
        match std::fs::metadata(&args.www) {
            Err(_) => warn(
                203,
                &format!(
                    "Failed to stat static file directory {}: stat {}: no such file or directory",
                    args.www, args.www
                ),
            ),
            Ok(meta) if !meta.is_dir() => {
                warn(205, &format!("Static file directory {} is not a directory", args.www));
            }
            Ok(_) => {}
        }
    }
    let proxy = Arc::new(Proxy {
        transport: ctx.connect(&target)?,
        filter,
        prefixes: Prefixes {
            api: folder(&args.api_prefix),
            files: (!args.www.is_empty()).then(|| folder(&args.www_prefix)),
        },
        folder: PathBuf::from(&args.www),
        user_agent: ctx.user_agent(),
    });
    let listener = if args.unix_socket.is_empty() {
        Listener::port(&args.address, args.port).await?
    } else {
        Listener::socket(&args.unix_socket)?
    };
    {
        let mut out = ctx.streams.out();
        writeln!(out, "Starting to serve on {}", listener.place()?)?;
        // Whoever chose no port waits for this line.
        out.flush()?;
    }
    match listener.serve(proxy).await {}
}

/// A prefix with a slash at its beginning and its end.
fn folder(prefix: &str) -> String {
    let begin = if prefix.starts_with('/') { "" } else { "/" };
    let end = if prefix.ends_with('/') { "" } else { "/" };
    let text = format!("{begin}{prefix}{end}");
    if prefix.is_empty() { "/".to_owned() } else { text }
}

/// Leaves the path of a server's URL out.
fn without_path(config: &mut ClientConfig) {
    if let Ok(uri) = config.server.parse::<Uri>()
        && let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority())
    {
        config.server = format!("{scheme}://{authority}");
    }
}
