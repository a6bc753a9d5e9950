//! Manual pages, one a command, made from the command tree.

use super::flags::{Flag, Flags, Kind};
use super::global;
use super::help::Style;
use crate::commands::{Action, COMMANDS, Entry};

/// The pages' names are written with this program name.
const STYLE: Style<'static> = Style { program: "kctl", width: None, on_trial: false };

/// A page's file name and text, for the program and for every command that is there.
pub fn pages() -> Vec<(String, String)> {
    let mut pages = vec![(file_name(&[]), page(&[]))];
    let mut paths: Vec<Vec<&'static Entry>> = children(COMMANDS).map(|entry| vec![entry]).collect();
    while let Some(path) = paths.pop() {
        pages.push((file_name(&path), page(&path)));
        let below = path.last().map_or(&[][..], |entry| entry.children);
        paths.extend(children(below).map(|child| [path.as_slice(), &[child]].concat()));
    }
    pages.sort();
    pages
}

/// The commands that have pages: what is listed and there, or leads to something that is.
fn children(entries: &'static [Entry]) -> impl Iterator<Item = &'static Entry> {
    entries.iter().filter(|entry| entry.is_listed() && is_there(entry))
}

fn is_there(entry: &Entry) -> bool {
    match entry.action {
        Action::Absent => false,
        Action::Family => entry.children.iter().any(is_there),
        _ => true,
    }
}

fn title(path: &[&'static Entry]) -> String {
    std::iter::once("kctl").chain(path.iter().map(|entry| entry.name)).collect::<Vec<_>>().join("-")
}

fn file_name(path: &[&'static Entry]) -> String {
    format!("{}.1", title(path))
}

fn page(path: &[&'static Entry]) -> String {
    let title = title(path);
    let short =
        path.last().map_or("kubectl for any cluster, and a cluster for when there is none", |entry| entry.short);
    let mut page = Page(format!(".TH {} 1 \"\" \"kctl\" \"kctl manual\"\n", escape(&title.to_uppercase())));
    page.section("NAME");
    page.line(&format!("{} \\- {}", escape(&title), escape(short)));
    page.section("SYNOPSIS");
    page.line(&escape(&STYLE.usage_line(path)));
    page.section("DESCRIPTION");
    page.prose(&STYLE.description(path));
    let entry = path.last();
    let mut below: Vec<&Entry> = children(entry.map_or(COMMANDS, |entry| entry.children)).collect();
    below.sort_by_key(|entry| entry.name);
    if !below.is_empty() {
        page.section("COMMANDS");
        for child in &below {
            page.item(&format!("\\fB{}\\fR", escape(child.name)), child.short);
        }
    }
    let command = entry.and_then(|entry| entry.flags());
    if let Some(command) = &command {
        page.flags("OPTIONS", &Flags::of(command));
    }
    if path.is_empty() {
        page.flags("GLOBAL OPTIONS", &Flags::of(&global::command()));
    }
    let examples = STYLE.examples(path);
    if !examples.is_empty() {
        page.section("EXAMPLES");
        page.verbatim(&examples);
    }
    page.section("SEE ALSO");
    let mut others: Vec<String> = below.iter().map(|child| format!("{title}-{}", child.name)).collect();
    if let Some((_, parents)) = path.split_last() {
        others.insert(0, self::title(parents));
    }
    page.line(&others.iter().map(|name| format!("\\fB{}\\fR(1)", escape(name))).collect::<Vec<_>>().join(", "));
    if let Some(entry) = entry.filter(|entry| !entry.aliases.is_empty()) {
        page.section("ALIASES");
        page.line(&escape(&entry.aliases.join(", ")));
    }
    page.0
}

/// A page being written.
struct Page(String);

impl Page {
    fn section(&mut self, name: &str) {
        self.line(&format!(".SH {name}"));
    }

    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// Paragraphs, separated by empty lines.
    fn prose(&mut self, text: &str) {
        for (at, paragraph) in text.split("\n\n").enumerate() {
            if at > 0 {
                self.line(".PP");
            }
            self.line(&escape(&paragraph.replace('\n', " ")));
        }
    }

    fn item(&mut self, term: &str, text: &str) {
        self.line(".TP");
        self.line(term);
        self.line(&escape(text));
    }

    fn flags(&mut self, heading: &str, flags: &Flags<'_>) {
        let shown: Vec<Flag<'_>> = flags.sorted().into_iter().filter(|flag| !flag.arg.is_hide_set()).collect();
        if shown.is_empty() {
            return;
        }
        self.section(heading);
        for flag in shown {
            let short = flag.short().map(|letter| format!("\\fB\\-{letter}\\fR, ")).unwrap_or_default();
            let quote = if flag.kind == Kind::Text { "'" } else { "" };
            let default = escape(&format!("{quote}{}{quote}", flag.default()));
            self.item(&format!("{short}\\fB\\-\\-{}\\fR={default}", escape(flag.name)), &flag.sentence());
        }
    }

    fn verbatim(&mut self, text: &str) {
        self.line(".nf");
        for line in text.lines() {
            self.line(&escape(line));
        }
        self.line(".fi");
    }
}

/// Text that means nothing to roff.
fn escape(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_taken_for_a_request() {
        assert_eq!(escape(".SH x"), "\\&.SH x");
        assert_eq!(escape("'a\\b--c"), "\\&'a\\eb\\-\\-c");
    }

    #[test]
    fn there_is_a_page_for_the_program_and_for_commands() {
        let pages = pages();
        for name in ["kctl.1", "kctl-version.1", "kctl-plugin.1", "kctl-plugin-list.1"] {
            assert!(pages.iter().any(|(file, _)| file == name), "{name}");
        }
    }
}
