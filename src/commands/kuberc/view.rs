//! `kuberc view`: the preferences as they are.

use std::io::{Read, Write};

use anyhow::bail;

use crate::ops::context::Context;
use crate::ops::preferences::{Defaults, FlagDefault, Preferences};
use crate::ops::print::PrintArgs;
use crate::output::format::Family;
use crate::output::json::KeyOrder;

/// Show your preferences.
///
/// Where there is no file yet, one with recommended preferences is offered.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# The preferences as YAML\nkctl kuberc view\n\n# The preferences as JSON\nkctl kuberc view --output json\n\n# Those of another file\nkctl kuberc view --kuberc /path/to/kuberc"
)]
pub struct ViewArgs {
    /// The preferences file.
    #[arg(long)]
    kuberc: Option<String>,
    /// How to print. One of: (json, yaml, kyaml, name, go-template, go-template-file, template, templatefile, jsonpath, jsonpath-as-json, jsonpath-file)
    #[arg(long, short, value_name = "=yaml")]
    output: Option<String>,
    #[command(flatten)]
    print: PrintArgs,
}

/// Runs `kuberc view`.
///
/// # Errors
/// A file that cannot be read, or that was named and is not there.
pub async fn run(context: &Context, args: ViewArgs) -> anyhow::Result<()> {
    let (file, explicit) = super::file(context, args.kuberc.as_deref())?;
    let Some(preferences) = super::read(&file)? else {
        if explicit {
            bail!("kuberc file not found at {}", file.display());
        }
        return if offered(context, &file)? { super::write(context, &file, &recommended()) } else { Ok(()) };
    };
    let output = args.output.as_deref().or(args.print.template.is_none().then_some("yaml"));
    let format = args.print.format(context, Family::Common, output, false)?;
    let mut printer = args.print.printer(format, "")?.with_key_order(Box::new(Order));
    printer.print(serde_json::to_value(preferences)?, &mut **context.streams.out())
}

/// The fields in the order of kubectl's types, for JSON: no name means different things in two of them.
struct Order;

const ORDER: &[&str] = &[
    "kind",
    "apiVersion",
    "name",
    "command",
    "prependArgs",
    "appendArgs",
    "options",
    "default",
    "defaults",
    "aliases",
    "credentialPluginPolicy",
    "credentialPluginAllowlist",
];

impl KeyOrder for Order {
    fn rank(&self, key: &str) -> Option<usize> {
        ORDER.iter().position(|name| *name == key)
    }

    fn child(&self, _: &str) -> Option<&dyn KeyOrder> {
        Some(self)
    }
}

/// Asks whether to make a file with recommended preferences.
fn offered(context: &Context, file: &std::path::Path) -> anyhow::Result<bool> {
    {
        let mut out = context.streams.out();
        writeln!(out, "kuberc file not found at {}", file.display())?;
        write!(out, "Would you like to generate a default kuberc file with recommended options? (y/N): ")?;
        out.flush()?;
    }
    // One line, byte by byte: what follows is not ours to read.
    let mut answer = Vec::new();
    let mut byte = [0];
    let mut input = context.streams.input();
    while input.read(&mut byte)? == 1 && byte != *b"\n" {
        answer.extend(byte);
    }
    Ok(answer.trim_ascii().eq_ignore_ascii_case(b"y"))
}

/// What kubectl recommends: apply on the server's side, ask before deleting.
fn recommended() -> Preferences {
    let default = |command: &str, name: &str| Defaults {
        command: command.to_owned(),
        options: vec![FlagDefault { name: name.to_owned(), default: "true".to_owned() }],
    };
    Preferences {
        defaults: vec![default("apply", "server-side"), default("delete", "interactive")],
        ..Preferences::default()
    }
}
