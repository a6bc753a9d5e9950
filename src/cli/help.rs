//! Help, in the layout that cobra and kubectl give theirs.

use super::find::spoken;
use super::flags::{Flag, Flags, Kind};
use super::global;
use crate::commands::{Action, Builtin, COMMANDS, Entry, Group};

/// Names are padded to at least this many columns.
const NAME_WIDTH: usize = 11;

/// What the help pages have in common.
#[derive(Clone, Copy)]
pub struct Style<'a> {
    /// The name that the pages give the program.
    pub program: &'a str,
    /// The columns of the terminal; `None` where the text is not wrapped.
    pub width: Option<usize>,
    /// Whether flags are shown that a variable had to switch on.
    pub on_trial: bool,
}

const ROOT: &str = "This is kctl: kubectl for any cluster, and a cluster for when there is none.\n\nWith a kubeconfig it talks to that cluster. With --context offline, or where no cluster is configured, it brings its own.";

impl Style<'_> {
    /// The help of a command; of the program itself for an empty path.
    pub fn page(&self, path: &[&'static Entry]) -> String {
        let mut text = self.description(path);
        text.push_str("\n\n");
        text.push_str(&self.usage(path));
        self.wrap(&text)
    }

    /// The page's paragraphs.
    pub fn description(&self, path: &[&'static Entry]) -> String {
        let Some(entry) = path.last() else { return ROOT.to_owned() };
        let text = if entry.long.is_empty() {
            let documented = entry
                .flags()
                .and_then(|command| command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string));
            documented.unwrap_or_else(|| format!("{}.", entry.short))
        } else {
            entry.long.to_owned()
        };
        let mut text = self.named(text.trim());
        // clap takes the full stop from a single sentence.
        if text.ends_with(char::is_alphanumeric) {
            text.push('.');
        }
        text
    }

    /// The command's examples; empty for none.
    pub fn examples(&self, path: &[&'static Entry]) -> String {
        let Some(entry) = path.last() else { return String::new() };
        let text = if entry.examples.is_empty() {
            entry.flags().and_then(|command| command.get_after_help().map(ToString::to_string)).unwrap_or_default()
        } else {
            entry.examples.to_owned()
        };
        self.named(text.trim_end())
    }

    /// Everything after the description.
    fn usage(&self, path: &[&'static Entry]) -> String {
        let mut sections: Vec<String> = Vec::new();
        let entry = path.last();
        if let Some(entry) = entry.filter(|entry| !entry.aliases.is_empty()) {
            let names: Vec<&str> = std::iter::once(entry.name).chain(entry.aliases.iter().copied()).collect();
            sections.push(format!("Aliases:\n{}", names.join(", ")));
        }
        let examples = self.examples(path);
        if !examples.is_empty() {
            let lines: String = examples.lines().map(|line| format!("  {line}\n")).collect();
            sections.push(format!("Examples:\n{}", lines.trim_end()));
        }
        match entry {
            None => sections.push(self.groups()),
            Some(entry) if entry.children.iter().any(Entry::is_listed) => {
                sections.push(list("Available Commands:", &mut entry.children.iter().collect()));
            }
            Some(_) => {}
        }
        if let Some(command) = entry.and_then(|entry| entry.flags()) {
            let flags = self.flags(&Flags::of(&command));
            if !flags.is_empty() {
                sections.push(format!("Options:\n{flags}"));
            }
        }
        sections.push(format!("Usage:\n  {}", self.usage_line(path)));
        let mut tips = String::new();
        if entry.is_none_or(|entry| !entry.children.is_empty()) {
            let path = [self.program, &spoken(path)].join(" ");
            tips +=
                &format!("Use \"{} <command> --help\" for more information about a given command.\n", path.trim_end());
        }
        tips += &format!(
            "Use \"{} options\" for a list of global command-line options (applies to all commands).\n",
            self.program
        );
        sections.push(tips);
        sections.join("\n\n")
    }

    /// `kctl get … [options]`
    pub fn usage_line(&self, path: &[&'static Entry]) -> String {
        let rest = path.last().map_or("[flags]", |entry| entry.usage);
        let command = spoken(path);
        let parts = [self.program, &command, rest];
        let line = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        if line.contains("[options]") { line } else { format!("{line} [options]") }
    }

    fn groups(&self) -> String {
        let sections: Vec<String> = Group::LISTED
            .iter()
            .map(|group| {
                let mut entries: Vec<&Entry> = COMMANDS.iter().filter(|entry| entry.group == *group).collect();
                if *group != Group::Other {
                    return list_in_order(group.heading(), &entries);
                }
                list(group.heading(), &mut entries)
            })
            .collect();
        sections.join("\n\n")
    }

    /// The flags, by name, each with its default and what it does.
    pub fn flags(&self, flags: &Flags<'_>) -> String {
        let shown: Vec<String> = flags
            .sorted()
            .iter()
            .filter(|flag| !flag.arg.is_hide_set() || (self.on_trial && flag.variable().is_some()))
            .map(|flag| self.flag(flag, &flag.default()))
            .collect();
        shown.join("\n\n")
    }

    fn flag(&self, flag: &Flag<'_>, default: &str) -> String {
        let short = flag.short().map(|letter| format!("-{letter}, ")).unwrap_or_default();
        let quote = if flag.kind == Kind::Text { "'" } else { "" };
        let help = self.named(&flag.sentence());
        let help = match self.width {
            Some(width) => wrap_words(&help, width.saturating_sub(10)).join("\n\t"),
            None => help,
        };
        format!("    {short}--{}={quote}{default}{quote}:\n\t{help}", flag.name)
    }

    /// What `options` prints. `cache_dir` is the default of that flag.
    pub fn options(&self, cache_dir: &str) -> String {
        let command = global::command();
        let flags = Flags::of(&command);
        let mut text = "The following options can be passed to any command:\n\n".to_owned();
        for flag in flags.sorted() {
            let default = if flag.name == "cache-dir" { cache_dir.to_owned() } else { flag.default() };
            text += &self.flag(&flag, &default);
            text += "\n\n";
        }
        text
    }

    /// Texts are written with kctl's name.
    fn named(&self, text: &str) -> String {
        if self.program == "kctl" { text.to_owned() } else { text.replace("kctl ", &format!("{} ", self.program)) }
    }

    /// Wraps long lines of prose; lines that begin with a blank keep their shape.
    fn wrap(&self, text: &str) -> String {
        let Some(width) = self.width else { return text.to_owned() };
        let mut wrapped = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            let bare = line.trim_end_matches('\n');
            if bare.len() <= width || bare.starts_with([' ', '\t']) {
                wrapped.push_str(line);
            } else {
                wrapped.push_str(&wrap_words(bare, width).join("\n"));
                wrapped.push('\n');
            }
        }
        wrapped
    }
}

/// The width to which help is wrapped on a terminal of so many columns: 80, 100 or 120, as kubectl's.
pub fn wrap_width(columns: usize) -> Option<usize> {
    [120, 100, 80].into_iter().find(|width| columns >= *width)
}

fn wrap_words(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn list(heading: &str, entries: &mut Vec<&Entry>) -> String {
    entries.sort_by_key(|entry| entry.name);
    list_in_order(heading, entries)
}

fn list_in_order(heading: &str, entries: &[&Entry]) -> String {
    let siblings = COMMANDS.iter().any(|top| entries.iter().any(|entry| std::ptr::eq(*entry, top)));
    let longest = if siblings {
        COMMANDS.iter().map(|entry| entry.name.len()).max()
    } else {
        entries.iter().map(|entry| entry.name.len()).max()
    };
    let width = longest.unwrap_or(0).max(NAME_WIDTH);
    let mut text = heading.to_owned();
    for entry in entries.iter().filter(|entry| entry.is_listed()) {
        text += &format!("\n  {:width$}   {}", entry.name, entry.short);
    }
    text
}

/// Whether a command runs by itself.
pub fn is_runnable(entry: &Entry) -> bool {
    !matches!(entry.action, Action::Family | Action::Builtin(Builtin::Alpha))
}
