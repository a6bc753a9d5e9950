//! `describe`: objects in detail, with what belongs to them.

use std::io::Write;

use anyhow::{anyhow, bail};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use jiff::tz::TimeZone;

use crate::client::Client;
use crate::client::discovery::Mapping;
use crate::client::paging::{DEFAULT_PAGE, Pages};
use crate::client::request::{Accept, Call, Endpoint, ListParams};
use crate::object::{GroupVersionResource, Object, Status, Timestamp};
use crate::ops::context::Context;
use crate::ops::local_time::local_zone;
use crate::ops::manifests::FilenameOptions;
use crate::ops::resources::{Builder, Info, about_list};
use crate::output::describe::{self, Describer, Description, Need, Related};

/// So many objects are fetched at a time; their descriptions come in order.
const AT_ONCE: usize = 8;

/// Show objects in detail, with what belongs to them, such as events and what they control.
///
/// Choose objects by name, by the beginning of their names, by label, or take all of a type. With TYPE NAME_PREFIX an object of exactly that name is looked for first; where there is none, all objects are shown whose names begin that way.
///
/// Use "kctl api-resources" for a list of the types.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Describe a node\nkctl describe nodes worker-1\n\n# Describe a pod\nkctl describe pods/nginx\n\n# Describe the object that a file names\nkctl describe -f pod.json\n\n# Describe all pods\nkctl describe pods\n\n# Describe the pods with a label\nkctl describe pods -l name=web\n\n# Describe all pods of the workload 'frontend', whose names begin with its name\nkctl describe pods frontend"
)]
pub struct DescribeArgs {
    /// If present, describe the objects of all namespaces. The namespace of the current context and of --namespace does not count.
    #[arg(long, short = 'A')]
    pub all_namespaces: bool,
    /// Ask for long lists in pieces of this many objects. 0 asks for everything at once.
    #[arg(long, default_value_t = DEFAULT_PAGE as i64)]
    pub chunk_size: i64,
    /// File, folder or URL that names the objects to describe.
    #[arg(long, short, value_delimiter = ',')]
    pub filename: Vec<String>,
    /// Process a kustomization folder. Not together with -f or -R.
    #[arg(long, short)]
    pub kustomize: Option<String>,
    /// Process folders given with -f down to the last one.
    #[arg(long, short = 'R')]
    pub recursive: bool,
    /// Narrow the list by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2,key3 in (value3)). All conditions must hold.
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// Whether events are shown. They are for a single object, and not for several or for names by their beginning, unless this says otherwise.
    #[arg(long, value_name = "=true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub show_events: Option<bool>,
    /// Types and names.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `describe`.
///
/// # Errors
/// Unknown types, objects that are not there, and what the server refuses, after everything else is
/// described.
pub async fn run(ctx: &Context, args: DescribeArgs) -> anyhow::Result<()> {
    let (namespace, explicit) = ctx.namespace()?;
    let files = FilenameOptions {
        filenames: args.filename.clone(),
        kustomize: args.kustomize.clone().unwrap_or_default(),
        recursive: args.recursive,
    };
    if args.args.is_empty() && files.is_empty() {
        bail!(
            "You must specify the type of resource to describe. Use \"{} api-resources\" for a complete list of supported resources.",
            ctx.program
        );
    }
    let page = u64::try_from(args.chunk_size).unwrap_or(0);
    let plan = Builder::new(ctx)
        .continue_on_error()
        .namespace(namespace.clone())
        .default_namespace()
        .all_namespaces(args.all_namespaces)
        .filenames(explicit && !args.all_namespaces, &files)
        .labels(args.selector.as_deref().unwrap_or_default())
        .types_or_names(true, &args.args)
        .page(page)
        .flatten();
    let plan = plan.plan().await?;
    let (infos, result) = plan.infos().await;
    let single = result.is_ok() && infos.len() <= 1;
    let scribe = Scribe {
        ctx,
        client: ctx.client().await?,
        page,
        events: args.show_events.unwrap_or(single),
        now: ctx.clock.now(),
        zone: local_zone(&ctx.env),
    };
    let mut errors = Vec::new();
    if let Err(error) = result {
        if let [kind, prefix] = args.args.as_slice()
            && is_not_found(&error)
        {
            return scribe.by_prefix(&namespace, kind, prefix, error).await;
        }
        errors.push(error);
    }
    let none = infos.is_empty() && errors.is_empty();
    scribe.all(&infos, &mut errors).await?;
    if none {
        ctx.streams.say(match args.all_namespaces {
            true => "No resources found".to_owned(),
            false => format!("No resources found in {namespace} namespace."),
        });
    }
    plan.outcome(errors)
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Status>().is_some_and(|status| status.reason == "NotFound")
}

/// Fetches what descriptions need, and writes them.
struct Scribe<'a> {
    ctx: &'a Context,
    client: &'a Client,
    /// Items a page of a list; 0 for all at once.
    page: u64,
    /// Whether events are shown.
    events: bool,
    now: Timestamp,
    zone: TimeZone,
}

impl Scribe<'_> {
    /// Describes objects, with two empty lines between them. The same error is told once.
    async fn all(&self, infos: &[Info], errors: &mut Vec<anyhow::Error>) -> anyhow::Result<()> {
        let mut told = Vec::new();
        let mut first = true;
        let mut texts = stream::iter(infos).map(|info| self.describe(info)).buffered(AT_ONCE);
        while let Some(text) = texts.next().await {
            match text {
                Ok(text) => {
                    let gap = if std::mem::take(&mut first) { "" } else { "\n\n" };
                    write!(self.ctx.streams.out(), "{gap}{text}")?;
                }
                Err(error) => {
                    let words = error.to_string();
                    if !told.contains(&words) {
                        told.push(words);
                        errors.push(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// Describes the objects of a type whose names begin with `prefix`; without any the error stays.
    async fn by_prefix(&self, namespace: &str, kind: &str, prefix: &str, error: anyhow::Error) -> anyhow::Result<()> {
        let plan = Builder::new(self.ctx)
            .namespace(namespace)
            .default_namespace()
            .types_or_names(true, &[kind.to_owned()])
            .single_type()
            .page(self.page)
            .flatten();
        let (infos, result) = plan.plan().await?.infos().await;
        result?;
        let fitting = infos.iter().filter(|info| info.name.starts_with(prefix));
        let mut texts = stream::iter(fitting).map(|info| self.describe(info)).buffered(AT_ONCE);
        let mut found = false;
        while let Some(text) = texts.next().await {
            found = true;
            writeln!(self.ctx.streams.out(), "{}", text?)?;
        }
        if found { Ok(()) } else { Err(error) }
    }

    async fn describe(&self, info: &Info) -> anyhow::Result<String> {
        let mapping = info.mapping.as_ref().ok_or_else(|| anyhow!("no type is known for {}", info.name))?;
        let describer = describe::for_kind(&mapping.kind.group_kind());
        let fetched;
        let object = match &info.object {
            Some(object) if info.source.is_empty() && reads(describer, mapping) => object,
            _ => {
                fetched = self.fetch_object(describer, mapping, info).await?;
                &fetched
            }
        };
        let needs = (describer.needs)(object).into_iter();
        let needs: Vec<Need> = needs.filter(|need| self.events || !matches!(need, Need::Events { .. })).collect();
        let answers = join_all(needs.iter().map(|need| self.fetch(need))).await;
        let mut related = Related::new();
        for (need, answer) in needs.into_iter().zip(answers) {
            related.insert(need, answer);
        }
        let mut description = Description::new(self.now, self.zone.clone());
        (describer.describe)(&mut description, object, &related)?;
        Ok(description.finish())
    }

    /// The object in the best version that the describer reads and the server has.
    async fn fetch_object(&self, describer: &Describer, mapping: &Mapping, info: &Info) -> anyhow::Result<Object> {
        let mut resources: Vec<GroupVersionResource> = describer.resources().map(|resource| resource.gvr()).collect();
        if resources.is_empty() {
            resources.push(mapping.resource.clone());
        }
        let mut failure = None;
        for resource in resources {
            let endpoint = Endpoint::object(&resource, info.namespace.as_str(), info.name.as_str());
            match self.client.json(Call::get(&endpoint)).await {
                Ok(object) => return Ok(object),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| anyhow!("no description has been implemented for {}", mapping.kind)))
    }

    async fn fetch(&self, need: &Need) -> anyhow::Result<Vec<Object>> {
        let (resource, namespace, params, paged) = match need {
            Need::Get { resource, namespace, name } => {
                if name.is_empty() {
                    bail!("resource name may not be empty");
                }
                let namespace = namespace.as_deref().unwrap_or_default();
                let endpoint = Endpoint::object(&resource.gvr(), namespace, name.as_str());
                return Ok(vec![self.client.json(Call::get(&endpoint)).await?]);
            }
            Need::Events { namespace, field_selector } => {
                let params = ListParams { fields: field_selector.clone(), ..ListParams::default() };
                (GroupVersionResource::new("", "v1", "events"), namespace.as_str(), params, true)
            }
            Need::List { resource, namespace, label_selector, field_selector, paged } => {
                let (labels, fields) = (label_selector.clone(), field_selector.clone());
                let params = ListParams { labels, fields, ..ListParams::default() };
                (resource.gvr(), namespace.as_deref().unwrap_or_default(), params, *paged)
            }
        };
        let limit = if paged { self.page } else { 0 };
        let params = ListParams { limit, ..params };
        let endpoint = Endpoint::collection(&resource, namespace);
        let items = Pages::new(self.client, endpoint, params.clone(), Accept::Json).items().await;
        items.map_err(
            |error| if paged { about_list(error, &resource.resource, &params.labels, &params.fields) } else { error },
        )
    }
}

/// Whether the describer reads the version in which the object was fetched, as the best there is.
fn reads(describer: &Describer, mapping: &Mapping) -> bool {
    describer.versions.first().is_none_or(|version| *version == mapping.resource.version)
}
