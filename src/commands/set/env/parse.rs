//! Which variables are to be set and removed.

use anyhow::bail;
use serde_json::json;

use crate::object::{Meta, Object, names};

/// Takes resources and variables apart; none where a resource follows a variable.
pub(super) fn split(args: &[String]) -> Option<(&[String], &[String])> {
    let is_variable = |arg: &str| arg.find('=').is_some_and(|at| at > 0) || arg.ends_with('-');
    let at = args.iter().position(|arg| is_variable(arg)).unwrap_or(args.len());
    let (resources, variables) = args.split_at(at);
    variables.iter().all(|arg| is_variable(arg)).then_some((resources, variables))
}

/// The name of a variable from the key of a ConfigMap or Secret.
pub(super) fn name_of_key(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// Variables to set, as they stand in a container, and names of those to remove.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wanted {
    pub(super) set: Vec<Object>,
    pub(super) remove: Vec<String>,
}

impl Wanted {
    /// Reads `NAME=VALUE`, `NAME-`, and `-`, which stands for what `input` reads.
    pub(super) fn parse(words: &[&str], input: impl Fn() -> anyhow::Result<String>) -> anyhow::Result<Self> {
        let mut wanted = Self::default();
        let mut names: Vec<&str> = Vec::new();
        for word in words {
            if *word == "-" {
                wanted.set.extend(read_lines(&input()?));
            } else if let Some((name, value)) = word.split_once('=') {
                let faults = names::env_var_name(name);
                if !faults.is_empty() {
                    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                    bail!("{name:?} is not a valid key name: {}", faults.join(";"));
                }
                names.push(name);
                wanted.set.push(json!({"name": name, "value": value}));
            } else if let Some(name) = word.strip_suffix('-') {
                wanted.remove.push(name.to_owned());
            } else {
                bail!("unknown environment variable: {word}");
            }
        }
        if wanted.remove.iter().any(|name| names.contains(&name.as_str())) {
            bail!("can not both modify and remove the same environment variable in the same command");
        }
        Ok(wanted)
    }

    /// Refuses to give a variable another value.
    pub(super) fn refuse_overwriting(&self, existing: &[Object]) -> anyhow::Result<()> {
        for variable in &self.set {
            let name = variable.str_at(&["name"]);
            let value = |variable: &Object| variable.str_at(&["value"]).to_owned();
            if let Some(current) = existing.iter().find(|current| current.str_at(&["name"]) == name)
                && value(current) != value(variable)
            {
                bail!("'{name}' already has a value ({}), and --overwrite is false", value(current));
            }
        }
        Ok(())
    }

    /// The variables of a container afterwards: in their order, new ones last. Where a name stands twice
    /// and is set, it stands once.
    pub(super) fn apply(&self, existing: &[Object]) -> Vec<Object> {
        let mut covered: Vec<&str> = self.remove.iter().map(String::as_str).collect();
        let mut env = Vec::new();
        for current in existing {
            let name = current.str_at(&["name"]);
            if covered.contains(&name) {
                continue;
            }
            match self.set.iter().find(|variable| variable.str_at(&["name"]) == name) {
                Some(variable) => {
                    covered.push(name);
                    env.push(variable.clone());
                }
                None => env.push(current.clone()),
            }
        }
        for variable in &self.set {
            let name = variable.str_at(&["name"]);
            if !covered.contains(&name) {
                covered.push(name);
                env.push(variable.clone());
            }
        }
        env
    }
}

/// The variables of a text, a line each; `#` begins a comment.
fn read_lines(text: &str) -> Vec<Object> {
    let lines = text.lines().filter_map(|line| line.split('#').next()?.split_once('='));
    lines.map(|(name, value)| json!({"name": name, "value": value})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn own(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn takes_resources_and_variables_apart() {
        let args = own(&["deploy/x", "A=1", "B-", "-"]);
        assert_eq!(split(&args), Some((&args[..1], &args[1..])));
        assert_eq!(split(&own(&["A=1", "deploy/x"])), None);
        assert_eq!(name_of_key("one-line.Key_1"), "ONE_LINE_KEY_1");
    }

    #[test]
    fn sets_and_removes() {
        let variable = |name: &str, value: &str| json!({"name": name, "value": value});
        let wanted = Wanted::parse(&["A=9", "C=3", "B-", "-"], || Ok("D=4 # four\n# x\n".into())).unwrap();
        let existing = [variable("A", "1"), variable("B", "2"), variable("A", "1"), variable("E", "5")];
        assert_eq!(
            wanted.apply(&existing),
            [variable("A", "9"), variable("E", "5"), variable("C", "3"), variable("D", "4 ")]
        );
        assert_eq!(
            wanted.refuse_overwriting(&existing).unwrap_err().to_string(),
            "'A' already has a value (1), and --overwrite is false"
        );
        for (words, want) in [
            (&["A=1", "A-"][..], "can not both modify and remove the same environment variable in the same command"),
            (&["A"], "unknown environment variable: A"),
        ] {
            assert_eq!(Wanted::parse(words, || Ok(String::new())).unwrap_err().to_string(), want);
        }
        assert!(Wanted::parse(&["A B=1"], || Ok(String::new())).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(words in proptest::collection::vec("[A=# -]{0,5}", 0..5)) {
            let given: Vec<&str> = words.iter().map(String::as_str).collect();
            if let Ok(wanted) = Wanted::parse(&given, || Ok(words.join("\n"))) {
                let once = wanted.apply(&wanted.set);
                prop_assert_eq!(wanted.apply(&once).len(), once.len());
            }
            let _ = split(&words);
        }
    }
}
