//! A command's flags as pflag sees them, read off the clap command: kind of value, value when none
//! is given, default, deprecation.

use std::any::TypeId;

use clap::{Arg, ArgAction};
use jiff::SignedDuration;

use crate::commands::entry::RECORD;
use crate::ops::environment::Environment;
use crate::ops::pair::Pair;

/// What a flag's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`; alone it means `true`.
    Bool,
    /// A signed integer of so many bits.
    Int(u32),
    /// An unsigned integer of so many bits.
    Uint(u32),
    /// A floating-point number.
    Float,
    /// A duration as Go writes it.
    Duration,
    /// Text.
    Text,
    /// Text of a form of its own; its default is shown without quotes.
    Other,
    /// `KEY=VALUE`, several separated by commas (pflag's `StringToString`).
    Pairs,
    /// A list, whose values split at commas (pflag's `StringSlice`).
    List,
    /// A list of values that do not split (pflag's `StringArray`).
    Array,
}

/// Flags that are there only where a variable is `true`.
const ON_TRIAL: &[(&str, &str)] = &[("applyset", "KUBECTL_APPLYSET")];

/// Flags that still work but say that they will not for ever; beside them there is [`RECORD`].
const DEPRECATED: &[(&str, &str, &str)] = &[
    (
        "autoscale",
        "cpu-percent",
        "Use --cpu with percentage or resource quantity format (e.g., '70%' for utilization or '500m' for milliCPU).",
    ),
    ("run", "filename", "it is ignored by kubectl run and will be removed in a future release"),
];

/// Whether a variable switches a feature on.
fn is_on(env: &Environment, variable: &str) -> bool {
    env.get(variable).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Whether any feature on trial is switched on.
pub fn any_on_trial(env: &Environment) -> bool {
    ON_TRIAL.iter().any(|(_, variable)| is_on(env, variable))
}

/// One flag.
#[derive(Clone, Copy)]
pub struct Flag<'a> {
    /// Its description in clap.
    pub arg: &'a Arg,
    /// Its long name; every flag has one.
    pub name: &'a str,
    /// What its values are.
    pub kind: Kind,
}

impl<'a> Flag<'a> {
    /// The flag that a clap argument describes; `None` for positional arguments.
    pub fn of(arg: &'a Arg) -> Option<Self> {
        Some(Self { arg, name: arg.get_long()?, kind: kind(arg) })
    }

    /// The variable that has to switch it on; `None` for most.
    pub fn variable(&self) -> Option<&'static str> {
        ON_TRIAL.iter().find(|(name, _)| *name == self.name).map(|(_, variable)| *variable)
    }

    /// The letter.
    pub fn short(&self) -> Option<char> {
        self.arg.get_short()
    }

    /// Whether the flag may be given alone; such a flag takes a value only after `=` (pflag's
    /// `NoOptDefVal`).
    pub fn stands_alone(&self) -> bool {
        self.kind == Kind::Bool || self.arg.get_num_args().is_some_and(|range| range.min_values() == 0)
    }

    /// How an error names the flag: `-f, --filename`.
    pub fn spoken(&self) -> String {
        match self.short() {
            Some(short) => format!("-{short}, --{}", self.name),
            None => format!("--{}", self.name),
        }
    }

    /// The default as the help shows it, without quotes.
    pub fn default(&self) -> String {
        if let Some(shown) = self.arg.get_value_names().and_then(|names| names.first()?.strip_prefix('=')) {
            return shown.to_owned();
        }
        let values: Vec<_> = self.arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        match (self.kind, values.as_slice()) {
            (Kind::List | Kind::Array | Kind::Pairs, values) => format!("[{}]", values.join(",")),
            (Kind::Bool, []) => "false".to_owned(),
            (Kind::Int(_) | Kind::Uint(_) | Kind::Float, []) => "0".to_owned(),
            (Kind::Duration, []) => "0s".to_owned(),
            (_, values) => values.join(","),
        }
    }

    /// What to say when the flag of this command is used although it is deprecated.
    pub fn deprecated(&self, command: &str) -> Option<&'static str> {
        if self.name == RECORD {
            return Some("--record will be removed in the future");
        }
        DEPRECATED.iter().find(|(of, name, _)| *of == command && *name == self.name).map(|(_, _, say)| *say)
    }

    /// What the flag does: the documentation of its field.
    pub fn help(&self) -> String {
        self.arg.get_long_help().or_else(|| self.arg.get_help()).map(ToString::to_string).unwrap_or_default()
    }

    /// What the flag does, as one paragraph of whole sentences: clap takes the last full stop away.
    pub fn sentence(&self) -> String {
        let mut text = self.help().replace('\n', " ");
        if text.ends_with(|c: char| c.is_alphanumeric() || c == '\'') {
            text.push('.');
        }
        text
    }
}

fn kind(arg: &Arg) -> Kind {
    if arg.get_value_parser().type_id() == TypeId::of::<Pair>() {
        return Kind::Pairs;
    }
    match arg.get_action() {
        ArgAction::SetTrue | ArgAction::SetFalse => return Kind::Bool,
        ArgAction::Append => return if arg.get_value_delimiter().is_some() { Kind::List } else { Kind::Array },
        _ => {}
    }
    if arg.get_value_delimiter().is_some() {
        return Kind::List;
    }
    let parsed = arg.get_value_parser().type_id();
    let kinds = [
        (TypeId::of::<String>(), Kind::Text),
        (TypeId::of::<bool>(), Kind::Bool),
        (TypeId::of::<i64>(), Kind::Int(64)),
        (TypeId::of::<i32>(), Kind::Int(32)),
        (TypeId::of::<u64>(), Kind::Uint(64)),
        (TypeId::of::<u32>(), Kind::Uint(32)),
        (TypeId::of::<u16>(), Kind::Uint(16)),
        (TypeId::of::<f64>(), Kind::Float),
        (TypeId::of::<SignedDuration>(), Kind::Duration),
        (TypeId::of::<std::path::PathBuf>(), Kind::Text),
    ];
    kinds.into_iter().find(|(id, _)| parsed == *id).map_or(Kind::Other, |(_, kind)| kind)
}

/// The flags of a command, by long name or letter.
pub struct Flags<'a>(Vec<Flag<'a>>);

impl<'a> Flags<'a> {
    /// The flags of a clap command.
    pub fn of(command: &'a clap::Command) -> Self {
        Self(command.get_arguments().filter_map(Flag::of).collect())
    }

    /// The flags without those that a variable has to switch on: for a feature on trial.
    #[must_use]
    pub fn switched_on(mut self, env: &Environment) -> Self {
        self.0.retain(|flag| flag.variable().is_none_or(|name| is_on(env, name)));
        self
    }

    /// None.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// All of them, by name.
    pub fn sorted(&self) -> Vec<Flag<'a>> {
        let mut flags = self.0.clone();
        flags.sort_by_key(|flag| flag.name);
        flags
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Flag<'a>> {
        self.0.iter()
    }

    /// The flag with this long name.
    pub fn long(&self, name: &str) -> Option<Flag<'a>> {
        self.0.iter().find(|flag| flag.name == name).copied()
    }

    /// The flag with this letter.
    pub fn short(&self, letter: char) -> Option<Flag<'a>> {
        self.0.iter().find(|flag| flag.short() == Some(letter)).copied()
    }
}
