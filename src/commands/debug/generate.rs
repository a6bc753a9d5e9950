//! The pods and containers that `debug` makes.

use std::io::Write as _;

use anyhow::bail;
use serde_json::json;

use super::profile::{Style, container_mut, push};
use super::{Debug, custom};
use crate::object::{Meta, Object};
use crate::ops::pair::unique;
use crate::ops::pods;
use crate::ops::random::Suffixes;

impl Debug<'_> {
    fn tell(&self, line: &str) -> anyhow::Result<()> {
        if !self.args.quiet {
            let mut out = self.ctx.streams.out();
            writeln!(out, "{line}")?;
            // What follows goes to the other stream.
            out.flush()?;
        }
        Ok(())
    }

    fn env(&self) -> Option<Object> {
        let variables = unique(&self.args.env).into_iter().map(|pair| json!({"name": pair.key, "value": pair.value}));
        let variables: Vec<Object> = variables.collect();
        (!variables.is_empty()).then(|| variables.into())
    }

    /// The name of a container that is new in the pod.
    fn container_name(&self, pod: &Object) -> anyhow::Result<String> {
        if !self.args.container().is_empty() {
            return Ok(self.args.container().to_owned());
        }
        let mut suffixes = Suffixes::new(self.ctx, pod.name());
        let name = loop {
            let name = format!("debugger-{}", suffixes.draw());
            if pods::container(pod, &name).is_none() {
                break name;
            }
        };
        self.tell(&format!("Defaulting debug container name to {name}."))?;
        Ok(name)
    }

    /// Sets the command, or its arguments, where any are given.
    fn set_words(&self, container: &mut Object) {
        if self.args.words.is_empty() {
            return;
        }
        if self.args.arguments_only {
            container.set_at(&["args"], self.args.words.clone());
        } else {
            container.set_at(&["command"], self.args.words.clone());
            container.remove_at(&["args"]);
        }
    }

    /// Sets the standard streams; what is not wanted is not there.
    fn set_streams(&self, container: &mut Object) {
        for (field, wanted) in [("stdin", self.args.stdin), ("tty", self.args.tty)] {
            if wanted {
                container.set_at(&[field], true);
            } else {
                container.remove_at(&[field]);
            }
        }
    }

    /// A new container with everything that the flags say.
    fn container(&self, name: &str) -> Object {
        let mut container =
            json!({"name": name, "image": self.args.image(), "resources": {}, "terminationMessagePolicy": "File"});
        if let Some(env) = self.env() {
            container.set_at(&["env"], env);
        }
        if !self.args.pull_policy().is_empty() {
            container.set_at(&["imagePullPolicy"], self.args.pull_policy());
        }
        self.set_streams(&mut container);
        self.set_words(&mut container);
        container
    }

    /// The pod with a container more, and that one's name.
    pub(super) fn with_ephemeral(&self, pod: &Object) -> anyhow::Result<(Object, String)> {
        let name = self.container_name(pod)?;
        let mut container = self.container(&name);
        if !self.args.target().is_empty() {
            container.set_at(&["targetContainerName"], self.args.target());
        }
        let mut changed = pod.clone();
        push(&mut changed, &["spec", "ephemeralContainers"], container);
        self.profile.apply(Style::Ephemeral, &mut changed, &name, self.args.keep());
        if let Some(custom) = &self.custom {
            custom::apply(custom, &mut changed, &name, "ephemeral container")?;
        }
        Ok((changed, name))
    }

    /// A pod on the node.
    pub(super) fn node_pod(&self, node: &Object) -> anyhow::Result<Object> {
        let container = match self.args.container() {
            "" => "debugger",
            name => name,
        };
        let node = node.name();
        let name = format!("node-debugger-{node}-{}", Suffixes::new(self.ctx, node).draw());
        self.tell(&format!("Creating debugging pod {name} with container {container} on node {node}."))?;
        let mut pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "kubectl-debug"}},
            "spec": {
                "containers": [self.container(container)],
                "nodeName": node,
                "restartPolicy": "Never",
                "tolerations": [{"operator": "Exists"}],
            },
            "status": {},
        });
        self.profile.apply(Style::Node, &mut pod, container, self.args.keep());
        if let Some(custom) = &self.custom {
            custom::apply(custom, &mut pod, container, "container")?;
        }
        Ok(pod)
    }

    /// A copy of the pod, and the name of the container to look into; empty where only images change.
    pub(super) fn copy(&self, pod: &Object) -> anyhow::Result<(Object, String)> {
        let mut copied = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self.args.copy_to(), "namespace": pod.namespace()},
            "spec": pod.get("spec").cloned().unwrap_or_default(),
            "status": {},
        });
        for field in ["annotations", "labels"] {
            if let Some(map) = pod.at(&["metadata", field]) {
                copied.set_at(&["metadata", field], map.clone());
            }
        }
        copied.remove_at(&["spec", "ephemeralContainers"]);
        if let Some(share) = self.args.share_processes {
            copied.set_at(&["spec", "shareProcessNamespace"], share);
        }
        if !self.args.same_node {
            copied.remove_at(&["spec", "nodeName"]);
        }
        self.set_images(&mut copied);
        let mut name = self.args.container().to_owned();
        if container_mut(&mut copied, &name).is_none() {
            if self.args.image().is_empty() {
                if !self.args.set_image.is_empty() {
                    return Ok((copied, String::new()));
                }
                bail!("you must specify image when creating new container");
            }
            name = self.container_name(&copied)?;
            let new = json!({"name": name, "resources": {}, "terminationMessagePolicy": "File"});
            push(&mut copied, &["spec", "containers"], new);
        }
        if let Some(container) = container_mut(&mut copied, &name) {
            self.set_words(container);
            if let Some(env) = self.env() {
                container.set_at(&["env"], env);
            }
            for (field, value) in [("image", self.args.image()), ("imagePullPolicy", self.args.pull_policy())] {
                if !value.is_empty() {
                    container.set_at(&[field], value);
                }
            }
            self.set_streams(container);
        }
        self.profile.apply(Style::Copy, &mut copied, &name, self.args.keep());
        if let Some(custom) = &self.custom {
            custom::apply(custom, &mut copied, &name, "container")?;
        }
        Ok((copied, name))
    }

    /// Gives containers the images of `--set-image`; `*` stands for those that are not named.
    fn set_images(&self, pod: &mut Object) {
        let images = unique(&self.args.set_image);
        let image_of = |name: &str| images.iter().find(|pair| pair.key == name).map(|pair| pair.value.as_str());
        let Some(spec) = pod.get_mut("spec") else { return };
        for container in crate::ops::pod_template::containers_mut(spec, "containers") {
            let image = image_of(container.str_at(&["name"])).or_else(|| image_of("*")).unwrap_or_default();
            if !image.is_empty() {
                container.set_at(&["image"], image);
            }
        }
    }
}
