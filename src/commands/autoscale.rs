//! `autoscale`: a HorizontalPodAutoscaler for a workload.

use anyhow::{Context as _, anyhow, bail};
use serde_json::json;

use crate::client::discovery::Mapping;
use crate::error::Many;
use crate::object::quantity::{self, Quantity};
use crate::object::{Meta, Object, builtin, number};
use crate::ops::change::{self, DryRun, DryRunArgs, FileArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::last_applied;
use crate::ops::resources::Info;

/// Let a workload's number of replicas follow its load.
///
/// Creates a HorizontalPodAutoscaler for a deployment, replica set, stateful set, replication controller or anything else that has a scale. It adds and removes replicas between the two limits, so that the pods use about as much CPU or memory as you say.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Between two and ten replicas, with the cluster's own idea of load\nkctl autoscale deployment web --min=2 --max=10\n\n# At most five, each using about 80% of the CPU that it requests\nkctl autoscale deployment web --max=5 --cpu=80%\n\n# By CPU and memory in absolute numbers\nkctl autoscale deployment web --min=3 --max=6 --cpu=500m --memory=200Mi\n\n# By shares of what the pods request\nkctl autoscale deployment web --min=3 --max=6 --cpu=60% --memory=70%"
)]
pub struct AutoscaleArgs {
    /// How much CPU each pod is to use on average: a share of its request (70%) or an amount (500m). A number alone means thousandths of a CPU.
    #[arg(long)]
    pub cpu: Option<String>,
    /// How much CPU each pod is to use on average, in percent of its request. Negative for the server's choice.
    #[arg(long, default_value_t = -1, hide = true)]
    pub cpu_percent: i32,
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-autoscale")]
    pub field_manager: String,
    /// The most replicas.
    #[arg(long, required = true, value_name = "=-1")]
    pub max: Option<i32>,
    /// How much memory each pod is to use on average: a share of its request (60%) or an amount (200Mi). A number alone means mebibytes.
    #[arg(long)]
    pub memory: Option<String>,
    /// The fewest replicas. Negative for the server's choice.
    #[arg(long, default_value_t = -1)]
    pub min: i32,
    /// The name of the new object. Without it that of the workload.
    #[arg(long)]
    pub name: Option<String>,
    /// If true, keep the new object in an annotation of its own, for a later apply.
    #[arg(long)]
    pub save_config: bool,
    /// Manifests.
    #[command(flatten)]
    pub files: FileArgs,
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

/// How much of a resource a pod is to use.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// In percent of its request.
    Utilization(i32),
    /// So much.
    Value(String),
}

impl Target {
    /// Reads `70%`, `500m`, or a number, which is in the given unit.
    fn parse(text: &str, resource: &str, unit: &str) -> anyhow::Result<Self> {
        let text = text.trim();
        if text.is_empty() {
            bail!("empty input");
        }
        if let Some(percent) = text.strip_suffix('%') {
            return match percent.parse::<i32>() {
                Ok(value) if value >= 0 => Ok(Self::Utilization(value)),
                _ => bail!("invalid percentage value: {percent}"),
            };
        }
        if let Ok(value) = text.parse::<f64>() {
            let with_unit = format!("{}{unit}", number::go_float(value));
            Quantity::parse(&with_unit)?;
            return Ok(Self::Value(quantity::canonical(&with_unit)));
        }
        match Quantity::parse(text) {
            Ok(_) => Ok(Self::Value(quantity::canonical(text))),
            Err(_) => bail!("invalid resource {resource} value: {text}"),
        }
    }

    fn metric(&self, resource: &str) -> Object {
        let target = match self {
            Self::Utilization(percent) => json!({"type": "Utilization", "averageUtilization": percent}),
            Self::Value(value) => json!({"type": "AverageValue", "averageValue": value}),
        };
        json!({"type": "Resource", "resource": {"name": resource, "target": target}})
    }
}

/// Runs `autoscale`.
///
/// # Errors
/// Limits that make no sense, what has no scale, and what the server refuses.
pub async fn run(ctx: &Context, args: AutoscaleArgs) -> anyhow::Result<()> {
    let dry_run = args.dry_run.read(ctx)?;
    let (namespace, explicit) = ctx.namespace()?;
    let wanted = Wanted::of(&args)?;
    let report = Report::lenient(ctx, &args.output, dry_run, dry_run != DryRun::Client)?;
    let builder = change::builder(ctx, &args.files)?.types_or_names(false, &args.args);
    let mut errors = Vec::new();
    let mut done = 0;
    for info in builder.plan().await?.results().await {
        let made = async {
            let info = info?;
            let mapping = info.mapping.as_ref().ok_or_else(|| anyhow!("no resource for {}", info.name))?;
            check_scale(ctx, mapping).await.with_context(|| format!("cannot autoscale a {}", mapping.kind.kind))?;
            let creation = Creation { ctx, args: &args, report: &report, dry_run, namespace: &namespace, explicit };
            if creation.create(wanted.v2(&info, mapping)).await.is_err() {
                wanted.check_v1()?;
                creation.create(wanted.v1(&info, mapping)).await?;
            }
            anyhow::Ok(())
        };
        match made.await {
            Ok(()) => done += 1,
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() && done == 0 {
        bail!("no objects passed to autoscale");
    }
    Many::collect(errors)
}

/// Whether a resource can be scaled.
async fn check_scale(ctx: &Context, mapping: &Mapping) -> anyhow::Result<()> {
    let scalable = match builtin::by_gvk(&mapping.kind) {
        Some(resource) => resource.subresource("scale").is_some(),
        None => {
            let entry = ctx.client().await?.catalog().await?.entry(mapping);
            entry.is_some_and(|entry| entry.subresources.iter().any(|part| part == "scale"))
        }
    };
    if !scalable {
        let resource = &mapping.resource;
        bail!(
            "could not find scale subresource for {}/{}, Resource={} in discovery information",
            resource.group,
            resource.version,
            resource.resource
        );
    }
    Ok(())
}

/// What is asked for, read from the flags.
struct Wanted<'a> {
    args: &'a AutoscaleArgs,
    max: i32,
    cpu: Option<Target>,
    memory: Option<Target>,
}

impl<'a> Wanted<'a> {
    fn of(args: &'a AutoscaleArgs) -> anyhow::Result<Self> {
        let max = args.max.unwrap_or(-1);
        if max < 1 {
            bail!("--max=MAXPODS is required and must be at least 1, max: {max}");
        }
        if max < args.min {
            bail!("--max=MAXPODS must be larger or equal to --min=MINPODS, max: {max}, min: {}", args.min);
        }
        let given = |flag: &'a Option<String>| flag.as_deref().filter(|text| !text.is_empty());
        if args.cpu_percent > 0 && given(&args.cpu).is_some() {
            bail!("--cpu-percent and --cpu are mutually exclusive");
        }
        let cpu = given(&args.cpu).map(|text| Target::parse(text, "cpu", "m")).transpose()?;
        let memory = given(&args.memory).map(|text| Target::parse(text, "memory", "Mi")).transpose()?;
        Ok(Self { args, max, cpu, memory })
    }

    fn base(&self, version: &str, info: &Info, mapping: &Mapping) -> Object {
        let name = self.args.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&info.name);
        let target = json!({"apiVersion": mapping.kind.api_version(), "kind": mapping.kind.kind, "name": info.name});
        let mut object = json!({
            "apiVersion": version, "kind": "HorizontalPodAutoscaler", "metadata": {"name": name},
            "spec": {"scaleTargetRef": target, "maxReplicas": self.max},
        });
        if self.args.min > 0 {
            object.set_at(&["spec", "minReplicas"], self.args.min);
        }
        object
    }

    fn v2(&self, info: &Info, mapping: &Mapping) -> Object {
        let mut object = self.base("autoscaling/v2", info, mapping);
        let percent = (self.args.cpu_percent > 0).then_some(Target::Utilization(self.args.cpu_percent));
        let cpu = percent.as_ref().or(self.cpu.as_ref()).map(|target| target.metric("cpu"));
        let memory = self.memory.as_ref().map(|target| target.metric("memory"));
        let metrics: Vec<Object> = cpu.into_iter().chain(memory).collect();
        if !metrics.is_empty() {
            object.set_at(&["spec", "metrics"], metrics);
        }
        object.set_at(&["status"], json!({"currentMetrics": null, "desiredReplicas": 0}));
        object
    }

    /// Refuses what the older version cannot say.
    fn check_v1(&self) -> anyhow::Result<()> {
        let why = match (&self.cpu, &self.memory) {
            (None, _) => "empty input",
            (Some(Target::Utilization(_)), None) => return Ok(()),
            (Some(_), None) if self.args.cpu_percent >= 0 => return Ok(()),
            // There is no error to name; this is how Go prints that.
            _ => "%!w(<nil>)",
        };
        bail!("failed to create autoscaling/v2 HPA and the configuration is incompatible with autoscaling/v1: {why}")
    }

    fn v1(&self, info: &Info, mapping: &Mapping) -> Object {
        let mut object = self.base("autoscaling/v1", info, mapping);
        if self.args.cpu_percent >= 0 {
            object.set_at(&["spec", "targetCPUUtilizationPercentage"], self.args.cpu_percent);
        }
        object.set_at(&["status"], json!({"currentReplicas": 0, "desiredReplicas": 0}));
        object
    }
}

/// How objects are created.
struct Creation<'a> {
    ctx: &'a Context,
    args: &'a AutoscaleArgs,
    report: &'a Report<'a>,
    dry_run: DryRun,
    namespace: &'a str,
    explicit: bool,
}

impl Creation<'_> {
    async fn create(&self, mut object: Object) -> anyhow::Result<()> {
        if self.explicit {
            object.set_at(&["metadata", "namespace"], self.namespace);
        }
        self.ctx.record(&mut object);
        if self.dry_run == DryRun::Client {
            return self.report.print("created", object);
        }
        if self.args.save_config {
            last_applied::record_typed(&mut object);
        }
        let write = self.dry_run.write(&self.args.field_manager);
        let created = change::create(self.ctx, &object, self.namespace, &write).await?;
        self.report.print("autoscaled", created)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_targets() {
        for (text, want) in [
            ("70%", Ok(Target::Utilization(70))),
            ("500", Ok(Target::Value("500m".into()))),
            ("0.5", Ok(Target::Value("500u".into()))),
            (" 1500m ", Ok(Target::Value("1500m".into()))),
            ("x", Err("invalid resource cpu value: x")),
            ("-1%", Err("invalid percentage value: -1")),
            ("", Err("empty input")),
        ] {
            assert_eq!(Target::parse(text, "cpu", "m").map_err(|error| error.to_string()), want.map_err(str::to_owned));
        }
    }

    proptest! {
        #[test]
        fn targets_never_panic(text in "\\PC{0,10}") {
            let _ = Target::parse(&text, "cpu", "m");
        }
    }
}
