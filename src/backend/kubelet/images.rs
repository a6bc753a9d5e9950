//! Images as data: what is known of an image by its name, and what a registry would say to a pull.
//!
//! The table is `data/images.yaml`; its head describes the fields. An image that is in no entry can
//! be pulled and runs quietly.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use regex_lite::Regex;
use serde::Deserialize;

use super::chance;
use super::programs::Program;

/// What is known of one image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Names the entry.
    pub name: String,
    repositories: Vec<String>,
    #[serde(default)]
    tags: Option<String>,
    /// Bytes, compressed, as the event about its pull says.
    #[serde(default = "unknown_size")]
    pub size: u64,
    /// Milliseconds of a first pull.
    #[serde(default = "unknown_pull")]
    pull: u64,
    /// Milliseconds between SIGTERM and the end; none for a program that ignores SIGTERM.
    #[serde(default)]
    stop: Option<u64>,
    /// Ports on which the program listens, apart from those a container declares.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// What it answers there.
    #[serde(default)]
    pub program: Program,
    /// How it runs.
    #[serde(default)]
    pub run: Run,
    /// What runs when the container names neither command nor args.
    #[serde(default)]
    pub command: Vec<String>,
    /// The image's own environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Lines written at the start.
    #[serde(default)]
    pub log: Vec<String>,
    /// The program ends at once unless one of these variables is set.
    #[serde(default)]
    pub needs_env: Vec<String>,
    /// What it says in that case.
    #[serde(default)]
    pub refusal: String,
}

fn unknown_size() -> u64 {
    52_428_800
}

fn unknown_pull() -> u64 {
    1500
}

/// How an image's program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Run {
    /// Until it is stopped.
    #[default]
    Serve,
    /// As the shell command says that the container names.
    Shell,
    /// Ends at once with this code.
    Exit(i32),
}

impl TryFrom<String> for Run {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["serve"] => Ok(Self::Serve),
            ["shell"] => Ok(Self::Shell),
            ["exit", code] => code.parse().map(Self::Exit).map_err(|_| format!("not an exit code: {code}")),
            _ => Err(format!("not a way to run: {text}")),
        }
    }
}

impl Image {
    /// How long a first pull takes.
    pub fn pull_time(&self) -> Duration {
        Duration::from_millis(self.pull)
    }

    /// How long it runs after SIGTERM; `None` if it must be killed.
    pub fn stop_time(&self) -> Option<Duration> {
        self.stop.map(Duration::from_millis)
    }

    fn is_named(&self, repository: &str) -> bool {
        self.repositories.iter().any(|pattern| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
            (Some(end), _) => repository.ends_with(end),
            (_, Some(start)) => repository.starts_with(start),
            _ => repository == pattern,
        })
    }
}

/// Why an image cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The name is no image reference.
    InvalidName(String),
    /// The registry, or the way to it, says no.
    Pull(String),
}

/// An image reference in its full form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `docker.io/library/nginx`.
    pub repository: String,
    /// `latest`; empty beside a digest.
    pub tag: String,
    /// `sha256:…`, if the reference has one.
    pub digest: String,
}

impl Reference {
    /// Reads a reference as containerd does: no registry is Docker Hub, no namespace there is
    /// `library`, no tag is `latest`.
    ///
    /// # Errors
    /// The text of the reference parser.
    pub fn parse(image: &str) -> Result<Self, String> {
        let invalid = || format!("couldn't parse image name {image:?}: invalid reference format");
        let (name, digest) = image.split_once('@').unwrap_or((image, ""));
        let slash = name.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match name.get(slash..).and_then(|last| last.find(':')) {
            Some(colon) => name.split_at(slash + colon),
            None => (name, ""),
        };
        let tag = tag.strip_prefix(':').unwrap_or(tag);
        let (domain, path) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest.to_owned()),
            Some(_) => ("docker.io", name.to_owned()),
            None => ("docker.io", format!("library/{name}")),
        };
        let domain = if domain == "index.docker.io" { "docker.io" } else { domain };
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(format!("{}: repository name ({path}) must be lowercase", invalid()));
        }
        let part = |part: &str| {
            part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.ends_with(|c: char| c.is_ascii_alphanumeric())
        };
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let tag_ok = tag.is_empty() && !image.contains(":@") && !image.ends_with(':')
            || tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || c == '.' || c == '-');
        let digest_ok = digest.is_empty() && !image.ends_with('@')
            || digest
                .split_once(':')
                .is_some_and(|(_, hex)| hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        if name.is_empty() || !path.split('/').all(part) || !tag_ok || !digest_ok {
            return Err(invalid());
        }
        let tag = if tag.is_empty() && digest.is_empty() { "latest" } else { tag };
        Ok(Self { repository: format!("{domain}/{path}"), tag: tag.into(), digest: digest.into() })
    }

    /// The full reference: `docker.io/library/nginx:latest`.
    pub fn full(&self) -> String {
        let mut text = self.repository.clone();
        if !self.tag.is_empty() {
            text = format!("{text}:{}", self.tag);
        }
        if !self.digest.is_empty() {
            text = format!("{text}@{}", self.digest);
        }
        text
    }

    /// Why it cannot be pulled, in containerd's words.
    pub fn refused(&self, why: Why) -> Refusal {
        let full = self.full();
        let (code, why) = match why {
            Why::NotFound => ("NotFound", format!("{full}: not found")),
            Why::Refused => (
                "Unknown",
                "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed".to_owned(),
            ),
            Why::Unreachable => {
                let (host, path) = self.repository.split_once('/').unwrap_or((&self.repository, ""));
                let manifest = if self.digest.is_empty() { &self.tag } else { &self.digest };
                let name = host.split(':').next().unwrap_or(host);
                ("Unknown", format!(
                    "failed to do request: Head \"https://{host}/v2/{path}/manifests/{manifest}\": dial tcp: lookup {name}: no such host"
                ))
            }
        };
        Refusal::Pull(format!(
            "rpc error: code = {code} desc = failed to pull and unpack image {full:?}: failed to resolve reference {full:?}: {why}"
        ))
    }

    /// The image's ID: `docker.io/library/nginx@sha256:…`. The digest of a tag is made up, always the same.
    pub fn id(&self) -> String {
        if self.digest.is_empty() {
            format!("{}@sha256:{}", self.repository, chance::hex64(&self.full()))
        } else {
            format!("{}@{}", self.repository, self.digest)
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    images: Vec<Image>,
    refusals: Vec<RefusalRule>,
}

#[derive(Deserialize)]
struct RefusalRule {
    r#match: String,
    why: Why,
}

/// Why an image cannot be pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// The registry wants credentials, or has no such repository.
    Refused,
    /// There is no such registry.
    Unreachable,
    /// There is no such tag.
    #[serde(skip)]
    NotFound,
}

/// The table of images.
pub struct Images {
    images: Vec<(Image, Option<Regex>)>,
    refusals: Vec<(Regex, Why)>,
    unknown: Image,
}

impl Images {
    /// The table that comes with the program.
    pub fn bundled() -> &'static Self {
        static IMAGES: OnceLock<Images> = OnceLock::new();
        IMAGES.get_or_init(|| Self::parse(include_str!("data/images.yaml")).unwrap_or_else(|_| Self::empty()))
    }

    /// Reads a table in the form of `data/images.yaml`.
    ///
    /// # Errors
    /// YAML that does not fit, or a pattern that is no regular expression.
    pub fn parse(yaml: &str) -> anyhow::Result<Self> {
        let table: Table = serde_yaml::from_str(yaml)?;
        let mut images = Vec::with_capacity(table.images.len());
        for image in table.images {
            let tags = image.tags.as_ref().map(|tags| Regex::new(&format!("^({tags})$"))).transpose()?;
            images.push((image, tags));
        }
        let refusals = table
            .refusals
            .into_iter()
            .map(|rule| Ok((Regex::new(&rule.r#match)?, rule.why)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { images, refusals, ..Self::empty() })
    }

    fn empty() -> Self {
        let unknown = Image {
            name: "unknown".into(),
            repositories: Vec::new(),
            tags: None,
            size: unknown_size(),
            pull: unknown_pull(),
            stop: Some(1000),
            ports: Vec::new(),
            program: Program::Unknown,
            run: Run::Serve,
            command: Vec::new(),
            env: BTreeMap::new(),
            log: Vec::new(),
            needs_env: Vec::new(),
            refusal: String::new(),
        };
        Self { images: Vec::new(), refusals: Vec::new(), unknown }
    }

    /// What is known of the image of that name, whether or not it can be pulled.
    pub fn find(&self, image: &str) -> &Image {
        let Ok(reference) = Reference::parse(image) else { return &self.unknown };
        self.entry(&reference).map_or(&self.unknown, |(image, _)| image)
    }

    fn entry(&self, reference: &Reference) -> Option<&(Image, Option<Regex>)> {
        self.images.iter().find(|(image, _)| image.is_named(&reference.repository))
    }

    /// What a pull of the image leads to.
    ///
    /// # Errors
    /// Why it cannot be had, in the words of the kubelet and of containerd.
    pub fn pull(&self, image: &str) -> Result<(&Image, Reference), Refusal> {
        let reference = Reference::parse(image).map_err(Refusal::InvalidName)?;
        if let Some((_, why)) = self.refusals.iter().find(|(pattern, _)| pattern.is_match(&reference.repository)) {
            return Err(reference.refused(*why));
        }
        match self.entry(&reference) {
            Some((_, Some(tags))) if reference.digest.is_empty() && !tags.is_match(&reference.tag) => {
                Err(reference.refused(Why::NotFound))
            }
            Some((image, _)) => Ok((image, reference)),
            None => Ok((&self.unknown, reference)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bundled_table_parses() {
        let images = Images::parse(include_str!("data/images.yaml")).expect("a table");
        assert!(images.images.len() > 20);
    }

    #[test]
    fn full_names() {
        for (image, full) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("jocatalin/kubernetes-bootcamp:v2", "docker.io/jocatalin/kubernetes-bootcamp:v2"),
            ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
            ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
            (
                "a/b@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                "docker.io/a/b@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            ),
        ] {
            assert_eq!(Reference::parse(image).map(|r| r.full()), Ok(full.to_owned()), "{image}");
        }
        for image in ["", "nginx:", "a b", "-x", "nginx@", "nginx:a:b", "a//b", "x@sha256:12"] {
            assert!(Reference::parse(image).is_err(), "{image}");
        }
        assert_eq!(
            Reference::parse("Nginx").unwrap_err(),
            "couldn't parse image name \"Nginx\": invalid reference format: repository name (library/Nginx) must be lowercase"
        );
    }

    #[test]
    fn pulls_what_exists_and_refuses_the_rest() {
        let images = Images::bundled();
        for (image, entry) in [
            ("nginx", "nginx"),
            ("nginx:1.14.2", "nginx"),
            ("nginx:1.27-alpine", "nginx"),
            ("docker.io/jocatalin/kubernetes-bootcamp:v1", "kubernetes-bootcamp"),
            ("gcr.io/google-samples/kubernetes-bootcamp:v2", "kubernetes-bootcamp"),
            ("busybox:1.36", "shells"),
            ("reg.example.org/own:3", "unknown"),
        ] {
            assert_eq!(images.pull(image).map(|(i, _)| i.name.as_str()), Ok(entry), "{image}");
        }
        for (image, part) in [
            (
                "gcr.io/google-samples/kubernetes-bootcamp:v10",
                "code = NotFound desc = failed to pull and unpack image \"gcr.io/google-samples/kubernetes-bootcamp:v10\": failed to resolve reference \"gcr.io/google-samples/kubernetes-bootcamp:v10\": gcr.io/google-samples/kubernetes-bootcamp:v10: not found",
            ),
            ("nginx:1.161", "docker.io/library/nginx:1.161: not found"),
            ("registry.invalid/app:1", "dial tcp: lookup registry.invalid: no such host"),
            ("does-not-exist", "pull access denied"),
        ] {
            match images.pull(image) {
                Err(Refusal::Pull(text)) => assert!(text.contains(part), "{image}: {text}"),
                other => panic!("{image}: {other:?}"),
            }
        }
        assert!(matches!(images.pull("NGINX"), Err(Refusal::InvalidName(_))));
    }

    proptest! {
        #[test]
        fn never_panics(image in "\\PC{0,60}") {
            let _ = Images::bundled().pull(&image);
        }
    }
}
