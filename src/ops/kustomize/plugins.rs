//! `generators`, `transformers` and `validators`: configurations of kustomize's own ones, each an object of
//! the version `builtin`. Programs and containers are not run.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fields::FieldSpec;
use super::generators::{self, Kind};
use super::helm::{self, Globals};
use super::kustomization::{Generator, Image, Patch, PatchOptions, Replacement, Replica, Selector, Texts};
use super::loader::Loader;
use super::names_of;
use super::resource::{Resource, Resources};
use super::transform::names::End;
use super::transform::{self, images, labels, names, patches, replacements};
use super::{Options, shape};
use crate::object::{Meta, Object};

/// The version of kustomize's own.
const BUILTIN: &str = "builtin";
/// The annotations of what a program or a container does.
const FUNCTIONS: [&str; 2] = ["config.kubernetes.io/function", "config.k8s.io/function"];

/// The fields of all transformers; each reads its own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Transformer {
    prefix: String,
    suffix: String,
    labels: Texts,
    annotations: Texts,
    image_tag: Image,
    replica: Replica,
    path: String,
    patch: String,
    json_op: String,
    patches: String,
    paths: Vec<String>,
    target: Option<Selector>,
    options: PatchOptions,
    replacements: Vec<Object>,
    field_specs: Vec<FieldSpec>,
    unset_only: bool,
    set_role_binding_subjects: String,
}

fn parse<T: DeserializeOwned>(config: &Object) -> anyhow::Result<T> {
    Ok(serde_json::from_value(config.clone())?)
}

/// Refuses what is none of kustomize's own.
pub fn refuse(config: &Object, options: &Options) -> anyhow::Error {
    let kind = config.kind();
    if !options.plugins {
        return anyhow::anyhow!("external plugins disabled; unable to load external plugin '{kind}'");
    }
    if FUNCTIONS.iter().any(|name| config.annotation(name).is_some()) {
        return anyhow::anyhow!(
            "couldn't execute function: '{kind}' is a program or a container, and such functions are not run"
        );
    }
    anyhow::anyhow!("unable to load external plugin '{kind}': only plugins of the version '{BUILTIN}' are run")
}

/// What a generator makes.
///
/// # Errors
/// One that is not kustomize's own, and what is wrong with its configuration.
pub fn generate(config: &Object, options: &Options, loader: &Loader) -> anyhow::Result<Resources> {
    let mut made = Resources::default();
    match (config.api_version(), config.kind()) {
        (BUILTIN, "ConfigMapGenerator" | "SecretGenerator") => {
            let kind = if config.kind() == "SecretGenerator" { Kind::Secret } else { Kind::ConfigMap };
            let mut wanted: Generator = parse(config)?;
            if wanted.name.is_empty() {
                config.name().clone_into(&mut wanted.name);
            }
            made.append(generators::generate(kind, &wanted, None, loader)?)?;
        }
        (BUILTIN, "HelmChartInflationGenerator") => {
            let mut chart = config.clone();
            for field in ["apiVersion", "kind", "metadata", "chartHome", "configHome"] {
                chart.remove_at(&[field]);
            }
            for object in charts(&chart, &parse(config)?, options, loader)? {
                made.append(Resource::new(object))?;
            }
        }
        _ => return Err(refuse(config, options)),
    }
    Ok(made)
}

/// Renders an entry of `helmCharts`.
///
/// # Errors
/// Charts are not allowed, or cannot be rendered.
pub fn charts(chart: &Object, globals: &Globals, options: &Options, loader: &Loader) -> anyhow::Result<Vec<Object>> {
    let trouble = |error: anyhow::Error| {
        let text = crate::output::yaml::to_string(chart).unwrap_or_default();
        anyhow::anyhow!("trouble configuring builtin HelmChartInflationGenerator with config: `\n{text}`: {error}")
    };
    let Some(helm) = &options.helm else { return Err(trouble(anyhow::anyhow!("must specify --enable-helm"))) };
    let read = parse(chart).map_err(|error| anyhow::anyhow!("invalid Kustomization: {error}"))?;
    helm::render(&read, globals, helm, loader)
}

/// Applies a transformer.
///
/// # Errors
/// One that is not kustomize's own, and what is wrong with its configuration.
pub fn transform(resources: &mut Resources, config: &Object, options: &Options, loader: &Loader) -> anyhow::Result<()> {
    if config.api_version() != BUILTIN {
        return Err(refuse(config, options));
    }
    let own: Transformer = parse(config)?;
    let specs = own.field_specs.as_slice();
    let patch = |text: &str| Patch {
        path: own.path.clone(),
        patch: text.to_owned(),
        target: own.target.clone(),
        options: own.options,
    };
    match config.kind() {
        "PrefixTransformer" => names::affix(resources, End::Prefix, &own.prefix, specs),
        "SuffixTransformer" => names::affix(resources, End::Suffix, &own.suffix, specs),
        "LabelTransformer" => labels::add(resources, &own.labels, specs),
        "AnnotationsTransformer" => labels::add(resources, &own.annotations, specs),
        "NamespaceTransformer" => {
            let subjects = names_of(&own.set_role_binding_subjects)?;
            names::namespace_with(resources, config.namespace(), specs, own.unset_only, subjects)
        }
        "ImageTagTransformer" => images::set(resources, &own.image_tag, specs),
        "ReplicaCountTransformer" => transform::replicas(resources, &own.replica, specs),
        "PatchTransformer" => patches::apply(resources, &patch(&own.patch), loader),
        "PatchJson6902Transformer" => patches::apply_json(resources, &patch(&own.json_op), loader),
        "PatchStrategicMergeTransformer" => {
            let inline = Some(&own.patches).filter(|text| !text.is_empty());
            own.paths.iter().chain(inline).try_for_each(|text| patches::apply_strategic(resources, text, loader))
        }
        "ReplacementTransformer" => {
            let read = |value: &Object| -> anyhow::Result<Replacement> {
                let value = shape::REPLACEMENT.fit(value.clone()).map_err(anyhow::Error::msg)?;
                parse(&value)
            };
            let wanted = own.replacements.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
            replacements::apply(resources, &wanted, loader)
        }
        _ => Err(refuse(config, options)),
    }
}
