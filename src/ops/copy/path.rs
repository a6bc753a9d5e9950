//! Paths of a copy as text: what was typed, what it names in a pod, and where an archive's names lead.
//! Everything here is lexical; nothing looks at a disk.

use std::fmt;

/// What is said of an argument that names neither a file here nor one in a pod.
const FORM: &str = "filespec must match the canonical format: [[namespace/]pod:]file/path";

/// One side of a copy: `[[namespace/]pod:]path`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSpec {
    /// Empty for the namespace in use.
    pub namespace: String,
    /// Empty for a file on this machine.
    pub pod: String,
    /// The path, without a slash at its end.
    pub path: String,
}

impl FileSpec {
    /// Reads an argument that somebody is typing: the slash at its end counts, for it leads into a folder.
    ///
    /// # Errors
    /// As below.
    pub fn typed(text: &str) -> anyhow::Result<Self> {
        let mut spec = Self::parse(text)?;
        if text.ends_with('/') && !spec.path.is_empty() && !spec.path.ends_with('/') {
            spec.path.push('/');
        }
        Ok(spec)
    }

    /// Reads an argument.
    ///
    /// # Errors
    /// It begins with a colon, or has more than one slash before it.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let Some((pod, path)) = text.split_once(':') else {
            return Ok(Self { path: without_slash(text).to_owned(), ..Self::default() });
        };
        if pod.is_empty() && text.starts_with(':') {
            anyhow::bail!(FORM);
        }
        let (namespace, pod) = match pod.split_once('/') {
            None => ("", pod),
            Some((_, rest)) if rest.contains('/') => anyhow::bail!(FORM),
            Some(pair) => pair,
        };
        // Containers are taken for Linux; a path typed as on Windows is read as it is meant.
        let path = without_slash(path).replace('\\', "/");
        Ok(Self { namespace: namespace.to_owned(), pod: pod.to_owned(), path })
    }
}

impl fmt::Display for FileSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

fn without_slash(path: &str) -> &str {
    if path == "/" { path } else { path.strip_suffix('/').unwrap_or(path) }
}

/// The shortest path that means the same, going by its words alone: no `.`, no doubled slashes, `..` only
/// at the beginning.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// Two paths, one below the other, cleaned.
pub fn join(base: &str, name: &str) -> String {
    match (base.is_empty(), name.is_empty()) {
        (true, true) => String::new(),
        (false, true) => clean(base),
        (true, false) => clean(name),
        (false, false) => clean(&format!("{base}/{name}")),
    }
}

/// A path's folder and its last part, cleaned: `.` and `x` for `x`.
pub fn split(path: &str) -> (String, String) {
    let path = clean(path);
    match path.rsplit_once('/') {
        None => (".".to_owned(), path),
        Some(("", "")) => ("/".to_owned(), "/".to_owned()),
        Some(("", name)) => ("/".to_owned(), name.to_owned()),
        Some((folder, name)) => (folder.to_owned(), name.to_owned()),
    }
}

/// What all names in an archive of this path begin with: `tar` leaves leading slashes out, and what leads
/// above where it stands.
pub fn prefix(path: &str) -> String {
    let cleaned = clean(path.trim_start_matches('/'));
    let mut rest = cleaned.as_str();
    while let Some(shorter) = rest.strip_prefix("../") {
        rest = shorter;
    }
    if matches!(rest, "." | "..") { String::new() } else { rest.to_owned() }
}

/// Where a name of an archive belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inside {
    /// There, below the destination; no parts for the destination itself.
    At(Vec<String>),
    /// Out of the destination.
    Outside,
    /// It is not in what was asked for, so somebody meddled with the archive.
    Foreign,
}

/// Finds where a name of an archive belongs whose names all begin with `prefix`.
pub fn place(prefix: &str, name: &str) -> Inside {
    let name = name.strip_prefix("./").filter(|_| !prefix.starts_with("./")).unwrap_or(name);
    let Some(rest) = name.strip_prefix(prefix) else { return Inside::Foreign };
    if prefix.is_empty() && name.starts_with('/') || !prefix.is_empty() && !rest.is_empty() && !rest.starts_with('/') {
        return Inside::Foreign;
    }
    let rest = rest.replace('\\', "/");
    let mut parts = Vec::new();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Inside::Outside;
                }
            }
            part if part.contains('\0') => return Inside::Foreign,
            part => parts.push(part.to_owned()),
        }
    }
    Inside::At(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_arguments() {
        for (text, want) in [
            ("/foo/bar", Some(("", "", "/foo/bar"))),
            ("pod:/foo/", Some(("", "pod", "/foo"))),
            ("ns/pod:foo", Some(("ns", "pod", "foo"))),
            ("pod:a\\b", Some(("", "pod", "a/b"))),
            ("pod:a:b", Some(("", "pod", "a:b"))),
            ("/", Some(("", "", "/"))),
            ("pod:", Some(("", "pod", ""))),
            (":file", None),
            ("a/b/c:file", None),
        ] {
            let spec = FileSpec::parse(text).ok();
            let parts = spec.as_ref().map(|spec| (spec.namespace.as_str(), spec.pod.as_str(), spec.path.as_str()));
            assert_eq!(parts, want, "{text}");
        }
    }

    #[test]
    fn takes_paths_apart() {
        for (path, want, folder, name) in [
            ("", ".", ".", "."),
            ("/", "/", "/", "/"),
            ("a//b/./c/..", "a/b", "a", "b"),
            ("../../a", "../../a", "../..", "a"),
            ("/../a", "/a", "/", "a"),
            ("a", "a", ".", "a"),
        ] {
            assert_eq!(clean(path), want, "{path}");
            assert_eq!(split(path), (folder.to_owned(), name.to_owned()), "{path}");
        }
        assert_eq!((join("", ""), join("/tmp", "a/../b"), join("", "x/")), ("".into(), "/tmp/b".into(), "x".into()));
        for (path, want) in
            [("/tmp/foo", "tmp/foo"), ("../../x", "x"), ("/", ""), ("..", ""), (".", ""), ("./a/", "a"), ("//a", "a")]
        {
            assert_eq!(prefix(path), want, "{path}");
        }
    }

    #[test]
    fn places_names() {
        let at = |parts: &[&str]| Inside::At(parts.iter().map(|&part| part.to_owned()).collect());
        for (prefix, name, want) in [
            ("tmp/foo", "tmp/foo", at(&[])),
            ("tmp/foo", "tmp/foo/", at(&[])),
            ("tmp/foo", "tmp/foo/a/b", at(&["a", "b"])),
            ("tmp/foo", "./tmp/foo/a", at(&["a"])),
            ("tmp/foo", "tmp/foo/../../etc/x", Inside::Outside),
            ("tmp/foo", "tmp/foo/a/../b", at(&["b"])),
            ("tmp/foo", "tmp/foo/a\\..\\..\\..\\x", Inside::Outside),
            ("tmp/foo", "tmp/other", Inside::Foreign),
            ("tmp/foo", "tmp/foobar", Inside::Foreign),
            ("tmp/foo", "/tmp/foo", Inside::Foreign),
            ("", "/etc/passwd", Inside::Foreign),
            ("", "./a", at(&["a"])),
            ("", "../a", Inside::Outside),
        ] {
            assert_eq!(place(prefix, name), want, "{prefix} {name}");
        }
    }

    proptest! {
        #[test]
        fn names_never_lead_out(prefix in "[a./]{0,6}", name in "[a./\\\\]{0,12}") {
            if let Inside::At(parts) = place(&prefix, &name) {
                prop_assert!(parts.iter().all(|part| !matches!(part.as_str(), "" | "." | "..") && !part.contains(['/', '\\'])));
            }
        }
    }
}
