//! `api-resources`: the resource types that the server knows.

use std::io::Write;

use anyhow::{anyhow, bail};
use serde_json::{Value, json};

use crate::client::discovery::{Catalog, Entry};
use crate::error::{Many, UsageError};
use crate::ops::context::Context;
use crate::output::format::unknown;
use crate::output::json::KeyOrder;
use crate::output::tabwriter::{Settings, TabWriter};
use crate::output::{json, kyaml, yaml};

/// List the resource types that the server knows, with their short names, and whether they live in namespaces.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# All resource types\nkctl api-resources\n\n# With verbs and categories\nkctl api-resources -o wide\n\n# In order of their names\nkctl api-resources --sort-by=name\n\n# Only those that live in namespaces\nkctl api-resources --namespaced=true\n\n# Only those of one API group\nkctl api-resources --api-group=rbac.authorization.k8s.io"
)]
pub struct ApiResourcesArgs {
    /// Only types of this API group. An empty value means the core group.
    #[arg(long)]
    api_group: Option<String>,
    /// What an earlier command was told is good enough; the server is asked only where there is nothing.
    #[arg(long)]
    cached: bool,
    /// Only types that belong to all of these categories.
    #[arg(long, value_delimiter = ',')]
    categories: Vec<String>,
    /// Only types that live in namespaces, or, with =false, only those that do not.
    #[arg(long, value_name = "=true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    namespaced: Option<bool>,
    /// Print no headers.
    #[arg(long)]
    no_headers: bool,
    /// How to print. One of: (json, kyaml, name, wide, yaml)
    #[arg(long, short)]
    output: Option<String>,
    /// Types carry no managed fields; kept for scripts.
    #[arg(long)]
    show_managed_fields: bool,
    /// Sort by 'name' or 'kind' instead of by group and name.
    #[arg(long)]
    sort_by: Option<String>,
    /// Only types that know all of these verbs.
    #[arg(long, value_delimiter = ',')]
    verbs: Vec<String>,
    #[arg(hide = true)]
    args: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Table,
    Wide,
    Name,
    Json,
    Yaml,
    Kyaml,
}

/// Runs `api-resources`.
///
/// # Errors
/// Wrong arguments; a server that does not answer; API groups that do not, after the others are
/// printed.
pub async fn run(context: &Context, args: ApiResourcesArgs) -> anyhow::Result<()> {
    if !args.args.is_empty() {
        let message = format!("unexpected arguments: [{}]", args.args.join(" "));
        return Err(UsageError { command: "api-resources".to_owned(), message }.into());
    }
    let format = match args.output.as_deref().unwrap_or_default() {
        "" => Format::Table,
        "wide" => Format::Wide,
        "name" => Format::Name,
        "json" => Format::Json,
        "yaml" => Format::Yaml,
        "kyaml" => Format::Kyaml,
        other => bail!(unknown(other, &["json", "kyaml", "name", "wide", "yaml"])),
    };
    let sort_by = args.sort_by.as_deref().unwrap_or_default();
    if !matches!(sort_by, "" | "name" | "kind") {
        bail!("--sort-by accepts only name or kind");
    }
    let client = context.client().await?;
    let catalog = if args.cached { client.known_catalog().await? } else { client.catalog().await? };
    let entries = chosen(catalog, &args, sort_by);
    if !catalog.entries.is_empty() {
        print(&entries, format, args.no_headers, &mut **context.streams.out())?;
    }
    Many::collect(failures(catalog).into_iter().collect())
}

/// What could not be had, in client-go's words.
fn failures(catalog: &Catalog) -> Option<anyhow::Error> {
    if catalog.failures.is_empty() {
        return None;
    }
    let mut groups: Vec<String> =
        catalog.failures.iter().map(|failure| format!("{}: {}", failure.group_version, failure.error)).collect();
    groups.sort();
    Some(anyhow!("unable to retrieve the complete list of server APIs: {}", groups.join(", ")))
}

fn chosen<'a>(catalog: &'a Catalog, args: &ApiResourcesArgs, sort_by: &str) -> Vec<&'a Entry> {
    let has_all = |has: &[String], wanted: &[String]| wanted.iter().all(|word| has.contains(word));
    let mut entries: Vec<&Entry> = catalog
        .preferred()
        .filter(|entry| !entry.verbs.is_empty())
        .filter(|entry| args.api_group.as_ref().is_none_or(|group| *group == entry.resource.group))
        .filter(|entry| args.namespaced.is_none_or(|namespaced| namespaced == entry.namespaced))
        .filter(|entry| has_all(&entry.verbs, &args.verbs) && has_all(&entry.categories, &args.categories))
        .collect();
    entries.sort_by(|a, b| {
        let first = |entry: &Entry| match sort_by {
            "name" => entry.resource.resource.clone(),
            "kind" => entry.kind.kind.clone(),
            _ => entry.resource.group.clone(),
        };
        first(a).cmp(&first(b)).then_with(|| a.resource.resource.cmp(&b.resource.resource))
    });
    entries
}

fn print(entries: &[&Entry], format: Format, no_headers: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    match format {
        Format::Table | Format::Wide => table(entries, format == Format::Wide, no_headers, out)?,
        Format::Name => {
            for entry in entries {
                writeln!(out, "{}", entry.resource.group_resource())?;
            }
        }
        Format::Json => {
            json::write_ordered(out, &list(entries), &Fields::List)?;
            writeln!(out)?;
        }
        Format::Yaml => yaml::write(out, &list(entries))?,
        Format::Kyaml => kyaml::write_ordered(out, &list(entries), &Fields::List)?,
    }
    Ok(())
}

fn table(entries: &[&Entry], wide: bool, no_headers: bool, out: &mut dyn Write) -> std::io::Result<()> {
    let mut table = TabWriter::new(out, Settings::TABLE);
    if !no_headers {
        write!(table, "NAME\tSHORTNAMES\tAPIVERSION\tNAMESPACED\tKIND")?;
        writeln!(table, "{}", if wide { "\tVERBS\tCATEGORIES" } else { "" })?;
    }
    for entry in entries {
        let (name, short) = (&entry.resource.resource, entry.short_names.join(","));
        let (version, kind) = (entry.resource.group_version(), &entry.kind.kind);
        write!(table, "{name}\t{short}\t{version}\t{}\t{kind}", entry.namespaced)?;
        if wide {
            write!(table, "\t{}\t{}", entry.verbs.join(","), entry.categories.join(","))?;
        }
        writeln!(table)?;
    }
    table.flush()
}

/// The types as an `APIResourceList`.
fn list(entries: &[&Entry]) -> Value {
    let resources: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let mut resource = json!({
                "name": entry.resource.resource,
                "singularName": entry.singular,
                "namespaced": entry.namespaced,
                "version": entry.resource.version,
                "kind": entry.kind.kind,
                "verbs": entry.verbs,
            });
            if let Some(fields) = resource.as_object_mut() {
                if !entry.resource.group.is_empty() {
                    fields.insert("group".into(), entry.resource.group.clone().into());
                }
                for (name, words) in [("shortNames", &entry.short_names), ("categories", &entry.categories)] {
                    if !words.is_empty() {
                        fields.insert(name.into(), words.clone().into());
                    }
                }
            }
            resource
        })
        .collect();
    // An empty list of Go's is null where nothing was ever put into it.
    let resources = if resources.is_empty() { Value::Null } else { resources.into() };
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "", "resources": resources})
}

/// The order of fields of a type.
enum Fields {
    /// `metav1.APIResourceList`.
    List,
    /// `metav1.APIResource`.
    Resource,
}

impl KeyOrder for Fields {
    fn rank(&self, key: &str) -> Option<usize> {
        let order: &[&str] = match self {
            Self::List => &["kind", "apiVersion", "groupVersion", "resources"],
            Self::Resource => {
                &["name", "singularName", "namespaced", "group", "version", "kind", "verbs", "shortNames", "categories"]
            }
        };
        order.iter().position(|name| *name == key)
    }

    fn child(&self, key: &str) -> Option<&dyn KeyOrder> {
        (key == "resources").then_some(&Self::Resource as &dyn KeyOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(args: &[&str], format: Format) -> String {
        let command = <ApiResourcesArgs as clap::Args>::augment_args(super::super::entry::bare("api-resources"));
        let matches = command.try_get_matches_from(args).expect("parses");
        let args = <ApiResourcesArgs as clap::FromArgMatches>::from_arg_matches(&matches).expect("parses");
        let catalog = Catalog::builtin();
        let entries = chosen(&catalog, &args, args.sort_by.as_deref().unwrap_or_default());
        let mut out = Vec::new();
        print(&entries, format, args.no_headers, &mut out).expect("prints");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn lists_types_by_group_and_name() {
        let text = printed(&["--api-group=apps"], Format::Table);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.first(), Some(&"NAME                  SHORTNAMES   APIVERSION   NAMESPACED   KIND"));
        assert_eq!(lines.get(3), Some(&"deployments           deploy       apps/v1      true         Deployment"));
        assert_eq!(printed(&["--api-group=apps", "--namespaced=false", "--no-headers"], Format::Table), "");
        assert_eq!(
            printed(&["--verbs=approve"], Format::Wide),
            "NAME   SHORTNAMES   APIVERSION   NAMESPACED   KIND   VERBS   CATEGORIES\n"
        );
    }

    #[test]
    fn names_and_sorts_them() {
        let names = printed(&["--sort-by=name", "--categories=all"], Format::Name);
        let names: Vec<&str> = names.lines().collect();
        assert!(names.contains(&"deployments.apps") && names.contains(&"pods"), "{names:?}");
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn prints_a_list_object() {
        let text = printed(&["--api-group=", "--verbs=get"], Format::Json);
        assert!(text.starts_with("{\n    \"kind\": \"APIResourceList\","), "{text}");
        let list: Value = serde_json::from_str(&text).expect("JSON");
        assert!(list["resources"].as_array().is_some_and(|items| items.iter().any(|item| item["name"] == "pods")));
    }
}
