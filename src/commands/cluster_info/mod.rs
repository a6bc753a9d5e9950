//! `cluster-info`: where the control plane and the cluster's own services are.

pub mod dump;

use std::io::Write;

use crate::client::config::Target;
use crate::client::paging::{DEFAULT_PAGE, Pages};
use crate::client::request::{Accept, Endpoint, ListParams};
use crate::object::{GroupVersionResource, Meta, Object};
use crate::ops::context::Context;

/// Show the addresses of the control plane and of the services with the label kubernetes.io/cluster-service=true.
///
/// To find out what is wrong with a cluster, see "kctl cluster-info dump".
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "# Show the addresses of the control plane and of cluster services\nkctl cluster-info")]
pub struct ClusterInfoArgs {
    /// Nothing is taken.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `cluster-info`.
///
/// # Errors
/// What the server refuses.
pub async fn run(ctx: &Context, _args: ClusterInfoArgs) -> anyhow::Result<()> {
    let host = host(ctx)?;
    let namespace = match ctx.overrides.namespace.as_deref() {
        None | Some("") => "kube-system",
        Some(namespace) => namespace,
    };
    let services = services(ctx, namespace).await;
    let mut text = String::new();
    if let Ok(services) = &services {
        text.push_str(&line("Kubernetes control plane", &host));
        for service in services {
            let name = service.label("kubernetes.io/name").filter(|name| !name.is_empty());
            text.push_str(&line(name.unwrap_or_else(|| service.name()), &link(&host, service)));
        }
    }
    let program = ctx.program;
    text.push_str(&format!("\nTo further debug and diagnose cluster problems, use '{program} cluster-info dump'.\n"));
    ctx.streams.out().write_all(text.as_bytes())?;
    services.map(drop)
}

fn line(name: &str, link: &str) -> String {
    format!("{name} is running at {link}\n")
}

/// The server's address. The bundled cluster has none unless it is served.
fn host(ctx: &Context) -> anyhow::Result<String> {
    Ok(match ctx.target()? {
        Target::Server(config) => config.server.clone(),
        Target::Offline { dir, .. } => match ctx.bundled()?.serving(&dir) {
            Some(serving) => serving.server,
            None => format!("offline:{}", dir.display()),
        },
    })
}

async fn services(ctx: &Context, namespace: &str) -> anyhow::Result<Vec<Object>> {
    let endpoint = Endpoint::collection(&GroupVersionResource::new("", "v1", "services"), namespace);
    let labels = "kubernetes.io/cluster-service=true".to_owned();
    let params = ListParams { labels, limit: DEFAULT_PAGE, ..ListParams::default() };
    Pages::new(ctx.client().await?, endpoint, params, Accept::Json).items().await
}

/// Where a service is reached: at its load balancer, else through the API server.
fn link(host: &str, service: &Object) -> String {
    let ports = service.list_at(&["spec", "ports"]);
    let number = |port: &Object| port.int_at(&["port"]).unwrap_or(0);
    if let Some(ingress) = service.list_at(&["status", "loadBalancer", "ingress"]).first() {
        let address = match ingress.str_at(&["ip"]) {
            "" => ingress.str_at(&["hostname"]),
            ip => ip,
        };
        return ports.iter().map(|port| format!("http://{address}:{} ", number(port))).collect();
    }
    let (namespace, name) = (service.namespace(), service.name());
    let name = match ports.first().map(|port| (port.str_at(&["name"]), number(port))) {
        Some(("https", _)) => format!("https:{name}:https"),
        Some((port, 443)) => format!("https:{name}:{port}"),
        Some((port, _)) if !port.is_empty() => format!("{name}:{port}"),
        _ => name.to_owned(),
    };
    format!("{host}/api/v1/namespaces/{namespace}/services/{name}/proxy")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn leads_to_services() {
        let of = |ports: Object, ingress: Object| json!({"metadata": {"name": "dns", "namespace": "kube-system"}, "spec": {"ports": ports}, "status": {"loadBalancer": {"ingress": ingress}}});
        for (ports, ingress, want) in [
            (json!([]), json!([]), "h/api/v1/namespaces/kube-system/services/dns/proxy"),
            (json!([{"port": 53}]), json!([]), "h/api/v1/namespaces/kube-system/services/dns/proxy"),
            (json!([{"port": 53, "name": "udp"}]), json!([]), "h/api/v1/namespaces/kube-system/services/dns:udp/proxy"),
            (json!([{"port": 443}]), json!([]), "h/api/v1/namespaces/kube-system/services/https:dns:/proxy"),
            (
                json!([{"port": 9, "name": "https"}]),
                json!([]),
                "h/api/v1/namespaces/kube-system/services/https:dns:https/proxy",
            ),
            (
                json!([{"port": 80}, {"port": 81}]),
                json!([{"ip": "192.0.2.1"}]),
                "http://192.0.2.1:80 http://192.0.2.1:81 ",
            ),
            (json!([{"port": 80}]), json!([{"hostname": "x"}]), "http://x:80 "),
        ] {
            assert_eq!(link("h", &of(ports.clone(), ingress.clone())), want, "{ports} {ingress}");
        }
    }
}
