//! The text that is edited: objects under lines of explanation.

use crate::object::{Meta, Object, Status, yaml};
use crate::output;

/// How objects are written for the editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// YAML, under lines of explanation.
    Yaml,
    /// JSON, which knows no comments.
    Json,
}

impl Form {
    /// The extension of the file.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Yaml => ".yaml",
            Self::Json => ".json",
        }
    }

    /// An object as text.
    ///
    /// # Errors
    /// Numbers that YAML cannot hold.
    pub fn write(self, object: &Object) -> anyhow::Result<String> {
        Ok(match self {
            Self::Yaml => output::yaml::to_string(object)?,
            Self::Json => output::json::pretty(object) + "\n",
        })
    }
}

/// Why the file must be edited again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reason {
    /// The heading.
    pub head: String,
    /// The single faults.
    pub faults: Vec<String>,
}

impl Reason {
    /// Why the server refused an object, `pods "x"`.
    pub fn refused(subject: &str, status: &Status) -> Self {
        let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
        let faults = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        Self { head: format!("{subject} was not valid"), faults }
    }
}

/// The lines above the objects.
pub fn header(explanation: &str, reasons: &[Reason]) -> String {
    let mut text = String::new();
    let mut say = |line: &str| {
        text.push_str("# ");
        text.push_str(line.trim_end());
        text.push('\n');
    };
    explanation.lines().for_each(&mut say);
    say("");
    for reason in reasons {
        let colon = if reason.faults.is_empty() { "" } else { ":" };
        format!("{}{colon}", reason.head).lines().for_each(&mut say);
        for fault in &reason.faults {
            format!("* {fault}").lines().for_each(&mut say);
        }
        say("");
    }
    text.replace("# \n", "#\n")
}

/// The text without the lines that are comments.
pub fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).map(|line| format!("{line}\n")).collect()
}

/// Whether there is anything but comments and white space.
pub fn has_lines(text: &str) -> bool {
    !without_comments(text).trim().is_empty()
}

/// Whether two texts say the same, whatever their comments and their form.
pub fn same(left: &str, right: &str) -> bool {
    match (yaml::parse(left.as_bytes()), yaml::parse(right.as_bytes())) {
        (Ok(left), Ok(right)) => left == right,
        _ => without_comments(left) == without_comments(right),
    }
}

/// Several objects as a list, one as itself; without the books of field managers.
pub fn together(objects: &[Object]) -> Object {
    let bare = |object: &Object| {
        let mut object = object.clone();
        object.remove_at(&["metadata", "managedFields"]);
        object
    };
    match objects {
        [object] => bare(object),
        objects => {
            let items: Vec<Object> = objects.iter().map(bare).collect();
            serde_json::json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_do_not_count() {
        assert!(same("# x\na: 1\n", "a: 1"));
        assert!(same("a: {b: 1}\n", "a:\n  b: 1\n"));
        assert!(!same("a: 1\n", "a: 2\n"));
        assert!(!has_lines("# x\n  \n #y\n") && has_lines("# x\na\n"));
        let reason = Reason { head: "pods \"x\" was not valid".into(), faults: vec!["spec: no\nmore".into()] };
        assert_eq!(header("Say.", &[reason]), "# Say.\n#\n# pods \"x\" was not valid:\n# * spec: no\n# more\n#\n");
    }
}
