//! `create service`: one command for each type.

use anyhow::{anyhow, bail};
use serde_json::json;

use super::new::{Creation, NewArgs, name};
use crate::object::{Meta, Object, names};
use crate::ops::context::Context;

/// Create a Service with an address inside the cluster.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Port 5678 of the service leads to port 8080 of its pods\nkctl create service clusterip web --tcp=5678:8080\n\n# Without an address of its own (headless)\nkctl create service clusterip web --clusterip=\"None\""
)]
pub struct ClusterIpArgs {
    /// The address. Leave it out to get one, say "None" for a Service without.
    #[arg(long)]
    clusterip: Option<String>,
    #[command(flatten)]
    common: ServiceArgs,
}

/// Create a Service that every node answers on a port of its own.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Port 5678 of the service leads to port 8080 of its pods\nkctl create service nodeport web --tcp=5678:8080"
)]
pub struct NodePortArgs {
    /// The port on each node. 0 to get one.
    #[arg(long, default_value_t = 0)]
    node_port: i64,
    #[command(flatten)]
    common: ServiceArgs,
}

/// Create a Service behind a load balancer of the cloud.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Port 5678 of the service leads to port 8080 of its pods\nkctl create service loadbalancer web --tcp=5678:8080"
)]
pub struct LoadBalancerArgs {
    #[command(flatten)]
    common: ServiceArgs,
}

/// Create a Service that is another name for a host outside the cluster.
///
/// Such a Service leads to a DNS name instead of pods, so that applications may refer to what is outside the cluster, or in another one, as to what is inside.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# The service db stands for db.example.org\nkctl create service externalname db --external-name db.example.org"
)]
pub struct ExternalNameArgs {
    /// The DNS name that the Service stands for.
    #[arg(long, required = true)]
    external_name: Option<String>,
    #[command(flatten)]
    common: ServiceArgs,
}

/// What all of them take.
#[derive(clap::Args, Clone, Debug)]
struct ServiceArgs {
    /// A port and, behind ':', that of the pods; the same where it is left out. May be given several times.
    #[arg(long, value_delimiter = ',')]
    tcp: Vec<String>,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `create service clusterip`.
///
/// # Errors
/// Wrong ports, and what the server refuses.
pub async fn cluster_ip(ctx: &Context, args: ClusterIpArgs) -> anyhow::Result<()> {
    let address = args.clusterip.unwrap_or_default();
    let own = json!({"clusterIP": address});
    args.common.create(ctx, "clusterip", "ClusterIP", own, address == "None").await
}

/// Runs `create service nodeport`.
///
/// # Errors
/// Wrong ports, and what the server refuses.
pub async fn node_port(ctx: &Context, args: NodePortArgs) -> anyhow::Result<()> {
    let own = json!({"nodePort": args.node_port});
    args.common.create(ctx, "nodeport", "NodePort", own, false).await
}

/// Runs `create service loadbalancer`.
///
/// # Errors
/// Wrong ports, and what the server refuses.
pub async fn load_balancer(ctx: &Context, args: LoadBalancerArgs) -> anyhow::Result<()> {
    args.common.create(ctx, "loadbalancer", "LoadBalancer", json!({}), false).await
}

/// Runs `create service externalname`.
///
/// # Errors
/// Wrong names and ports, and what the server refuses.
pub async fn external_name(ctx: &Context, args: ExternalNameArgs) -> anyhow::Result<()> {
    let host = args.external_name.unwrap_or_default();
    args.common.create(ctx, "externalname", "ExternalName", json!({"externalName": host}), true).await
}

impl ServiceArgs {
    /// Creates a Service of a type with fields of its own.
    async fn create(
        &self,
        ctx: &Context,
        command: &str,
        kind: &str,
        own: Object,
        portless: bool,
    ) -> anyhow::Result<()> {
        let name = name(&format!("service {command}"), &self.args)?;
        let creation = Creation::new(ctx, &self.new)?;
        if self.tcp.is_empty() && !portless {
            bail!("at least one tcp port specifier must be provided");
        }
        let host = own.str_at(&["externalName"]);
        if kind == "ExternalName" && !names::dns1123_subdomain(host).is_empty() {
            bail!("invalid service external name {host}");
        }
        let node_port = own.int_at(&["nodePort"]).unwrap_or(0);
        let ports = self.tcp.iter().map(|text| port(text, node_port)).collect::<anyhow::Result<Vec<_>>>()?;
        let labels = json!({"app": name});
        let mut object = creation.namespaced("v1", "Service", name);
        object.set_at(&["metadata", "labels"], labels.clone());
        object.set_at(
            &["spec"],
            json!({
                "type": kind,
                "selector": labels,
                "ports": ports,
                "externalName": host,
                "clusterIP": own.str_at(&["clusterIP"]),
            }),
        );
        creation.finish(object, &format!("failed to create {kind} service:")).await
    }
}

/// A port from `PORT[:TARGET]`.
fn port(text: &str, node_port: i64) -> anyhow::Result<Object> {
    let mut parts = text.split(':');
    let number = parts.next().unwrap_or_default();
    let port = port_number(number)?;
    let target = match parts.next() {
        None => port.into(),
        Some(target) => match target.parse::<i64>() {
            Ok(number) => {
                let faults = names::port_number(number);
                if !faults.is_empty() {
                    bail!(faults.join(","));
                }
                number.into()
            }
            Err(_) => {
                let faults = names::port_name(target);
                if !faults.is_empty() {
                    bail!(faults.join(","));
                }
                Object::from(target)
            }
        },
    };
    let name = text.replace(':', "-");
    Ok(json!({"name": name, "port": port, "targetPort": target, "protocol": "TCP", "nodePort": node_port}))
}

/// A port's number as Go's network library reads it; 0 is one.
fn port_number(text: &str) -> anyhow::Result<i64> {
    let parsing = |why: &str| anyhow!("strconv.ParseUint: parsing {text:?}: {why}");
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(parsing("invalid syntax"));
    }
    text.parse::<u16>().map(i64::from).map_err(|_| parsing("value out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_ports() {
        for (text, target, name) in
            [("80", json!(80), "80"), ("80:8080", json!(8080), "80-8080"), ("443:https", json!("https"), "443-https")]
        {
            let port = port(text, 0).expect("a port");
            assert_eq!((&port["targetPort"], &port["name"]), (&target, &json!(name)), "{text}");
        }
        for (text, want) in [
            ("x", "strconv.ParseUint: parsing \"x\": invalid syntax"),
            ("70000", "strconv.ParseUint: parsing \"70000\": value out of range"),
            ("80:0", "must be between 1 and 65535, inclusive"),
        ] {
            assert_eq!(port(text, 0).expect_err("refused").to_string(), want);
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,8}") {
            let _ = port(&text, 0);
        }
    }
}
