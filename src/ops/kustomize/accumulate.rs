//! A kustomization's objects: its resources, generated ones, components, then its transformers.

use super::fields::Config;
use super::generators::{self, Kind};
use super::helm::Globals;
use super::kustomization::{Kustomization, Var};
use super::loader::Loader;
use super::origin::Origin;
use super::resource::{Resource, Resources};
use super::transform::names::End;
use super::transform::{self, images, labels, names, patches, replacements};
use super::{Options, crds, plugins, read, schemas, vars};
use crate::object::{Meta, Object, yaml};

/// The fields of a file that `configurations` names.
const CONFIGURATION: [&str; 11] = [
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "templateLabels",
    "commonAnnotations",
    "nameReference",
    "varReference",
    "images",
    "replicas",
];

/// What a kustomization and those below it amount to.
#[derive(Default)]
pub struct Accumulated {
    /// The objects.
    pub resources: Resources,
    /// The fields that transformers know.
    pub config: Config,
    /// The variables.
    pub vars: Vec<Var>,
}

/// One kustomization of a build.
pub struct Target<'a> {
    /// Where its files are.
    pub loader: Loader,
    /// What it says.
    pub kustomization: Kustomization,
    /// The name of its file.
    pub file: &'static str,
    /// Its place, where the result tells origins.
    pub origin: Option<Origin>,
    /// How it is built.
    pub options: &'a Options,
    /// What is said while reading.
    pub warnings: &'a mut Vec<String>,
}

impl Target<'_> {
    /// Everything that the kustomization makes; `into` has what a component changes.
    ///
    /// # Errors
    /// Whatever is wrong in it or below.
    pub fn accumulate(&mut self, mut into: Accumulated) -> anyhow::Result<Accumulated> {
        for path in self.kustomization.resources.clone() {
            self.add_resource(&mut into, &path).map_err(|error| anyhow::anyhow!("accumulating resources: {error}"))?;
        }
        into.config.merge(Config::defaults())?;
        if !self.kustomization.configurations.is_empty() {
            let mut own = Config::defaults().clone();
            for path in &self.kustomization.configurations {
                let value = yaml::parse(&self.loader.load(path)?)?;
                let mut fields = value.as_object().into_iter().flatten().map(|(field, _)| field);
                if let Some(field) = fields.find(|field| !CONFIGURATION.contains(&field.as_str())) {
                    anyhow::bail!("error unmarshaling JSON: while decoding JSON: json: unknown field {field:?}");
                }
                own.merge(&serde_json::from_value(value)?)?;
            }
            into.config.merge(&own)?;
        }
        for path in &self.kustomization.crds {
            into.config.merge(&crds::fields(&self.loader, path)?)?;
        }
        self.generate(&mut into)?;
        self.generate_by_plugins(&mut into)?;
        for path in self.kustomization.components.clone() {
            into =
                self.add_component(into, &path).map_err(|error| anyhow::anyhow!("accumulating components: {error}"))?;
        }
        self.transform(&mut into)?;
        self.transform_by_plugins(&mut into)?;
        self.validate()?;
        vars::collect(&mut into.resources, &mut into.vars, &self.kustomization.vars)
            .map_err(|error| anyhow::anyhow!("merging vars: {error}"))?;
        Ok(into)
    }

    /// A file of objects, or another kustomization's folder.
    fn add_resource(&mut self, into: &mut Accumulated, path: &str) -> anyhow::Result<()> {
        let Err(no_file) = self.add_file(into, path) else { return Ok(()) };
        let loader = match self.loader.enter(path) {
            Ok(loader) => loader,
            // It was a file, only a bad one.
            Err(_) if no_file.to_string().contains("MalformedYAMLError") => return Err(no_file),
            Err(error) => anyhow::bail!("accumulation err='{no_file}': {error}"),
        };
        self.add_folder(into, loader, path).map_err(|error| anyhow::anyhow!("accumulation err='{no_file}': {error}"))
    }

    fn add_file(&self, into: &mut Accumulated, path: &str) -> anyhow::Result<()> {
        let read = self
            .loader
            .load(path)
            .and_then(|text| read::objects(&text).map_err(|error| read::in_file(error, path)))
            .and_then(|objects| {
                let mut found = Resources::default();
                for object in objects {
                    let origin = self.origin.as_ref().map(|origin| origin.join(path));
                    found.append(Resource { origin, ..Resource::new(object) })?;
                }
                Ok(found)
            });
        let found = read.map_err(|error| anyhow::anyhow!("accumulating resources from '{path}': {error}"))?;
        into.resources.append_all(found).map_err(|error| anyhow::anyhow!("merging resources from '{path}': {error}"))
    }

    /// The kustomization of a folder below this one.
    fn below(&mut self, loader: Loader, path: &str) -> anyhow::Result<Target<'_>> {
        let (mut kustomization, file) = Kustomization::load(&loader, self.warnings)
            .map_err(|error| anyhow::anyhow!("couldn't make target for path '{}': {error}", loader.root.display()))?;
        schemas::choose(&kustomization, &loader)?;
        kustomization.build_metadata.clone_from(&self.kustomization.build_metadata);
        let origin = self.origin.as_ref().map(|origin| origin.join(path));
        Ok(Target { loader, kustomization, file, origin, options: self.options, warnings: self.warnings })
    }

    fn add_folder(&mut self, into: &mut Accumulated, loader: Loader, path: &str) -> anyhow::Result<()> {
        let root = loader.root.display().to_string();
        let mut below = self.below(loader, path)?;
        anyhow::ensure!(!below.kustomization.is_component(), "expected kind != 'Component' for path '{root}'");
        let added = below.accumulate(Accumulated::default());
        let added = added.map_err(|error| anyhow::anyhow!("recursed accumulation of path '{root}': {error}"))?;
        into.absorb(added).map_err(|error| anyhow::anyhow!("recursed merging from path '{root}': {error}"))
    }

    fn add_component(&mut self, into: Accumulated, path: &str) -> anyhow::Result<Accumulated> {
        let quoted = |prefix: &str, error: anyhow::Error| anyhow::anyhow!("{prefix} {:?}", error.to_string());
        let loader = self.loader.enter(path).map_err(|error| quoted("loader.New", error))?;
        let root = loader.root.display().to_string();
        let add = || -> anyhow::Result<Accumulated> {
            let mut below = self.below(loader, path)?;
            let kind = &below.kustomization.kind;
            anyhow::ensure!(
                below.kustomization.is_component(),
                "expected kind 'Component' for path '{root}' but got '{kind}'"
            );
            below.accumulate(into).map_err(|error| anyhow::anyhow!("recursed accumulation of path '{root}': {error}"))
        };
        add().map_err(|error| quoted("accumulateDirectory:", error))
    }

    fn generate(&self, into: &mut Accumulated) -> anyhow::Result<()> {
        let file = &self.kustomization;
        let wanted = file.config_map_generator.iter().map(|wanted| (Kind::ConfigMap, wanted));
        for (kind, wanted) in wanted.chain(file.secret_generator.iter().map(|wanted| (Kind::Secret, wanted))) {
            let mut made = generators::generate(kind, wanted, file.generator_options.as_ref(), &self.loader)?;
            let name = match kind {
                Kind::ConfigMap => "ConfigMapGenerator",
                Kind::Secret => "SecretGenerator",
            };
            made.origin = self.origin.as_ref().map(|origin| origin.configured(self.file, name));
            into.resources.absorb(made).map_err(|error| anyhow::anyhow!("merging from generator: {error}"))?;
        }
        Ok(())
    }

    /// The configurations that a field names: written there, or in files and folders.
    fn configurations(&mut self, entries: &[String]) -> anyhow::Result<Vec<Object>> {
        let mut configs = Vec::new();
        let mut named = Accumulated::default();
        for entry in entries {
            match read::objects(entry.as_bytes()) {
                Ok(objects) => configs.extend(objects),
                Err(_) => self.add_resource(&mut named, entry)?,
            }
        }
        configs.extend(named.resources.0.into_iter().map(|resource| resource.object));
        Ok(configs)
    }

    fn generate_by_plugins(&mut self, into: &mut Accumulated) -> anyhow::Result<()> {
        let globals: Globals =
            serde_json::from_value(self.kustomization.helm_globals.clone().unwrap_or_default()).unwrap_or_default();
        for chart in &self.kustomization.helm_charts {
            for object in plugins::charts(chart, &globals, self.options, &self.loader)? {
                into.resources.append(Resource::new(object))?;
            }
        }
        for config in self.configurations(&self.kustomization.generators.clone())? {
            let made = plugins::generate(&config, self.options, &self.loader);
            for resource in made.map_err(|error| anyhow::anyhow!("loading generator plugins: {error:#}"))?.0 {
                into.resources.absorb(resource).map_err(|error| anyhow::anyhow!("merging from generator: {error}"))?;
            }
        }
        Ok(())
    }

    fn transform_by_plugins(&mut self, into: &mut Accumulated) -> anyhow::Result<()> {
        for config in self.configurations(&self.kustomization.transformers.clone())? {
            plugins::transform(&mut into.resources, &config, self.options, &self.loader)?;
            self.record(&mut into.resources, config.kind());
        }
        Ok(())
    }

    /// Validators are all programs.
    fn validate(&mut self) -> anyhow::Result<()> {
        match self.configurations(&self.kustomization.validators.clone())?.first() {
            Some(config) => Err(plugins::refuse(config, self.options)),
            None => Ok(()),
        }
    }

    fn transform(&self, into: &mut Accumulated) -> anyhow::Result<()> {
        let file = &self.kustomization;
        let (resources, config) = (&mut into.resources, &into.config);
        for patch in &file.patches_strategic_merge {
            patches::apply_strategic(resources, patch, &self.loader)?;
        }
        if !file.patches_strategic_merge.is_empty() {
            self.record(resources, "PatchStrategicMergeTransformer");
        }
        for patch in &file.patches {
            patches::apply(resources, patch, &self.loader)?;
            self.record(resources, "PatchTransformer");
        }
        if !file.namespace.is_empty() {
            names::namespace(resources, &file.namespace, &config.namespace)?;
            self.record(resources, "NamespaceTransformer");
        }
        for (end, text, specs, kind) in [
            (End::Prefix, &file.name_prefix, &config.name_prefix, "PrefixTransformer"),
            (End::Suffix, &file.name_suffix, &config.name_suffix, "SuffixTransformer"),
        ] {
            if !text.is_empty() {
                names::affix(resources, end, text, specs)?;
                self.record(resources, kind);
            }
        }
        for label in &file.labels {
            labels::add(resources, &label.pairs, &labels::label_fields(label, config)?)?;
            self.record(resources, "LabelTransformer");
        }
        if !file.labels.is_empty() || !file.common_labels.is_empty() {
            labels::add(resources, &file.common_labels, &config.common_labels)?;
            self.record(resources, "LabelTransformer");
        }
        if !file.common_annotations.is_empty() {
            labels::add(resources, &file.common_annotations, &config.common_annotations)?;
            self.record(resources, "AnnotationsTransformer");
        }
        for patch in &file.patches_json6902 {
            patches::apply_json(resources, patch, &self.loader)?;
            self.record(resources, "PatchJson6902Transformer");
        }
        for replica in &file.replicas {
            transform::replicas(resources, replica, &config.replicas)?;
            self.record(resources, "ReplicaCountTransformer");
        }
        for image in &file.images {
            images::set(resources, image, &config.images)?;
            self.record(resources, "ImageTagTransformer");
        }
        if !file.replacements.is_empty() {
            replacements::apply(resources, &file.replacements, &self.loader)?;
            self.record(resources, "ReplacementTransformer");
        }
        Ok(())
    }

    /// Notes a transformer, and drops what it deleted.
    fn record(&self, resources: &mut Resources, kind: &str) {
        resources.drop_empty();
        if let Some(origin) = &self.origin {
            for resource in &mut resources.0 {
                resource.transformations.push(origin.configured(self.file, kind));
            }
        }
    }
}

impl Accumulated {
    fn absorb(&mut self, other: Self) -> anyhow::Result<()> {
        self.resources.append_all(other.resources)?;
        self.config.merge(&other.config)?;
        vars::merge(&mut self.vars, other.vars)
    }
}
