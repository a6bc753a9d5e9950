//! The objects that `run` creates.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::{Map, json};

use super::{RunArgs, text};
use crate::object::{Meta, Object, names};
use crate::ops::change;
use crate::ops::service::{atoi, parse_labels};

/// What is asked for, read from the flags.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) restart: &'static str,
    args: &'a RunArgs,
    words: Vec<&'a str>,
    env: Vec<Object>,
    annotations: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    port: Option<i32>,
}

impl<'a> Wanted<'a> {
    /// Reads the flags that make the objects.
    pub(super) fn of(args: &'a RunArgs, name: &'a str, restart: &'static str) -> anyhow::Result<Self> {
        let env = args.env.iter().map(|text| variable(text)).collect::<anyhow::Result<_>>()?;
        let annotations = change::pairs(&args.annotations, "annotations")?.into_iter().collect();
        let labels = match text(&args.labels) {
            "" => BTreeMap::new(),
            labels => parse_labels(labels)?,
        };
        let port = match text(&args.port) {
            "" => None,
            port => Some(atoi(port)?),
        };
        let words = args.args.iter().skip(1).chain(&args.words).map(String::as_str).collect();
        Ok(Self { name, restart, args, words, env, annotations, labels, port })
    }

    /// The labels of what is created; `key` names it where no labels are given.
    fn labels(&self, key: &str) -> BTreeMap<String, String> {
        if self.labels.is_empty() { [(key.to_owned(), self.name.to_owned())].into() } else { self.labels.clone() }
    }

    /// The labels as a selector.
    pub(super) fn selector(&self, key: &str) -> String {
        match text(&self.args.labels) {
            "" => format!("{key}={}", self.name),
            labels => labels.to_owned(),
        }
    }

    /// kubectl's pod.
    pub(super) fn pod(&self) -> Object {
        let mut metadata = json!({"name": self.name, "labels": self.labels("run")});
        if !self.annotations.is_empty() {
            metadata["annotations"] = json!(self.annotations);
        }
        let mut container = self.container(self.name);
        for (field, set) in [
            ("stdin", self.args.stdin),
            ("stdinOnce", self.args.stdin && !self.args.leave_stdin_open),
            ("tty", self.args.tty),
        ] {
            if set {
                container[field] = json!(true);
            }
        }
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {},
            "spec": {"containers": [container], "dnsPolicy": "ClusterFirst", "restartPolicy": self.restart},
        })
    }

    /// The shape of `create deployment`.
    pub(super) fn deployment(&self, replicas: i32) -> Object {
        let labels = self.labels("app");
        let mut template = json!({"metadata": {"labels": labels}, "spec": {
            "containers": [self.container(&container_name(text(&self.args.image)))]}});
        if !self.annotations.is_empty() {
            template.set_at(&["metadata", "annotations"], json!(self.annotations));
        }
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": self.name, "labels": labels},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "strategy": {}, "template": template},
            "status": {},
        })
    }

    fn container(&self, name: &str) -> Object {
        let mut container = Map::new();
        let mut set = |field: &str, value: Object| container.insert(field.to_owned(), value);
        set("name", name.into());
        set("image", text(&self.args.image).into());
        set("resources", json!({}));
        if self.args.privileged {
            set("securityContext", json!({"privileged": true}));
        }
        if !self.words.is_empty() {
            set(if self.args.command { "command" } else { "args" }, json!(self.words));
        }
        if !self.env.is_empty() {
            set("env", json!(self.env));
        }
        match text(&self.args.image_pull_policy) {
            "" => {}
            policy => drop(set("imagePullPolicy", policy.into())),
        }
        if let Some(port) = self.port {
            set("ports", json!([{"containerPort": port}]));
        }
        container.into()
    }
}

fn variable(text: &str) -> anyhow::Result<Object> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && names::env_var_name(name).is_empty() => {
            Ok(json!({"name": name, "value": value}))
        }
        _ => bail!("invalid env: {text}"),
    }
}

/// A container's name from its image, as `create deployment` makes it: the last part without tag and
/// digest, in characters that a name may have.
fn container_name(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    let name = last.split([':', '@']).next().unwrap_or(last);
    let clean: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' { c } else { '-' })
        .take(63)
        .collect();
    clean.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_containers_after_images() {
        for (image, want) in [
            ("nginx", "nginx"),
            ("reg.example.org:5000/a/Kubernetes_Bootcamp:v1", "kubernetes-bootcamp"),
            ("x/y@sha256:abc", "y"),
            ("-a-", "a"),
        ] {
            assert_eq!(container_name(image), want);
        }
    }

    #[test]
    fn reads_variables() {
        assert_eq!(variable("A=b=c").expect("a variable"), json!({"name": "A", "value": "b=c"}));
        for text in ["A", "=b", "A B=c"] {
            assert_eq!(variable(text).expect_err("refused").to_string(), format!("invalid env: {text}"));
        }
    }
}
