//! From what a command takes to what there is to fetch.

use super::args::{self, Named};
use super::{Builder, Info, MISSING};
use crate::client::Client;
use crate::client::discovery::Mapping;
use crate::error::Many;
use crate::object::labels::Selector;
use crate::ops::manifests::{Place, Places};

/// Something that objects come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// All objects of a type that fit the selectors.
    Collection {
        /// The type.
        mapping: Mapping,
        /// Where; empty for everywhere.
        namespace: String,
        /// Label selector; empty for all.
        labels: String,
        /// Field selector; empty for all.
        fields: String,
    },
    /// One object, by name.
    Object(Box<Info>),
    /// A manifest.
    Manifest(Place),
}

/// What there is to fetch; nothing is fetched yet.
pub struct Plan<'a> {
    pub(super) builder: Builder<'a>,
    /// None where the server is not asked.
    pub(super) client: Option<&'a Client>,
    pub(super) filter: Option<Selector>,
    /// What objects come from, in order.
    pub sources: Vec<Source>,
    /// Whether one object is meant, so that it is not shown as a list.
    pub single_item_implied: bool,
    /// Whether objects are named and not selected.
    pub targets_single_items: bool,
}

impl<'a> Builder<'a> {
    /// Resolves types and checks that everything fits together, with kubectl's words where it does not.
    pub async fn plan(mut self) -> anyhow::Result<Plan<'a>> {
        let places = Places::find(&self.filenames, self.ctx.input.is_taken());
        let mut errors = std::mem::take(&mut self.errors);
        errors.splice(0..0, places.errors);
        let named = match args::parse(&self.args, self.ctx.program) {
            Ok(named) => named,
            Err(error) => {
                errors.push(error);
                Named::default()
            }
        };
        let named = match self.replace_categories(named).await {
            Ok(named) => named,
            Err(error) => {
                errors.push(error);
                Named::default()
            }
        };
        if !errors.is_empty() {
            // Always an aggregate: an invalid configuration is said otherwise inside of one.
            return Err(Many(errors).into());
        }
        if self.select_all {
            self.labels = Some(String::new());
        }
        if self.labels.is_none() && self.bare_type_is_all && named.names.is_empty() && !named.types.is_empty() {
            self.labels = Some(String::new());
        }
        if !places.places.is_empty() {
            return self.of_manifests(&named, places.places, places.single).await;
        }
        if self.labels.is_some() || self.fields.is_some() {
            return self.of_selectors(named).await;
        }
        if !named.pairs.is_empty() {
            return self.of_pairs(named).await;
        }
        if !named.names.is_empty() {
            return self.of_names(named).await;
        }
        if self.local && !named.types.is_empty() {
            anyhow::bail!(
                "error: you must specify resources by --filename when --local is set.\nExample resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'"
            );
        }
        for word in &named.types {
            self.resolve(word).await?;
        }
        match named.types.is_empty() {
            true => Err(anyhow::Error::msg(MISSING)),
            false => Err(anyhow::anyhow!("resource(s) were provided, but no name was specified")),
        }
    }

    async fn resolve(&self, word: &str) -> anyhow::Result<Mapping> {
        if self.local {
            anyhow::bail!("local operation only");
        }
        self.ctx.client().await?.resolve(word).await
    }

    /// `all` and its like stand for the types in them.
    async fn replace_categories(&self, mut named: Named) -> anyhow::Result<Named> {
        if self.local || named.types.is_empty() {
            return Ok(named);
        }
        let client = self.ctx.client().await?;
        let mut types: Vec<String> = Vec::new();
        for word in std::mem::take(&mut named.types) {
            match client.expand_category(&word).await? {
                Some(members) => types.extend(members),
                None => types.push(word),
            }
        }
        for word in types {
            if !named.types.contains(&word) {
                named.types.push(word);
            }
        }
        Ok(named)
    }

    async fn of_manifests(self, named: &Named, places: Vec<Place>, single: bool) -> anyhow::Result<Plan<'a>> {
        for (given, fault) in [
            (
                !named.types.is_empty(),
                "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well",
            ),
            (!named.names.is_empty(), "name cannot be provided when a path is specified"),
            (!named.pairs.is_empty(), "resource/name arguments cannot be provided when a path is specified"),
        ] {
            if given {
                anyhow::bail!(fault);
            }
        }
        let filter = match self.labels.as_deref().filter(|labels| !labels.is_empty()) {
            None => None,
            Some(labels) => Some(
                Selector::parse(labels)
                    .map_err(|error| anyhow::anyhow!("the provided selector {labels:?} is not valid: {error}"))?,
            ),
        };
        let sources = places.into_iter().map(Source::Manifest).collect();
        Ok(Plan { filter, single_item_implied: single, targets_single_items: true, ..self.into_plan(sources).await? })
    }

    async fn of_selectors(self, named: Named) -> anyhow::Result<Plan<'a>> {
        for (given, fault) in [
            (!named.names.is_empty(), "name cannot be provided when a selector is specified"),
            (!named.pairs.is_empty(), "selectors and the all flag cannot be used when passing resource/name arguments"),
            (named.types.is_empty(), "at least one resource must be specified to use a selector"),
            (!self.subresource.is_empty(), "subresource cannot be used when bulk resources are specified"),
        ] {
            if given {
                anyhow::bail!(fault);
            }
        }
        let mut sources = Vec::new();
        for mapping in self.mappings(&named.types).await? {
            let namespace = if mapping.namespaced { self.namespace.clone() } else { String::new() };
            sources.push(Source::Collection {
                mapping,
                namespace,
                labels: self.labels.clone().unwrap_or_default(),
                fields: self.fields.clone().unwrap_or_default(),
            });
        }
        Ok(Plan { single_item_implied: false, targets_single_items: false, ..self.into_plan(sources).await? })
    }

    async fn of_pairs(self, named: Named) -> anyhow::Result<Plan<'a>> {
        let mut infos: Vec<Info> = Vec::new();
        let mut first: Option<Mapping> = None;
        for (word, name) in named.pairs {
            let mapping = self.resolve(&word).await?;
            if self.single_type && first.get_or_insert_with(|| mapping.clone()).resource != mapping.resource {
                anyhow::bail!("you may only specify a single resource type");
            }
            infos.push(Info { name, mapping: Some(mapping), ..Info::default() });
        }
        self.of_infos(infos).await
    }

    async fn of_names(self, named: Named) -> anyhow::Result<Plan<'a>> {
        if named.types.is_empty() {
            anyhow::bail!("you must provide a resource and a resource name together");
        }
        if named.types.len() > 1 {
            anyhow::bail!("you must specify only one resource");
        }
        let mapping = self.mappings(&named.types).await?.pop();
        let infos = named.names.into_iter().map(|name| Info { name, mapping: mapping.clone(), ..Info::default() });
        let infos = infos.collect();
        self.of_infos(infos).await
    }

    async fn of_infos(self, mut infos: Vec<Info>) -> anyhow::Result<Plan<'a>> {
        for info in &mut infos {
            info.subresource.clone_from(&self.subresource);
            if info.namespaced() {
                if self.namespace.is_empty() {
                    anyhow::bail!(if self.all_namespaces {
                        "a resource cannot be retrieved by name across all namespaces"
                    } else {
                        "namespace may not be empty when retrieving a resource by name"
                    });
                }
                info.namespace.clone_from(&self.namespace);
            }
        }
        let single = infos.len() == 1;
        let sources = infos.into_iter().map(|info| Source::Object(Box::new(info))).collect();
        Ok(Plan { single_item_implied: single, targets_single_items: true, ..self.into_plan(sources).await? })
    }

    /// The resources of several words, each once.
    async fn mappings(&self, words: &[String]) -> anyhow::Result<Vec<Mapping>> {
        if words.len() > 1 && self.single_type {
            anyhow::bail!("you may only specify a single resource type");
        }
        let mut mappings: Vec<Mapping> = Vec::new();
        for word in words {
            let mapping = self.resolve(word).await?;
            if !mappings.iter().any(|seen| seen.kind == mapping.kind) {
                mappings.push(mapping);
            }
        }
        Ok(mappings)
    }

    async fn into_plan(self, sources: Vec<Source>) -> anyhow::Result<Plan<'a>> {
        let client = if self.local { None } else { Some(self.ctx.client().await?) };
        Ok(Plan {
            builder: self,
            client,
            filter: None,
            sources,
            single_item_implied: false,
            targets_single_items: false,
        })
    }
}
