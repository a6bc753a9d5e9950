//! What commands share that change objects: flags for manifests, output and dry runs, and printing what
//! was done.

use anyhow::bail;

use super::context::Context;
use super::manifests::FilenameOptions;
use super::print::{Out, PrintArgs};
use super::resources::Builder;
use crate::client::request::{Call, Endpoint, WriteParams};
use crate::error::Many;
use crate::object::{Meta, Object, time};
use crate::output::format::{Family, Format, FormatError};
use crate::output::print::Printer;
use crate::output::type_order;

/// Manifests that name the objects.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct FileArgs {
    /// File, folder or URL that names the objects.
    #[arg(long, short, value_delimiter = ',')]
    pub filename: Vec<String>,
    /// Process a kustomization folder. Not together with -f or -R.
    #[arg(long, short)]
    pub kustomize: Option<String>,
    /// Process folders given with -f down to the last one.
    #[arg(long, short = 'R')]
    pub recursive: bool,
}

impl FileArgs {
    /// The flags as the builder takes them.
    pub fn options(&self) -> FilenameOptions {
        FilenameOptions {
            filenames: self.filename.clone(),
            kustomize: self.kustomize.clone().unwrap_or_default(),
            recursive: self.recursive,
        }
    }

    /// Whether neither -f nor -k is given.
    pub fn is_empty(&self) -> bool {
        self.filename.is_empty() && self.kustomize.as_deref().unwrap_or_default().is_empty()
    }
}

/// The format of what is printed.
#[derive(clap::Args, Clone, Debug)]
pub struct OutputArgs {
    /// Output format.
    #[arg(long, short)]
    pub output: Option<String>,
    /// Templates and what is left out of them.
    #[command(flatten)]
    pub print: PrintArgs,
}

impl OutputArgs {
    /// Reads `-o`.
    pub fn format(&self, ctx: &Context) -> Result<Format, FormatError> {
        self.print.format(ctx, Family::Common, self.output.as_deref(), false)
    }

    /// Whether `-o` is given and not empty.
    pub fn given(&self) -> bool {
        self.output.as_deref().is_some_and(|output| !output.is_empty())
    }
}

/// Whether anything is really changed.
#[derive(clap::Args, Clone, Debug)]
pub struct DryRunArgs {
    /// Change nothing: with "client" only print the object that would be sent, with "server" send the request without storing anything. One of (none|server|client)
    #[arg(long = "dry-run", default_value = "none", num_args = 0..=1, require_equals = true, default_missing_value = "unchanged")]
    pub dry_run: String,
}

impl DryRunArgs {
    /// Reads the flag; old forms of it still work, with a warning.
    ///
    /// # Errors
    /// A value that means nothing.
    pub fn read(&self, ctx: &Context) -> anyhow::Result<DryRun> {
        let value = self.dry_run.as_str();
        let warn = |line: u32, text: &str| warn_as_klog(ctx, "helpers.go", line, text);
        let boolean = |means: &str| {
            warn(
                733,
                &format!("--dry-run={value} is deprecated (boolean value) and can be replaced with --dry-run={means}."),
            );
        };
        Ok(match value {
            "none" => DryRun::None,
            "client" => DryRun::Client,
            "server" => DryRun::Server,
            "unchanged" => {
                warn(719, "--dry-run is deprecated and can be replaced with --dry-run=client.");
                DryRun::Client
            }
            "1" | "t" | "T" | "TRUE" | "true" | "True" => {
                boolean("client");
                DryRun::Client
            }
            "0" | "f" | "F" | "FALSE" | "false" | "False" => {
                boolean("none");
                DryRun::None
            }
            _ => bail!("Invalid dry-run value ({value}). Must be \"none\", \"server\", or \"client\"."),
        })
    }
}

/// A warning in the form of klog, kubectl's log: level, date, time, process, place.
pub fn warn_as_klog(ctx: &Context, file: &str, line: u32, text: &str) {
    say_as_klog(ctx, 'W', file, line, text);
}

/// A line in the form of klog: `W` for a warning, `E` for an error.
pub fn say_as_klog(ctx: &Context, level: char, file: &str, line: u32, text: &str) {
    let now = time::rfc3339_micro(ctx.clock.now());
    let part = |range: std::ops::Range<usize>| now.get(range).unwrap_or_default();
    let (month, day, clock) = (part(5..7), part(8..10), part(11..26));
    ctx.streams.say(format!("{level}{month}{day} {clock} {:>7} {file}:{line}] {text}", std::process::id()));
}

/// What `--dry-run` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DryRun {
    /// Changes are made.
    #[default]
    None,
    /// The server is told nothing.
    Client,
    /// The server does everything but keep the result.
    Server,
}

impl DryRun {
    /// What stands behind the words that say what was done.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Client => " (dry run)",
            Self::Server => " (server dry run)",
        }
    }

    /// How a request is sent.
    pub fn write(self, field_manager: &str) -> WriteParams {
        WriteParams { dry_run: self == Self::Server, field_manager: field_manager.to_owned(), ..WriteParams::default() }
    }
}

/// Makes printers for what was done.
pub struct Report<'a> {
    ctx: &'a Context,
    output: &'a OutputArgs,
    format: Result<Format, FormatError>,
    dry_run: DryRun,
    by_type: bool,
}

impl<'a> Report<'a> {
    /// Checks the format before anything is changed.
    pub fn new(ctx: &'a Context, output: &'a OutputArgs, dry_run: DryRun) -> anyhow::Result<Self> {
        Self::lenient(ctx, output, dry_run, true)
    }

    /// Where nothing is changed, checks the format only once something is printed, as kubectl does in some
    /// commands: what else is wrong is said first.
    pub fn lenient(ctx: &'a Context, output: &'a OutputArgs, dry_run: DryRun, changes: bool) -> anyhow::Result<Self> {
        let report = Self { ctx, output, format: output.format(ctx), dry_run, by_type: true };
        if changes {
            report.printer("")?;
        }
        Ok(report)
    }

    /// Prints JSON with sorted keys, as kubectl prints what it does not take for a type of its own.
    #[must_use]
    pub fn sorted_keys(mut self) -> Self {
        self.by_type = false;
        self
    }

    /// Whether anything but the line of what was done is printed.
    pub fn prints_objects(&self) -> bool {
        !matches!(self.format, Ok(Format::Default))
    }

    /// Whether YAML is printed.
    pub fn is_yaml(&self) -> bool {
        matches!(self.format, Ok(Format::Yaml))
    }

    /// A printer of objects to which this was done: `scaled`, `image updated`.
    pub fn printer(&self, operation: &str) -> anyhow::Result<ObjectPrinter<'a>> {
        let operation = format!("{operation}{}", self.dry_run.suffix());
        let printer = self.output.print.printer(self.format.clone()?, &operation)?;
        Ok(ObjectPrinter {
            ctx: self.ctx,
            printer,
            by_type: self.by_type && matches!(self.format, Ok(Format::Json | Format::Kyaml)),
        })
    }

    /// Prints one object to which this was done.
    pub fn print(&self, operation: &str, object: Object) -> anyhow::Result<()> {
        self.printer(operation)?.print(object)
    }
}

/// Prints objects one after another.
pub struct ObjectPrinter<'a> {
    ctx: &'a Context,
    printer: Printer,
    by_type: bool,
}

impl ObjectPrinter<'_> {
    /// Prints an object.
    pub fn print(&mut self, object: Object) -> anyhow::Result<()> {
        if self.by_type {
            self.printer.set_key_order(type_order::boxed_order_of(object.api_version(), object.kind()));
        }
        self.printer.print(object, &mut Out(&self.ctx.streams))
    }
}

/// Creates an object in the namespace, where its type lives in one.
pub async fn create(ctx: &Context, object: &Object, namespace: &str, write: &WriteParams) -> anyhow::Result<Object> {
    let client = ctx.client().await?;
    let mapping = client.mapping(&object.gvk()).await?;
    let namespace = if mapping.namespaced { namespace } else { "" };
    client.json(Call::create(&Endpoint::collection(&mapping.resource, namespace), object, write)).await
}

/// What a command takes, as far as all commands do that change objects: the namespace, manifests, types
/// and names; lists come as their items, and errors are gathered.
pub fn builder<'a>(ctx: &'a Context, files: &FileArgs) -> anyhow::Result<Builder<'a>> {
    let (namespace, explicit) = ctx.namespace()?;
    let builder = Builder::new(ctx).namespace(namespace).default_namespace();
    Ok(builder.filenames(explicit, &files.options()).continue_on_error().flatten())
}

/// The single errors in a result.
pub fn errors_of(result: anyhow::Result<()>) -> Vec<anyhow::Error> {
    match result {
        Ok(()) => Vec::new(),
        Err(error) => match error.downcast::<Many>() {
            Ok(Many(errors)) => errors,
            Err(error) => vec![error],
        },
    }
}

/// Takes `RESOURCE… KEY=VALUE…` apart (kubectl's `GetResourcesAndPairs`); `what` names the pairs.
pub fn resources_and_pairs<'a>(args: &'a [String], what: &str) -> anyhow::Result<(&'a [String], &'a [String])> {
    let is_pair = |arg: &str| (arg.contains('=') && !arg.starts_with('=')) || (arg.ends_with('-') && arg != "-");
    let at = args.iter().position(|arg| is_pair(arg)).unwrap_or(args.len());
    let (resources, pairs) = args.split_at(at);
    if let Some(stray) = pairs.iter().find(|arg| !is_pair(arg)) {
        bail!("all resources must be specified before {what} changes: {stray}");
    }
    Ok((resources, pairs))
}

/// Reads `KEY=VALUE` pairs, in order; of the same key the last counts.
pub fn pairs(args: &[String], what: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut invalid = Vec::new();
    for arg in args {
        match arg.split_once('=').filter(|(key, _)| !key.is_empty()) {
            Some((key, value)) => match pairs.iter_mut().find(|(known, _)| known == key) {
                Some((_, old)) => value.clone_into(old),
                None => pairs.push((key.to_owned(), value.to_owned())),
            },
            None => invalid.push(arg.as_str()),
        }
    }
    if !invalid.is_empty() {
        bail!("invalid {what} format: {}", invalid.join(", "));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn own(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn takes_resources_and_pairs_apart() {
        let args = own(&["deploy", "x", "a=b", "c-"]);
        let (resources, changes) = resources_and_pairs(&args, "image").expect("understood");
        assert_eq!((resources, changes), (&args[..2], &args[2..]));
        let error = resources_and_pairs(&own(&["a=b", "x"]), "image").expect_err("refused");
        assert_eq!(error.to_string(), "all resources must be specified before image changes: x");
        assert_eq!(
            pairs(&own(&["a=1", "b==", "a=2"]), "image").expect("pairs"),
            [("a".to_owned(), "2".to_owned()), ("b".to_owned(), "=".to_owned())]
        );
        assert_eq!(
            pairs(&own(&["a-", "=x"]), "image").expect_err("refused").to_string(),
            "invalid image format: a-, =x"
        );
    }

    proptest! {
        #[test]
        fn never_panics(args in proptest::collection::vec("[a=-]{0,4}", 0..5)) {
            if let Ok((_, changes)) = resources_and_pairs(&args, "x") {
                let _ = pairs(changes, "x");
            }
        }
    }
}
