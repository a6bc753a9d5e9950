//! `port-forward`: ports of this machine that lead to a pod.

use jiff::SignedDuration;

use crate::error::UsageError;
use crate::ops::context::Context;
use crate::ops::forward::{self, route::Route};
use crate::ops::pods;
use crate::ops::resources::Builder;

/// Forward local ports to a pod.
///
/// The pod is named itself, or by something that has pods (TYPE/NAME): then one of them is chosen. The session ends with the pod.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Ports 5000 and 6000 of this machine lead to those of the pod web\nkctl port-forward pod/web 5000 6000\n\n# Port 8888 leads to port 5000 of a pod of the deployment web\nkctl port-forward deployment/web 8888:5000\n\n# Port 8443 leads to where the port https of the service web leads\nkctl port-forward service/web 8443:https\n\n# Any free port; the output says which\nkctl port-forward pod/web :5000\n\n# On other addresses than those of this machine alone\nkctl port-forward --address localhost,10.19.21.23 pod/web 8888:5000"
)]
pub struct PortForwardArgs {
    /// Addresses to listen on: IP addresses, or localhost for 127.0.0.1 and ::1, of which one is enough.
    #[arg(long, value_delimiter = ',', default_value = "localhost")]
    pub address: Vec<String>,
    /// How long (a length of time such as 5s, 2m or 3h, more than zero) to wait until a pod runs.
    #[arg(long, default_value = "1m0s")]
    pub pod_running_timeout: SignedDuration,
    /// If true, go on with the next pod when this one goes: the ports stay open, and connections wait for it.
    #[arg(long)]
    pub reconnect: bool,
    /// What to forward to, and the ports.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `port-forward` until it is interrupted or the pod is gone.
///
/// # Errors
/// Wrong use, ports that are not there, a pod that does not run, and what the server refuses.
pub async fn run(ctx: &Context, args: PortForwardArgs) -> anyhow::Result<()> {
    let wrong = |message: String| UsageError { command: "port-forward".to_owned(), message };
    let Some((target, wanted)) = args.args.split_first().filter(|(_, wanted)| !wanted.is_empty()) else {
        return Err(wrong("TYPE/NAME and list of ports are required for port-forward".to_owned()).into());
    };
    let (namespace, _) = ctx.namespace()?;
    let limit = pods::running_timeout(args.pod_running_timeout).map_err(|error| wrong(error.to_string()))?;
    let builder = Builder::new(ctx).namespace(namespace).default_namespace();
    let builder = builder.names_of("pods", std::slice::from_ref(target));
    let (infos, result) = builder.plan().await?.infos().await;
    result?;
    let object = pods::only(infos, "cannot forward ports of multiple objects at a time")?;
    let route = Route { ctx, object, ports: wanted.to_vec(), limit };
    let way = route.open().await?;
    let addresses = forward::addresses(&args.address)?;
    forward::run(ctx, way, &addresses, args.reconnect.then_some(&route)).await
}
