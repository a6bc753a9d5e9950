//! `create configmap`.

use serde_json::{Map, json};

use super::data::{Entries, SourceArgs, Words, hash};
use super::new::{Creation, NewArgs, name};
use crate::object::Meta;
use crate::ops::context::Context;
use crate::output::json;

/// Create a ConfigMap from files, folders or literal values.
///
/// One ConfigMap may hold one entry or many. The key of a file is its name, and the value its content, unless another key is given; of a folder each file whose name may be a key is an entry, while folders in it, links, devices and pipes are passed over.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# All files of a folder\nkctl create configmap conf --from-file=path/to/bar\n\n# Files under keys of their own\nkctl create configmap conf --from-file=key1=/path/to/bar/file1.txt --from-file=key2=/path/to/bar/file2.txt\n\n# Two literal values\nkctl create configmap conf --from-literal=key1=config1 --from-literal=key2=config2\n\n# The lines of a file of variables\nkctl create configmap conf --from-env-file=path/to/foo.env"
)]
pub struct ConfigMapArgs {
    /// Add a hash of the content to the name.
    #[arg(long)]
    append_hash: bool,
    #[command(flatten)]
    sources: SourceArgs,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `create configmap`.
///
/// # Errors
/// Sources that cannot be read, wrong keys, and what the server refuses.
pub async fn run(ctx: &Context, args: ConfigMapArgs) -> anyhow::Result<()> {
    let name = name("configmap", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    let words = Words { secret: false, name: name.to_owned() };
    let entries = Entries::new(words).read(ctx, &args.sources)?;
    let (mut data, mut binary) = (Map::new(), Map::new());
    let encoded = entries.encoded();
    for (key, value) in &entries.entries {
        match std::str::from_utf8(value) {
            Ok(text) => data.insert(key.clone(), text.into()),
            Err(_) => binary.insert(key.clone(), encoded.get(key.as_str()).cloned().into()),
        };
    }
    let mut content = json!({"kind": "ConfigMap", "name": name, "data": data});
    if !binary.is_empty() {
        content.set_at(&["binaryData"], binary.clone());
    }
    let suffix = if args.append_hash { format!("-{}", hash(&json::compact(&content))) } else { String::new() };
    let mut object = creation.namespaced("v1", "ConfigMap", &format!("{name}{suffix}"));
    object.set_at(&["data"], data);
    object.set_at(&["binaryData"], binary);
    creation.finish(object, "failed to create configmap:").await
}
