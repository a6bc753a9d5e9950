//! `expose`: a Service in front of what there is.

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};

use crate::error::Many;
use crate::object::{Meta, Object};
use crate::ops::change::{self, DryRun, DryRunArgs, FileArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::last_applied;
use crate::ops::overrides::OverrideArgs;
use crate::ops::pods::go_type;
use crate::ops::resources::Info;
use crate::ops::service::{NewService, parse_labels};
use crate::ops::typed::typed;

/// The longest name of a Service.
const LONGEST_NAME: usize = 63;

/// Put a Service in front of a workload, a pod or another Service.
///
/// Looks up a deployment, service, replica set, replication controller or pod by name and uses its selector for a new Service on the given port. A deployment or replica set can only be exposed when its selector is made of equalities, because a Service knows no others. Without --port and with one port the port of the object is used; of several ports all are. Without --labels the new Service gets the labels of the object.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Serve a deployment on port 80, its containers listen on port 8000\nkctl expose deployment web --port=80 --target-port=8000\n\n# Serve what a file describes\nkctl expose -f web.yaml --port=80 --target-port=8000\n\n# Serve a single pod under the name frontend\nkctl expose pod web-pod --port=444 --name=frontend\n\n# A second Service for the pods of the first, with another port\nkctl expose service web --port=443 --target-port=8443 --name=web-https\n\n# Serve UDP\nkctl expose deployment streamer --port=4100 --protocol=UDP --name=video"
)]
pub struct ExposeArgs {
    /// The address inside the cluster. Leave it out to get one, say "None" for a Service without.
    #[arg(long)]
    pub cluster_ip: Option<String>,
    /// An address more at which the Service answers, if traffic to it reaches a node.
    #[arg(long)]
    pub external_ip: Option<String>,
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-expose")]
    pub field_manager: String,
    /// Labels of the new Service.
    #[arg(long, short)]
    pub labels: Option<String>,
    /// The address of the load balancer, where the cloud lets you choose.
    #[arg(long)]
    pub load_balancer_ip: Option<String>,
    /// The name of the new Service.
    #[arg(long)]
    pub name: Option<String>,
    /// The port that the Service serves. Without it the ports of the exposed object are served.
    #[arg(long)]
    pub port: Option<String>,
    /// The network protocol. Without it that of the exposed object, else TCP.
    #[arg(long)]
    pub protocol: Option<String>,
    /// If true, keep the new object in an annotation of its own, for a later apply.
    #[arg(long)]
    pub save_config: bool,
    /// The labels of the pods behind the Service, equalities only. Without it those that the exposed object selects.
    #[arg(long)]
    pub selector: Option<String>,
    /// Keep clients with the same pod: 'None' or 'ClientIP'.
    #[arg(long)]
    pub session_affinity: Option<String>,
    /// The port of the container, by name or number.
    #[arg(long)]
    pub target_port: Option<String>,
    /// The type of the Service: ClusterIP, NodePort, LoadBalancer, or ExternalName. Without it ClusterIP.
    #[arg(long = "type")]
    pub kind: Option<String>,
    /// Manifests.
    #[command(flatten)]
    pub files: FileArgs,
    /// Overrides.
    #[command(flatten)]
    pub overriding: OverrideArgs,
    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Type and name.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `expose`.
///
/// # Errors
/// What cannot be exposed, and what the server refuses.
pub async fn run(ctx: &Context, args: ExposeArgs) -> anyhow::Result<()> {
    let dry_run = args.dry_run.read(ctx)?;
    let report = Report::new(ctx, &args.output, dry_run)?;
    let (namespace, explicit) = ctx.namespace()?;
    let builder = change::builder(ctx, &args.files)?.types_or_names(false, &args.args);
    let mut errors = Vec::new();
    let mut printer = report.printer("exposed")?;
    let mut exposed = Exposed::from(&args);
    for info in builder.plan().await?.results().await {
        let done = async {
            let info = info?;
            let mut service = args.overriding.apply(exposed.service(&info)?)?;
            ctx.record(&mut service);
            if dry_run == DryRun::Client {
                if explicit {
                    service.set_at(&["metadata", "namespace"], namespace.as_str());
                }
                return printer.print(service);
            }
            if args.save_config {
                last_applied::record_typed(&mut service);
            }
            let service = change::create(ctx, &service, &namespace, &dry_run.write(&args.field_manager)).await?;
            printer.print(service)
        };
        errors.extend(done.await.err());
    }
    Many::collect(errors)
}

/// What is said by flags, and found in the first object where it is not: that holds for the objects
/// after it too.
struct Exposed<'a> {
    args: &'a ExposeArgs,
    selector: String,
    ports: Vec<String>,
    labels: String,
}

impl<'a> From<&'a ExposeArgs> for Exposed<'a> {
    fn from(args: &'a ExposeArgs) -> Self {
        let text = |flag: &Option<String>| flag.clone().unwrap_or_default();
        let port = text(&args.port);
        let ports = if port.is_empty() { Vec::new() } else { port.split(',').map(str::to_owned).collect() };
        Self { args, selector: text(&args.selector), ports, labels: text(&args.labels) }
    }
}

impl Exposed<'_> {
    fn service(&mut self, info: &Info) -> anyhow::Result<Object> {
        let object = typed(info.object.clone().unwrap_or_default());
        can_be_exposed(info)?;
        let text = |flag: &Option<String>| flag.clone().unwrap_or_default();
        if self.selector.is_empty() {
            self.selector = selector_of(&object).map_err(|error| {
                anyhow!("couldn't retrieve selectors via --selector flag or introspection: {error}")
            })?;
        }
        let (ports, protocols) = ports_of(&object);
        let cluster_ip = text(&self.args.cluster_ip);
        if self.ports.is_empty() {
            if ports.is_empty() && cluster_ip != "None" {
                bail!("couldn't find port via --port flag or introspection");
            }
            self.ports = ports;
        }
        if self.labels.is_empty() {
            self.labels = joined(object.at(&["metadata", "labels"]));
        }
        if self.selector.is_empty() {
            bail!("selector must be specified");
        }
        let selector = parse_labels(&self.selector)?;
        let labels = if self.labels.is_empty() { BTreeMap::new() } else { parse_labels(&self.labels)? };
        let name = match self.args.name.as_deref() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => info.name.chars().take(LONGEST_NAME).collect(),
        };
        if name.is_empty() {
            bail!("name must be specified");
        }
        let service = NewService {
            name,
            selector,
            labels,
            ports: self.ports.clone(),
            protocol: text(&self.args.protocol),
            protocols,
            target_port: text(&self.args.target_port),
            external_ip: text(&self.args.external_ip),
            kind: text(&self.args.kind),
            load_balancer_ip: text(&self.args.load_balancer_ip),
            session_affinity: text(&self.args.session_affinity),
            cluster_ip,
        };
        service.object()
    }
}

fn can_be_exposed(info: &Info) -> anyhow::Result<()> {
    let kind = info.mapping.as_ref().map(|mapping| mapping.kind.group_kind()).unwrap_or_default();
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod" | "ReplicationController" | "Service") | ("apps", "Deployment" | "ReplicaSet") => Ok(()),
        _ => bail!("cannot expose a {kind}"),
    }
}

/// The labels by which an object finds its pods, as `a=b,c=d`.
fn selector_of(object: &Object) -> anyhow::Result<String> {
    let map = |path: &[&str]| object.at(path).filter(|map| map.as_object().is_some_and(|map| !map.is_empty()));
    match object.kind() {
        "Pod" => match map(&["metadata", "labels"]) {
            Some(labels) => Ok(joined(Some(labels))),
            None => bail!("the pod has no labels and cannot be exposed"),
        },
        "ReplicationController" => Ok(joined(object.at(&["spec", "selector"]))),
        "Service" => match object.at(&["spec", "selector"]) {
            Some(selector) => Ok(joined(Some(selector))),
            None => bail!("the service has no pod selector set"),
        },
        kind @ ("Deployment" | "ReplicaSet") => {
            let Some(labels) = map(&["spec", "selector", "matchLabels"]) else {
                bail!("invalid {}: no selectors, therefore cannot be exposed", kind.to_lowercase());
            };
            let expressions = object.list_at(&["spec", "selector", "matchExpressions"]);
            if !expressions.is_empty() {
                bail!(
                    "couldn't convert expressions - \"[{}]\" to map-based selector format",
                    expressions.iter().map(go_expression).collect::<Vec<_>>().join(" ")
                );
            }
            Ok(joined(Some(labels)))
        }
        _ => bail!("cannot extract pod selector from {}", go_type(object)),
    }
}

/// A label selector's requirement as Go's `%+v` shows it.
fn go_expression(expression: &Object) -> String {
    let values: Vec<&str> = expression.list_at(&["values"]).iter().filter_map(Object::as_str).collect();
    let (key, operator) = (expression.str_at(&["key"]), expression.str_at(&["operator"]));
    format!("{{Key:{key} Operator:{operator} Values:[{}]}}", values.join(" "))
}

fn joined(labels: Option<&Object>) -> String {
    let labels = labels.and_then(Object::as_object).into_iter().flatten();
    let pairs: Vec<String> =
        labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    pairs.join(",")
}

/// The ports of an object, each once, and the protocols of each.
fn ports_of(object: &Object) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let (mut ports, mut protocols) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    let mut add = |port: &Object, field: &str| {
        let number = port.int_at(&[field]).unwrap_or(0).to_string();
        let protocol = match port.str_at(&["protocol"]) {
            "" => "TCP",
            protocol => protocol,
        };
        if !ports.contains(&number) {
            ports.push(number.clone());
        }
        protocols.entry(number).or_default().push(protocol.to_owned());
    };
    if object.kind() == "Service" {
        object.list_at(&["spec", "ports"]).iter().for_each(|port| add(port, "port"));
    } else {
        let path = crate::ops::pod_template::path_of(object).unwrap_or_default();
        let containers = object.at(path).map(|spec| spec.list_at(&["containers"])).unwrap_or_default();
        for container in containers {
            container.list_at(&["ports"]).iter().for_each(|port| add(port, "containerPort"));
        }
    }
    (ports, protocols)
}
