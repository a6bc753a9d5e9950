//! kustomize: objects from a folder with a `kustomization.yaml`, as release 5.8.1 builds them.
//!
//! | file | what it does |
//! | --- | --- |
//! | [`kustomization`], [`shape`] | reading `kustomization.yaml` |
//! | [`loader`], [`read`] | files, and the objects in them |
//! | [`accumulate`] | resources, bases, components, generators, transformers, in their order |
//! | [`resource`], [`id`] | objects and what they are, and were, called |
//! | [`fields`] | which fields transformers know |
//! | [`transform`], [`merge`] | names, labels, images, replicas, patches, replacements |
//! | [`schemas`] | by which schemas lists merge |
//! | [`generators`] | config maps and secrets, and the hashes in their names |
//! | [`references`], [`vars`] | names and values followed to where they are used |
//! | [`plugins`], [`helm`], [`remote`] | what is configured in files of its own, charts, and what git and the network hold |
//! | [`order`], [`origin`] | the order of the result, and where its objects come from |

pub mod accumulate;
pub mod crds;
pub mod fields;
pub mod generators;
pub mod helm;
pub mod id;
pub mod kustomization;
pub mod loader;
pub mod merge;
pub mod order;
pub mod origin;
pub mod plugins;
pub mod read;
pub mod references;
pub mod remote;
pub mod resource;
pub mod schemas;
pub mod shape;
pub mod transform;
pub mod vars;

use std::rc::Rc;

use accumulate::{Accumulated, Target};
use kustomization::Kustomization;
use loader::Loader;
use origin::Origin;
use resource::{Resource, Resources};

use crate::client::config::ClientConfig;
use crate::object::{Meta, Object};

const LOCAL: &str = "config.kubernetes.io/local-config";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// How to build.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether files may be outside of the folder that names them.
    pub unrestricted: bool,
    /// Whether objects get a label that tells who made them.
    pub managed_by: bool,
    /// Whether plugins that are not kustomize's own may be named.
    pub plugins: bool,
    /// How helm is called, where charts are allowed.
    pub helm: Option<helm::Helm>,
    /// How files behind URLs are reached.
    pub way_out: Rc<ClientConfig>,
}

/// Builds the kustomization of a folder. What is said of deprecated fields is added to `warnings`, also where
/// the build fails.
///
/// # Errors
/// Whatever is wrong with the kustomization, in kustomize's words.
pub fn build(folder: &str, options: &Options, warnings: &mut Vec<String>) -> anyhow::Result<Vec<Object>> {
    let loader = Loader::new(folder, !options.unrestricted, &options.way_out)?;
    let (kustomization, file) = Kustomization::load(&loader, warnings)?;
    schemas::choose(&kustomization, &loader)?;
    let metadata = kustomization.build_metadata.clone();
    let sort_options = kustomization.sort_options.clone();
    let origin = (!metadata.is_empty()).then(Origin::default);
    let mut target = Target { loader, kustomization, file, origin, options, warnings };
    let Accumulated { mut resources, config, vars } = target.accumulate(Accumulated::default())?;
    for resource in resources.0.iter_mut().filter(|resource| resource.hashed) {
        let name = format!("{}-{}", resource.object.name(), generators::hash(&resource.object)?);
        resource.remember();
        resource.object.set_at(&["metadata", "name"], name);
    }
    references::fix(&mut resources, &config)?;
    let unused = vars::resolve(&mut resources, &vars, &config)?;
    if !unused.is_empty() {
        warnings.push(format!("well-defined vars that were never replaced: {}", unused.join(",")));
    }
    resources.0.retain(|resource| !is_local(resource));
    order::sort(&mut resources, sort_options.as_ref())?;
    let asked = |what: &str| metadata.iter().any(|wanted| wanted == what);
    Ok(finish(
        resources,
        asked("originAnnotations"),
        asked("transformerAnnotations"),
        options.managed_by || asked("managedByLabel"),
    ))
}

/// Which subjects of role bindings a namespace is set for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subjects {
    /// The service accounts called `default`.
    #[default]
    Default,
    /// All service accounts.
    All,
    /// None.
    None,
}

/// Reads `setRoleBindingSubjects`.
fn names_of(text: &str) -> anyhow::Result<Subjects> {
    Ok(match text {
        "" | "defaultOnly" => Subjects::Default,
        "allServiceAccounts" => Subjects::All,
        "none" => Subjects::None,
        _ => anyhow::bail!(
            "invalid value {text:?} for setRoleBindingSubjects: must be one of \"defaultOnly\", \"allServiceAccounts\" or \"none\""
        ),
    })
}

/// Whether an object is only for tools, not for a cluster.
fn is_local(resource: &Resource) -> bool {
    resource.object.at(&["metadata", "annotations", LOCAL]).is_some_and(|value| value.as_str() != Some("false"))
}

/// The objects with the annotations and labels that the result is to have.
fn finish(resources: Resources, origins: bool, transformations: bool, managed_by: bool) -> Vec<Object> {
    let finish = |resource: Resource| {
        let mut object = resource.object;
        if managed_by {
            object.set_at(&["metadata", "labels", MANAGED_BY], "kustomize-v5.8.1");
        }
        for (asked, name, text) in [
            (origins, origin::ORIGIN, resource.origin.as_ref().map(Origin::text)),
            (
                transformations,
                origin::TRANSFORMATIONS,
                (!resource.transformations.is_empty()).then(|| Origin::list_text(&resource.transformations)),
            ),
        ] {
            match text.filter(|_| asked) {
                Some(text) => object.set_at(&["metadata", "annotations", name], text),
                None => drop(object.remove_at(&["metadata", "annotations", name])),
            }
        }
        if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Object::as_object_mut) {
            // Whatever was written there, annotations are text.
            annotations.values_mut().filter(|value| value.is_number() || value.is_boolean()).for_each(|value| {
                *value = value.to_string().into();
            });
            if annotations.is_empty() {
                object.remove_at(&["metadata", "annotations"]);
            }
        }
        object
    };
    resources.0.into_iter().map(finish).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn builds_as_recorded() {
        let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/kustomize");
        let mut count = 0;
        for case in fs::read_dir(&cases).expect("cases") {
            let case = case.expect("a case").path();
            let built = build(&case.join("in").to_string_lossy(), &Options::default(), &mut Vec::new());
            let objects = built.unwrap_or_else(|error| panic!("{}: {error}", case.display()));
            let texts: Vec<String> =
                objects.iter().map(|object| crate::output::yaml::to_string(object).expect("YAML")).collect();
            let want = fs::read_to_string(case.join("out.yaml")).expect("the result");
            assert_eq!(texts.join("---\n"), want, "{}", case.display());
            count += 1;
        }
        assert!(count >= 3);
    }

    #[test]
    fn refuses_in_kustomizes_words() {
        for (text, want) in [
            ("", "kustomization.yaml is empty"),
            (
                "kind: X\nresources: [a]",
                "Failed to read kustomization file under /r:\nkind should be Kustomization or Component",
            ),
            ("nosuch: 1", "invalid Kustomization: json: unknown field \"nosuch\""),
            (
                "resources: x",
                "invalid Kustomization: json: cannot unmarshal string into Go struct field Kustomization.resources of type []string",
            ),
        ] {
            let error = Kustomization::parse(text.as_bytes(), "/r", &mut Vec::new()).expect_err(text);
            assert_eq!(error.to_string(), want);
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "(resources|patches|images|vars|[a-zA-Z\\[\\]{}:,\n -]){0,40}") {
            let _ = Kustomization::parse(text.as_bytes(), "/", &mut Vec::new());
            let _ = read::objects(text.as_bytes());
        }
    }
}
