//! What runs in a container: the program of its image, or the script that its command is.

use std::time::Duration;

use super::env::{self, Lookup};
use super::images::{Image, Images, Run};
use super::programs::start_line;
use super::shell::{End, Script, Setting};
use crate::object::{Meta, Object, Timestamp};

/// How long an unknown program lives that ends by itself.
const SHORT: Duration = Duration::from_millis(200);

/// What runs in a container from one start to the next.
pub struct Process<'a> {
    /// What is known of the image.
    pub image: &'a Image,
    what: What,
    setting: Setting,
}

enum What {
    Serve,
    Exit(Duration, i32),
    Script(Script),
    /// Ends at once, having said this.
    Refuse(String),
}

/// The command line of a container: its command and args, over its image's.
pub fn argv(container: &Object, image: &Image) -> Vec<String> {
    let strings = |field: &str| -> Vec<String> {
        container.list_at(&[field]).iter().filter_map(|arg| arg.as_str().map(str::to_owned)).collect()
    };
    let (command, args) = (strings("command"), strings("args"));
    match (command.is_empty(), args.is_empty()) {
        (true, true) => image.command.clone(),
        // The images of shells have no entrypoint: args alone are the whole command.
        (true, false) => args,
        _ => command.into_iter().chain(args).collect(),
    }
}

/// The host's name in a pod.
pub fn hostname(pod: &Object) -> String {
    let name =
        if pod.str_at(&["spec", "hostname"]).is_empty() { pod.name() } else { pod.str_at(&["spec", "hostname"]) };
    name.chars().take(63).collect::<String>().trim_end_matches(['-', '.']).to_owned()
}

impl<'a> Process<'a> {
    /// What runs in this container if it starts (or started) at that moment.
    pub fn new(
        pod: &Object,
        container: &Object,
        started_at: Timestamp,
        images: &'a Images,
        lookup: &dyn Lookup,
    ) -> Self {
        let image = images.find(container.str_at(&["image"]));
        let has_command = container.at(&["command"]).is_some();
        // A server that runs as its image says has no use for its environment here.
        let uses_env = image.run == Run::Shell || has_command || !image.needs_env.is_empty();
        let mut variables = image.env.clone();
        if uses_env {
            variables.extend(env::of_container(pod, container, lookup).unwrap_or_default());
        }
        let argv: Vec<String> = argv(container, image)
            .iter()
            .map(|arg| env::expand(arg, &variables, &std::collections::BTreeMap::new()))
            .collect();
        let what = match image.run {
            Run::Exit(code) if !has_command => What::Exit(SHORT, code),
            Run::Shell if argv.len() == 1 && is_shell(&argv) && !container.bool_at(&["stdin"]) => What::Exit(SHORT, 0),
            Run::Shell => Script::of_command(&argv).map_or(What::Serve, What::Script),
            // A server's image with another command: a shell's script, or a command that ends.
            _ if has_command && is_shell(&argv) && argv.len() > 1 => {
                Script::of_command(&argv).map_or(What::Serve, What::Script)
            }
            _ if has_command && is_simple(&argv) => Script::of_command(&argv).map_or(What::Serve, What::Script),
            _ if !image.needs_env.is_empty() && !image.needs_env.iter().any(|name| variables.contains_key(name)) => {
                What::Refuse(image.refusal.clone())
            }
            _ => What::Serve,
        };
        Self { image, what, setting: Setting { started_at, hostname: hostname(pod), env: variables } }
    }

    /// When (after its start) and with which code it ends by itself.
    pub fn end(&self) -> Option<(Duration, i32)> {
        match &self.what {
            What::Serve => None,
            What::Exit(after, code) => Some((*after, *code)),
            What::Refuse(_) => Some((SHORT, 1)),
            What::Script(script) => match script.end(&self.setting) {
                End::Exited(after, code) => Some((after, code)),
                End::Running | End::Never => None,
            },
        }
    }

    /// How long it runs after SIGTERM, and with which code it then ends; `None` if it must be killed.
    pub fn stop(&self) -> Option<(Duration, i32)> {
        match &self.what {
            What::Script(script) if script.traps_term() => Some((SHORT, 0)),
            // A shell that is a container's first process ignores SIGTERM.
            What::Script(_) => None,
            _ => self.image.stop_time().map(|time| (time, 0)),
        }
    }

    /// Whether the image's own program runs: the one that listens and answers.
    pub fn serves(&self) -> bool {
        matches!(self.what, What::Serve)
    }

    /// The lines it writes by itself up to `until` after its start, and when.
    pub fn lines(&self, until: Duration, line: &mut dyn FnMut(Timestamp, String)) {
        let started_at = self.setting.started_at;
        match &self.what {
            What::Script(script) => {
                script.follow(&self.setting, until, &mut |after, text| line(super::later(started_at, after), text));
            }
            What::Refuse(text) => line(started_at, start_line(text, &self.setting.hostname, started_at)),
            What::Serve | What::Exit(..) => {
                for template in &self.image.log {
                    line(started_at, start_line(template, &self.setting.hostname, started_at));
                }
            }
        }
    }

    /// Whether a command that runs in it, so long after its start, succeeds.
    pub fn exec_probe(&self, after: Duration, command: &[String]) -> bool {
        match &self.what {
            What::Script(script) => script.probe(&self.setting, after, command),
            // Files that nobody wrote are not there; any other command is taken to succeed.
            _ => match Script::of_command(&["sh".into(), "-c".into(), ":".into()]) {
                Some(nothing) => nothing.probe(&self.setting, after, command),
                None => true,
            },
        }
    }
}

fn is_shell(argv: &[String]) -> bool {
    let name = argv.first().and_then(|name| name.rsplit('/').next()).unwrap_or("");
    matches!(name, "sh" | "bash" | "ash" | "dash")
}

fn is_simple(argv: &[String]) -> bool {
    let name = argv.first().and_then(|name| name.rsplit('/').next()).unwrap_or("");
    matches!(
        name,
        "sleep" | "true" | "false" | "echo" | "date" | "env" | "printenv" | "hostname" | "tail" | "cat" | "ls"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::controllers::View;
    use serde_json::json;

    fn of(container: Object) -> (Option<(u64, i32)>, Vec<String>, Option<i32>) {
        let pod = json!({"metadata": {"namespace": "n", "name": "p"}});
        let view = View::of([], Timestamp::UNIX_EPOCH);
        let process = Process::new(&pod, &container, Timestamp::UNIX_EPOCH, Images::bundled(), &view);
        let mut lines = Vec::new();
        process.lines(Duration::from_secs(60), &mut |_, line| lines.push(line));
        (process.end().map(|(after, code)| (after.as_secs(), code)), lines, process.stop().map(|(_, code)| code))
    }

    #[test]
    fn runs_what_the_container_says() {
        for (container, end, first_line, stop) in [
            (
                json!({"image": "nginx"}),
                None,
                "/docker-entrypoint.sh: Configuration complete; ready for start up",
                Some(0),
            ),
            (json!({"image": "busybox"}), Some((0, 0)), "", None),
            (json!({"image": "busybox", "stdin": true, "command": ["sh"]}), None, "", None),
            (json!({"image": "busybox", "command": ["sh", "-c", "echo hi; sleep 3600"]}), Some((3600, 0)), "hi", None),
            (
                json!({"image": "busybox", "args": ["sh", "-c", "echo $(X); exit 4"], "env": [{"name": "X", "value": "v"}]}),
                Some((0, 4)),
                "v",
                None,
            ),
            (json!({"image": "busybox", "command": ["sleep", "infinity"]}), None, "", None),
            (
                json!({"image": "postgres"}),
                Some((0, 1)),
                "Error: Database is uninitialized and superuser password is not specified.",
                Some(0),
            ),
            (
                json!({"image": "postgres", "env": [{"name": "POSTGRES_PASSWORD", "value": "x"}]}),
                None,
                "1970-01-01 00:00:00.000 UTC [1] LOG:  database system is ready to accept connections",
                Some(0),
            ),
            (json!({"image": "nginx", "command": ["sh", "-c", "exit 1"]}), Some((0, 1)), "", None),
            (json!({"image": "hello-world"}), Some((0, 0)), "", None),
            (json!({"image": "example.org/own:1"}), None, "", Some(0)),
        ] {
            let (found_end, lines, found_stop) = of(container.clone());
            assert_eq!(found_end, end, "{container}");
            assert_eq!(lines.first().map_or("", String::as_str), first_line, "{container}");
            assert_eq!(found_stop, stop, "{container}");
        }
    }
}
