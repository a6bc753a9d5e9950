//! What completes a line, as far as the line and the command tree tell: candidates that are known
//! at once, and those that have to be looked up.

use super::super::find::{Found, find};
use super::super::flags::{Flag, Flags, Kind};
use super::super::{global, scan};
use super::directive;
use super::values::{self, Value};
use crate::client::config::Overrides;
use crate::commands::{COMMANDS, Completes, Entry};

/// A word that may stand where the line ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The word.
    pub text: String,
    /// What it means; empty for none.
    pub help: String,
}

/// Candidates that a cluster or a kubeconfig knows. Each comes out as `before` + name + `after`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// Resource types.
    Types {
        /// What they begin with.
        prefix: String,
        /// What stands before each.
        before: String,
        /// What stands after each.
        after: &'static str,
    },
    /// Names of objects.
    Names {
        /// Their type, as typed.
        kind: String,
        /// What they begin with.
        prefix: String,
        /// What stands before each.
        before: String,
        /// Those that the line has already.
        except: Vec<String>,
    },
    /// Containers of a pod, given as `POD` or `TYPE/NAME`.
    Containers {
        /// The pod.
        of: String,
        /// What they begin with.
        prefix: String,
    },
    /// Ports of a pod or service.
    Ports {
        /// The pod or service.
        of: String,
        /// What was typed: a local port and a colon, perhaps.
        prefix: String,
    },
    /// What a copy may begin or end with: namespaces, pods, files of a pod, files here.
    Copies(String),
    /// Contexts of the kubeconfig.
    Contexts(String),
    /// Clusters of the kubeconfig.
    Clusters(String),
    /// Users of the kubeconfig.
    Users(String),
}

/// What completes a line.
#[derive(Debug, Default)]
pub struct Plan {
    /// Words that are known.
    pub candidates: Vec<Candidate>,
    /// Words to look up.
    pub wants: Vec<Want>,
    /// What the shell is to do with them, see [`directive`].
    pub directive: u8,
    /// The global flags of the line.
    pub overrides: Overrides,
    /// Whether a command is to be completed at the top of the tree.
    pub at_root: bool,
}

impl Plan {
    fn words(&mut self, words: &[&str], prefix: &str) {
        let words = words.iter().filter(|word| word.starts_with(prefix));
        self.candidates.extend(words.map(|word| Candidate { text: (*word).to_owned(), help: String::new() }));
    }
}

/// Types with pods, which `logs`, `exec` and their like take as `TYPE/NAME`.
const WITH_PODS: &[&str] = &[
    "daemonsets/",
    "deployments/",
    "jobs/",
    "pods/",
    "replicasets/",
    "replicationcontrollers/",
    "services/",
    "statefulsets/",
];

/// What completes `last`, the word at the end of a line that begins with `before`.
pub fn plan(before: &[String], last: &str, global: &Flags<'_>) -> Plan {
    let found = find(before, global);
    let command = found.command().and_then(Entry::flags);
    let local = command.as_ref().map_or_else(Flags::none, Flags::of);
    let mut plan = Plan { directive: directive::NO_FILES, ..Plan::default() };
    if let Ok(scanned) = scan::scan(&found.rest, "", &local, global) {
        plan.overrides = global::overrides(&scanned.global).unwrap_or_default();
    }
    let line = Typed::read(&found.rest, &local, global);
    if line.dash {
        plan.directive = directive::DEFAULT;
    } else if let Some(flag) = line.pending {
        complete_value(&mut plan, &found, flag.name, last, &line.args);
    } else if let Some((name, value)) = last.strip_prefix("--").and_then(|text| text.split_once('=')) {
        if local.long(name).or_else(|| global.long(name)).is_some() {
            complete_value(&mut plan, &found, name, value, &line.args);
        }
    } else if last.starts_with('-') {
        complete_flag(&mut plan, last, &line.given, &local, global);
    } else {
        complete_argument(&mut plan, &found, last, &line.args);
    }
    plan
}

/// The words after the command, sorted.
#[derive(Default)]
struct Typed<'a> {
    args: Vec<String>,
    given: Vec<String>,
    /// The flag whose value comes next.
    pending: Option<Flag<'a>>,
    dash: bool,
}

impl<'a> Typed<'a> {
    fn read(words: &[String], local: &Flags<'a>, global: &Flags<'a>) -> Self {
        let mut typed = Self::default();
        for word in words {
            if typed.pending.take().is_some() {
                continue;
            }
            if word == "--" {
                typed.dash = true;
                return typed;
            }
            if let Some(long) = word.strip_prefix("--") {
                let (name, valued) = long.split_once('=').map_or((long, false), |(name, _)| (name, true));
                typed.given.push(name.to_owned());
                let flag = local.long(name).or_else(|| global.long(name));
                typed.pending = flag.filter(|flag| !valued && !flag.stands_alone());
            } else if word.len() > 1 && word.starts_with('-') {
                typed.read_letters(word.get(1..).unwrap_or_default(), local, global);
            } else {
                typed.args.push(word.clone());
            }
        }
        typed
    }

    fn read_letters(&mut self, letters: &str, local: &Flags<'a>, global: &Flags<'a>) {
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            let Some(flag) = local.short(letter).or_else(|| global.short(letter)) else { return };
            self.given.push(flag.name.to_owned());
            if !flag.stands_alone() {
                self.pending = rest.as_str().is_empty().then_some(flag);
                return;
            }
        }
    }
}

fn complete_value(plan: &mut Plan, found: &Found, flag: &str, prefix: &str, args: &[String]) {
    let value = values::of(&found.spoken(), flag);
    plan.directive = value.directive();
    let prefix_owned = prefix.to_owned();
    match value {
        Value::Words(words) => plan.words(words, prefix),
        Value::Extensions(extensions) => plan.words(extensions, ""),
        Value::Names(kind) => plan.wants.push(names(kind, prefix, "", &[])),
        Value::Containers => plan.wants.extend(containers(args.first(), prefix)),
        Value::Contexts => plan.wants.push(Want::Contexts(prefix_owned)),
        Value::Clusters => plan.wants.push(Want::Clusters(prefix_owned)),
        Value::Users => plan.wants.push(Want::Users(prefix_owned)),
        Value::Folders | Value::Files | Value::Unknown => {}
    }
}

fn containers(of: Option<&String>, prefix: &str) -> Option<Want> {
    of.map(|of| Want::Containers { of: of.clone(), prefix: prefix.to_owned() })
}

fn names(kind: &str, prefix: &str, before: &str, except: &[String]) -> Want {
    Want::Names { kind: kind.to_owned(), prefix: prefix.to_owned(), before: before.to_owned(), except: except.to_vec() }
}

fn complete_flag(plan: &mut Plan, typed: &str, given: &[String], local: &Flags<'_>, global: &Flags<'_>) {
    let inherited = global.sorted().into_iter().filter(|flag| local.long(flag.name).is_none());
    for flag in local.sorted().into_iter().chain(inherited).filter(|flag| !flag.arg.is_hide_set()) {
        let again = matches!(flag.kind, Kind::List | Kind::Array | Kind::Pairs);
        if !again && given.iter().any(|name| name == flag.name) {
            continue;
        }
        let letter = flag.short().map(|letter| format!("-{letter}"));
        for text in std::iter::once(format!("--{}", flag.name)).chain(letter).filter(|text| text.starts_with(typed)) {
            plan.candidates.push(Candidate { text, help: flag.help() });
        }
    }
    for text in ["--help", "-h"].into_iter().filter(|text| text.starts_with(typed)) {
        plan.candidates.push(Candidate { text: text.to_owned(), help: "Show how the command is used".to_owned() });
    }
}

fn complete_argument(plan: &mut Plan, found: &Found, last: &str, args: &[String]) {
    let entry = found.command();
    let children = entry.map_or(COMMANDS, |entry| entry.children);
    let is_help = entry.is_some_and(|entry| entry.name == "help");
    if args.is_empty() || is_help {
        let children = if is_help {
            find(args, &Flags::none()).command().map_or(COMMANDS, |entry| entry.children)
        } else {
            children
        };
        let mut children: Vec<&Entry> = children
            .iter()
            .filter(|child| (child.is_listed() || child.name == "help") && child.name.starts_with(last))
            .collect();
        children.sort_by_key(|child| child.name);
        plan.candidates.extend(
            children.iter().map(|child| Candidate { text: child.name.to_owned(), help: child.short.to_owned() }),
        );
        plan.at_root = entry.is_none();
    }
    match entry.map_or(Completes::Nothing, |entry| entry.completes) {
        Completes::Nothing => {}
        Completes::Files => plan.directive = directive::DEFAULT,
        Completes::Folders => plan.directive = directive::FOLDERS,
        Completes::Copies if args.len() < 2 => copies(plan, last),
        Completes::Copies => {}
        Completes::Words(words) if args.is_empty() => plan.words(words, last),
        Completes::Words(_) => {}
        Completes::Resources => resources(plan, last, args, &[], true),
        Completes::AnyOf(kinds) => resources(plan, last, args, kinds, true),
        Completes::OneOf(kinds) => resources(plan, last, args, kinds, false),
        Completes::Types if args.is_empty() => types(plan, last, &[], ""),
        Completes::Types => {}
        Completes::Name(kind) if args.is_empty() => plan.wants.push(names(kind, last, "", &[])),
        Completes::Name(_) => {}
        Completes::Pods if args.is_empty() => pods(plan, last),
        Completes::Pods => {}
        Completes::PodsAndContainers | Completes::PodsAndPorts if args.is_empty() => pods(plan, last),
        Completes::PodsAndContainers if args.len() == 1 => plan.wants.extend(containers(args.first(), last)),
        Completes::PodsAndContainers => {}
        Completes::PodsAndPorts => {
            let of = args.first().filter(|_| args.len() == 1);
            plan.wants.extend(of.map(|of| Want::Ports { of: of.clone(), prefix: last.to_owned() }));
        }
        Completes::Contexts if args.is_empty() => plan.wants.push(Want::Contexts(last.to_owned())),
        Completes::Clusters if args.is_empty() => plan.wants.push(Want::Clusters(last.to_owned())),
        Completes::Users if args.is_empty() => plan.wants.push(Want::Users(last.to_owned())),
        Completes::Contexts | Completes::Clusters | Completes::Users => {}
    }
}

/// Types at first, then names; or `TYPE/NAME` again and again.
fn resources(plan: &mut Plan, last: &str, args: &[String], kinds: &'static [&'static str], again: bool) {
    match (args.first(), last.split_once('/')) {
        (Some(kind), _) if !kind.contains('/') && (again || args.len() == 1) => {
            plan.wants.push(names(kind, last, "", args.get(1..).unwrap_or_default()));
        }
        (None, None) => types(plan, last, kinds, ""),
        (Some(_), None) if again => {
            plan.directive |= directive::NO_SPACE;
            types(plan, last, kinds, "/");
        }
        (first, Some((kind, prefix))) if again || first.is_none() => {
            plan.wants.push(names(kind, prefix, &format!("{kind}/"), args));
        }
        _ => {}
    }
}

/// Types, the last of a list with commas.
fn types(plan: &mut Plan, last: &str, kinds: &'static [&'static str], after: &'static str) {
    let (before, prefix) =
        last.rsplit_once(',').map_or((String::new(), last), |(before, prefix)| (format!("{before},"), prefix));
    if kinds.is_empty() {
        plan.wants.push(Want::Types { prefix: prefix.to_owned(), before, after });
        return;
    }
    let kinds = kinds.iter().filter(|kind| kind.starts_with(prefix));
    plan.candidates.extend(kinds.map(|kind| Candidate { text: format!("{before}{kind}{after}"), help: String::new() }));
}

/// Files of a pod behind `POD:`; else pods, namespaces, and files here, which the shell adds where there is nothing else.
fn copies(plan: &mut Plan, last: &str) {
    plan.directive = directive::NO_SPACE;
    if last.contains(':') {
        plan.directive |= directive::NO_FILES;
    } else if last.starts_with(['/', '.']) {
        return;
    }
    plan.wants.push(Want::Copies(last.to_owned()));
}

/// Pods, or `TYPE/NAME` of something with pods.
fn pods(plan: &mut Plan, last: &str) {
    if let Some((kind, prefix)) = last.split_once('/') {
        plan.wants.push(names(kind, prefix, &format!("{kind}/"), &[]));
        return;
    }
    plan.wants.push(names("pods", last, "", &[]));
    plan.words(WITH_PODS, last);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(line: &str) -> Plan {
        let global = global::command();
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let last = words.pop().unwrap_or_default();
        plan(&words, &last, &Flags::of(&global))
    }

    fn texts(line: &str) -> (Vec<String>, u8) {
        let plan = planned(line);
        (plan.candidates.into_iter().map(|candidate| candidate.text).collect(), plan.directive)
    }

    #[test]
    fn completes_what_the_tree_knows() {
        for (line, want, directive) in [
            ("ro", &["rollout"][..], 4),
            ("rollout re", &["restart", "resume"], 4),
            ("-n x rollout st", &["status"], 4),
            ("help rollout un", &["undo"], 4),
            ("version --cl", &["--client", "--client-certificate", "--client-key", "--cluster"], 4),
            ("version -o ", &["json", "yaml"], 4),
            ("version -o=", &[], 4),
            ("version --output=j", &["json"], 4),
            ("completion ", &["bash", "zsh", "fish", "powershell"], 4),
            ("completion bash ", &[], 4),
            ("rollout status d", &["deployment", "daemonset"], 4),
            ("rollout history deployment/a d", &["deployment/", "daemonset/"], 6),
            ("rollout status deployment/a d", &[], 4),
            ("kustomize ", &[], 16),
            ("cp ", &[], 2),
            ("cp web:/e", &[], 6),
            ("cp a b c", &[], 4),
            ("exec x -- ", &[], 0),
            ("--kubeconfig ", &[], 0),
            ("nosuch ", &[], 4),
        ] {
            let (texts, given) = texts(line);
            assert_eq!(
                (texts.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), given),
                (want, directive),
                "{line}"
            );
        }
    }

    #[test]
    fn knows_what_to_look_up() {
        let want_names = |kind: &str, prefix: &str, before: &str, except: &[&str]| {
            vec![names(kind, prefix, before, &except.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())]
        };
        let want_types = |prefix: &str, before: &str, after: &'static str| {
            vec![Want::Types { prefix: prefix.into(), before: before.into(), after }]
        };
        for (line, want) in [
            ("get po", want_types("po", "", "")),
            ("get pods,se", want_types("se", "pods,", "")),
            ("get pods w", want_names("pods", "w", "", &[])),
            ("get pods a w", want_names("pods", "w", "", &["a"])),
            ("get pod/w", want_names("pod", "w", "pod/", &[])),
            ("get pod/a pod/w", want_names("pod", "w", "pod/", &["pod/a"])),
            ("get pod/a d", want_types("d", "", "/")),
            ("version -n h", want_names("namespaces", "h", "", &[])),
            ("version --namespace=h", want_names("namespaces", "h", "", &[])),
            ("cordon a", want_names("node", "a", "", &[])),
            ("logs deployments/w", want_names("deployments", "w", "deployments/", &[])),
            ("logs web c", vec![Want::Containers { of: "web".into(), prefix: "c".into() }]),
            ("port-forward web 80", vec![Want::Ports { of: "web".into(), prefix: "80".into() }]),
            ("config use-context x", vec![Want::Contexts("x".into())]),
            ("--context x", vec![Want::Contexts("x".into())]),
            ("cordon a b", vec![]),
            ("cp w", vec![Want::Copies("w".into())]),
            ("cp x web:/e", vec![Want::Copies("web:/e".into())]),
            ("cp ./x", vec![]),
        ] {
            assert_eq!(planned(line).wants, want, "{line}");
        }
    }

    #[test]
    fn heeds_the_flags_of_the_line_and_offers_each_once() {
        assert_eq!(planned("-n harbor get pods ").overrides.namespace.as_deref(), Some("harbor"));
        assert_eq!(texts("version --client --cl").0, ["--client-certificate", "--client-key", "--cluster"]);
        assert_eq!(texts("version --as-group a --as-g").0, ["--as-group"]);
    }
}
