//! `get`: list objects, or show some of them.

mod filter;
mod objects;
mod raw;
mod rows;
mod table;
mod watch;

#[cfg(test)]
mod tests;

use crate::client::paging::DEFAULT_PAGE;
use crate::client::request::Accept;
use crate::error::UsageError;
use crate::object::Object;
use crate::ops::context::Context;
use crate::ops::manifests::FilenameOptions;
use crate::ops::print::PrintArgs;
use crate::ops::resources::Builder;
use crate::output::format::{Family, Format, FormatError};
use crate::output::print::Printer;

/// Show one or more objects.
///
/// Prints a table of the most important things about the objects. Choose them by name or narrow them by labels with --selector. Of types that live in namespaces only the objects in the current namespace are shown, unless you say otherwise.
///
/// With -o the whole objects are printed, or what a template picks from them. Use "kctl api-resources" for a list of the types.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# List all pods\nkctl get pods\n\n# List all pods with more columns, such as the node's name\nkctl get pods -o wide\n\n# Show one deployment\nkctl get deployment web\n\n# Show deployments as JSON, in version v1 of the group apps\nkctl get deployments.v1.apps -o json\n\n# Show the object that a file describes as the server has it\nkctl get -f pod.yaml -o yaml\n\n# Print the phase of a pod and nothing else\nkctl get -o template pod/web-pod-13je7 --template={{.status.phase}}\n\n# Choose the columns\nkctl get pod web -o custom-columns=CONTAINER:.spec.containers[0].name,IMAGE:.spec.containers[0].image\n\n# List replica sets and services together\nkctl get rs,services\n\n# Show objects of several types by name\nkctl get deploy/web service/frontend pods/web-pod-13je7\n\n# Show the status subresource of a pod\nkctl get pod web-pod-13je7 --subresource status\n\n# List the pods with a container that runs nginx (kctl's own)\nkctl get pods --where 'spec.containers.exists(c, c.image.contains(\"nginx\"))'\n\n# List the pods of all namespaces and follow changes\nkctl get pods --all-namespaces --watch"
)]
pub struct GetArgs {
    /// If present, list the objects of all namespaces. The namespace of the current context and of --namespace does not count.
    #[arg(long, short = 'A')]
    pub all_namespaces: bool,
    /// Ask for long lists in pieces of this many objects. 0 asks for everything at once.
    #[arg(long, default_value_t = DEFAULT_PAGE as i64)]
    pub chunk_size: i64,
    /// Narrow the list by fields: '=', '==' and '!=' are understood (e.g. --field-selector key1=value1,key2=value2). Each type knows only few fields.
    #[arg(long)]
    pub field_selector: Option<String>,
    /// File, folder or URL that names the objects to get.
    #[arg(long, short, value_delimiter = ',')]
    pub filename: Vec<String>,
    /// If true, it is no error when an object named on the command line does not exist.
    #[arg(long)]
    pub ignore_not_found: bool,
    /// Process a kustomization folder. Not together with -f or -R.
    #[arg(long, short)]
    pub kustomize: Option<String>,
    /// Labels, separated by commas, that are shown as columns of their own. Upper and lower case differ. May be given several times.
    #[arg(long, short = 'L', value_delimiter = ',')]
    pub label_columns: Vec<String>,
    /// Print no headers, in tables and custom columns.
    #[arg(long)]
    pub no_headers: bool,
    /// Output format.
    #[arg(long, short)]
    pub output: Option<String>,
    /// Print events and not just objects with --watch or --watch-only. What is there at the beginning comes as ADDED.
    #[arg(long)]
    pub output_watch_events: bool,
    /// Path to request from the server as it is, with the credentials of the kubeconfig.
    #[arg(long)]
    pub raw: Option<String>,
    /// Process folders given with -f down to the last one.
    #[arg(long, short = 'R')]
    pub recursive: bool,
    /// Narrow the list by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2,key3 in (value3)). All conditions must hold.
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// If true, the server makes the table, which works for types of extensions too.
    #[arg(long, action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub server_print: bool,
    /// If present, print the type before each name.
    #[arg(long)]
    pub show_kind: bool,
    /// If true, show all labels as the last column.
    #[arg(long)]
    pub show_labels: bool,
    /// Sort lists by this field, a JSONPath expression (e.g. '{.metadata.name}') that leads to a number or a text.
    #[arg(long)]
    pub sort_by: Option<String>,
    /// Get this subresource of the objects.
    #[arg(long)]
    pub subresource: Option<String>,
    /// After listing, watch for changes.
    #[arg(long, short)]
    pub watch: bool,
    /// Watch for changes without listing first.
    #[arg(long)]
    pub watch_only: bool,
    /// kctl's own: show only objects for which this expression in CEL is true (e.g. --where 'status.phase == "Running"'). It may name the fields of the object, the whole of it as self, and now. Objects for which it has no value, as when a field is absent, are not shown; if it has none for any of them, that is an error. The server sends all of them: use -l and --field-selector where they do.
    #[arg(long = "where", value_name = "CEL")]
    pub condition: Option<String>,
    /// Templates and what is left out of them.
    #[command(flatten)]
    pub print: PrintArgs,
    /// Types and names.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// What is settled before anything is asked of the server.
struct Settings<'a> {
    args: &'a GetArgs,
    /// What `-o` says; that it says nothing is an error only where something is to be printed.
    format: Result<Format, FormatError>,
    namespace: String,
    /// Whether `--namespace` was given, so that objects of files must be in it.
    explicit_namespace: bool,
    sort_by: &'a str,
    /// Which objects are shown (`--where`).
    filter: Option<filter::Where>,
}

fn text(flag: &Option<String>) -> &str {
    flag.as_deref().unwrap_or_default()
}

/// Runs `get`.
///
/// # Errors
/// Flags that do not go together, unknown types, and what the server refuses.
pub async fn run(ctx: &Context, args: GetArgs) -> anyhow::Result<()> {
    if !text(&args.raw).is_empty() {
        return raw::run(ctx, &args).await;
    }
    let (namespace, explicit) = ctx.namespace()?;
    complain_or_warn(ctx, &args)?;
    validate(&args)?;
    let settings = Settings {
        format: args.print.format(ctx, Family::Get, args.output.as_deref(), args.no_headers),
        namespace,
        explicit_namespace: explicit && !args.all_namespaces,
        sort_by: text(&args.sort_by),
        filter: match text(&args.condition) {
            "" => None,
            text => Some(filter::Where::parse(text, ctx.clock.now())?),
        },
        args: &args,
    };
    if args.watch || args.watch_only {
        return watch::run(ctx, &settings).await;
    }
    match settings.format {
        Ok(Format::Default | Format::Wide) => table::run(ctx, &settings).await?,
        _ => objects::run(ctx, &settings).await?,
    }
    settings.filter.as_ref().map_or(Ok(()), filter::Where::finish)
}

fn complain_or_warn(ctx: &Context, args: &GetArgs) -> anyhow::Result<()> {
    let sorted = !text(&args.sort_by).is_empty();
    if args.watch {
        if sorted {
            ctx.streams.say("warning: --watch requested, --sort-by will be ignored for watch events received");
        }
    } else if args.watch_only {
        if sorted {
            ctx.streams.say("warning: --watch-only requested, --sort-by will be ignored");
        }
    } else if args.args.is_empty() && args.filename.is_empty() && text(&args.kustomize).is_empty() {
        let program = ctx.program;
        ctx.streams.say(format!(
            "You must specify the type of resource to get. Use \"{program} api-resources\" for a complete list of supported resources.\n"
        ));
        let message = format!(
            "Required resource not specified.\nUse \"{program} explain <resource>\" for a detailed description of that resource (e.g. {program} explain pods)."
        );
        return Err(UsageError { command: "get".to_owned(), message }.into());
    }
    Ok(())
}

fn validate(args: &GetArgs) -> anyhow::Result<()> {
    let output = text(&args.output);
    if args.show_labels && !matches!(output, "" | "wide") {
        anyhow::bail!("--show-labels option cannot be used with {output} printer");
    }
    if args.output_watch_events && !args.watch && !args.watch_only {
        anyhow::bail!("--output-watch-events option can only be used with --watch or --watch-only");
    }
    Ok(())
}

impl Settings<'_> {
    /// Whether tables are printed.
    fn is_table(&self) -> bool {
        matches!(self.format, Ok(Format::Default | Format::Wide))
    }

    /// What prints objects.
    fn printer(&self) -> anyhow::Result<Printer> {
        self.args.print.printer(self.format.clone()?, "")
    }

    /// What to ask the server for: no more than what is printed.
    fn accept(&self) -> (Accept, &'static str) {
        let args = self.args;
        if self.is_table() && args.server_print {
            let labels = args.show_labels || !args.label_columns.is_empty();
            let metadata = args.all_namespaces || labels;
            return match self.sort_by {
                _ if self.filter.is_some() => (Accept::Table, "Object"),
                "" if metadata => (Accept::Table, "Metadata"),
                "" => (Accept::Table, "None"),
                field if rows::by_metadata(field) => (Accept::Table, "Metadata"),
                _ => (Accept::Table, "Object"),
            };
        }
        (Accept::Json, "")
    }

    /// What is left of an answer by `--where`.
    fn keep(&self, object: Object) -> Option<Object> {
        match &self.filter {
            Some(filter) => filter.keep(object),
            None => Some(object),
        }
    }

    /// Whether an object is left by `--where`. It is only read where that is asked for.
    fn keeps(&self, read: impl FnOnce() -> anyhow::Result<Object>) -> anyhow::Result<bool> {
        match &self.filter {
            Some(filter) => Ok(filter.holds(&read()?)),
            None => Ok(true),
        }
    }

    /// What the command line names.
    fn builder<'b>(&self, ctx: &'b Context) -> Builder<'b> {
        let args = self.args;
        let files = FilenameOptions {
            filenames: args.filename.clone(),
            kustomize: text(&args.kustomize).to_owned(),
            recursive: args.recursive,
        };
        Builder::new(ctx)
            .namespace(self.namespace.clone())
            .default_namespace()
            .all_namespaces(args.all_namespaces)
            .filenames(self.explicit_namespace, &files)
            .labels(text(&args.selector))
            .fields(text(&args.field_selector))
            .types_or_names(true, &args.args)
            .latest()
    }

    /// Items a page; a list that is sorted comes at once.
    fn page(&self) -> u64 {
        if self.sort_by.is_empty() { u64::try_from(self.args.chunk_size).unwrap_or(0) } else { 0 }
    }
}
