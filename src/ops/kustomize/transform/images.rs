//! `images`.

use regex_lite::Regex;

use crate::object::{Meta, Object};
use crate::ops::kustomize::fields::{self, Create, FieldSpec};
use crate::ops::kustomize::kustomization::Image;
use crate::ops::kustomize::resource::Resources;

/// Renames images in containers, wherever they are, and in the fields that are known to hold images.
///
/// # Errors
/// A name that is no regular expression; an image that is no text.
pub fn set(resources: &mut Resources, image: &Image, specs: &[FieldSpec]) -> anyhow::Result<()> {
    let pattern = format!("^{}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$", image.name);
    let pattern = Regex::new(&pattern)?;
    let update = |field: &mut Object| -> anyhow::Result<()> {
        match field.as_str() {
            Some(text) if pattern.is_match(text) => *field = renamed(text, image).into(),
            Some(_) => {}
            None if field.is_object() || field.is_array() => anyhow::bail!("wrong node kind: expected ScalarNode"),
            None => {}
        }
        Ok(())
    };
    for resource in &mut resources.0 {
        if resource.object.kind() == "CustomResourceDefinition" {
            continue;
        }
        in_containers(&mut resource.object, &update)?;
        fields::visit_all(specs, &mut resource.object, Create::Nothing, &mut |field| update(field))?;
    }
    Ok(())
}

/// Every list called `containers` or `initContainers`. The depth is that of the object, which reading bounds.
fn in_containers(node: &mut Object, update: &dyn Fn(&mut Object) -> anyhow::Result<()>) -> anyhow::Result<()> {
    match node {
        Object::Object(map) => {
            for (key, value) in map.iter_mut() {
                in_containers(value, update)?;
                if key != "containers" && key != "initContainers" {
                    continue;
                }
                for container in value.as_array_mut().into_iter().flatten() {
                    if let Some(image) = container.get_mut("image") {
                        update(image)?;
                    }
                }
            }
        }
        Object::Array(elements) => {
            for element in elements {
                in_containers(element, update)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// An image's reference with what is asked for in it.
fn renamed(reference: &str, image: &Image) -> String {
    let (name, mut tag, mut digest) = split(reference);
    let mut text = if image.new_name.is_empty() { name.to_owned() } else { image.new_name.clone() };
    let suffixed;
    match (image.new_tag.as_str(), image.digest.as_str(), image.tag_suffix.as_str()) {
        ("", "", "") => {}
        ("", "", suffix) => {
            suffixed = format!("{tag}{suffix}");
            (tag, digest) = (&suffixed, "");
        }
        (new_tag, new_digest, _) => (tag, digest) = (new_tag, new_digest),
    }
    if !tag.is_empty() {
        text.push(':');
        text.push_str(tag);
    }
    if !digest.is_empty() {
        text.push('@');
        text.push_str(digest);
    }
    text
}

/// Name, tag and digest. A colon before the first slash is a port's.
fn split(reference: &str) -> (&str, &str, &str) {
    let host = reference.find('/').unwrap_or(0);
    let rest = reference.get(host..).unwrap_or_default();
    let at = |separator: char| rest.find(separator).map(|at| at + host);
    let cut =
        |index: usize| (reference.get(..index).unwrap_or_default(), reference.get(index + 1..).unwrap_or_default());
    match (at('@'), at(':')) {
        (None, None) => (reference, "", ""),
        (None, Some(colon)) => {
            let (name, tag) = cut(colon);
            (name, tag, "")
        }
        (Some(digest), Some(colon)) if colon < digest => {
            let (name, _) = cut(colon);
            (name, reference.get(colon + 1..digest).unwrap_or_default(), cut(digest).1)
        }
        (Some(digest), _) => {
            let (name, digest) = cut(digest);
            (name, "", digest)
        }
    }
}
