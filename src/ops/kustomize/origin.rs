//! Where objects come from, for `buildMetadata`.

/// The annotation that tells an object's origin.
pub const ORIGIN: &str = "config.kubernetes.io/origin";
/// The annotation that tells what changed an object.
pub const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// A file, or a field of a kustomization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The folder or file, seen from where the build starts.
    pub path: String,
    /// The kustomization file of a generator or transformer.
    pub configured_in: String,
    /// The kind of the generator or transformer.
    pub kind: String,
}

impl Origin {
    /// A place below this one.
    pub fn join(&self, path: &str) -> Self {
        Self { path: super::loader::clean(&format!("{}/{path}", or_dot(&self.path))), ..Self::default() }
    }

    /// What a kustomization here generates or changes.
    pub fn configured(&self, file: &str, kind: &str) -> Self {
        Self { configured_in: self.join(file).path, kind: kind.to_owned(), ..Self::default() }
    }

    /// As YAML.
    pub fn text(&self) -> String {
        if self.kind.is_empty() {
            return format!("path: {}\n", self.path);
        }
        format!("configuredIn: {}\nconfiguredBy:\n  apiVersion: builtin\n  kind: {}\n", self.configured_in, self.kind)
    }

    /// Several as a YAML list.
    pub fn list_text(origins: &[Self]) -> String {
        let item = |origin: &Self| {
            let text = origin.text();
            let mut lines = text.lines();
            let first = format!("- {}\n", lines.next().unwrap_or_default());
            lines.fold(first, |text, line| format!("{text}  {line}\n"))
        };
        origins.iter().map(item).collect()
    }
}

fn or_dot(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}
