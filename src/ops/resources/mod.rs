//! From arguments to objects: types, names, selectors and manifests on the command line, resolved and
//! fetched (kubectl's `resource.Builder`).
//!
//! A command describes what it takes with a [`Builder`], which [`plan`](Builder::plan)s without
//! fetching anything; the [`Plan`] then [`visit`](Plan::visit)s what there is, in order.

mod args;
mod document;
mod fetch;
mod plan;
mod stream;

use std::borrow::Cow;

pub use args::{has_names, split_types};
pub use fetch::about_list;
pub use plan::{Plan, Source};
pub use stream::{Enough, Piece};

use super::context::Context;
use super::manifests::FilenameOptions;
use crate::client::Client;
use crate::client::discovery::Mapping;
use crate::client::request::{Accept, Call, Endpoint};
use crate::object::{Meta, Object, Status};

/// One object (or list, or table) that is dealt with.
#[derive(Clone, Debug, Default)]
pub struct Info {
    /// Its resource; none where the server is not asked ([`Builder::local`]).
    pub mapping: Option<Mapping>,
    /// Its namespace; empty for none, and for a list over all of them.
    pub namespace: String,
    /// Its name; empty for a list.
    pub name: String,
    /// What the server, or the manifest, says; none unless objects are required.
    pub object: Option<Object>,
    /// The manifest that it comes from; empty for the server.
    pub source: String,
    /// The part of it that is fetched; empty for the whole.
    pub subresource: String,
}

impl Info {
    /// Where it is. Empty where it has no mapping.
    pub fn endpoint(&self) -> Endpoint {
        let resource = self.mapping.as_ref().map(|mapping| mapping.resource.clone()).unwrap_or_default();
        Endpoint {
            resource,
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            subresource: self.subresource.clone(),
        }
    }

    /// The object as the server has it now; `None` where it has none of that name.
    ///
    /// # Errors
    /// There is no name to ask for, or the server says something else than "not found".
    pub async fn live(&self, client: &Client) -> anyhow::Result<Option<Object>> {
        let endpoint = self.endpoint();
        match client.json(Call::get(&endpoint)).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.downcast_ref::<Status>().is_some_and(Status::is_not_found) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether it lives in a namespace.
    pub fn namespaced(&self) -> bool {
        self.mapping.as_ref().map_or(!self.namespace.is_empty(), |mapping| mapping.namespaced)
    }

    /// `pods/x`, `deployments/x`: how kubectl's messages about resources name it.
    pub fn object_name(&self) -> String {
        match &self.mapping {
            Some(mapping) => format!("{}/{}", mapping.resource.resource, self.name),
            None => self.kind_name(),
        }
    }

    /// `pod/x`, `deployment.apps/x`: its kind in small letters, and its group.
    pub fn kind_name(&self) -> String {
        let kind = match (&self.mapping, &self.object) {
            (Some(mapping), _) => mapping.kind.group_kind(),
            (None, object) => object.as_ref().map(Meta::gvk).unwrap_or_default().group_kind(),
        };
        format!("{}/{}", kind.to_string().to_lowercase(), self.name)
    }

    /// The object, or null.
    pub fn object(&self) -> Cow<'_, Object> {
        self.object.as_ref().map_or(Cow::Owned(Object::Null), Cow::Borrowed)
    }
}

/// A check of each document of a manifest before anything else is done with it. Its error is what
/// stands behind `error validating data: `.
pub type Validator<'a> = Box<dyn Fn(&Object) -> Result<(), String> + 'a>;

/// What a command takes.
pub struct Builder<'a> {
    ctx: &'a Context,
    errors: Vec<anyhow::Error>,
    filenames: FilenameOptions,
    args: Vec<String>,
    bare_type_is_all: bool,
    namespace: String,
    default_namespace: bool,
    require_namespace: bool,
    all_namespaces: bool,
    labels: Option<String>,
    fields: Option<String>,
    select_all: bool,
    subresource: String,
    page: u64,
    accept: Accept,
    include_object: &'static str,
    require_object: bool,
    single_type: bool,
    continue_on_error: bool,
    latest: bool,
    flatten: bool,
    local: bool,
    validator: Option<Validator<'a>>,
}

impl<'a> Builder<'a> {
    /// Takes nothing yet.
    pub fn new(ctx: &'a Context) -> Self {
        Self {
            ctx,
            errors: Vec::new(),
            filenames: FilenameOptions::default(),
            args: Vec::new(),
            bare_type_is_all: false,
            namespace: String::new(),
            default_namespace: false,
            require_namespace: false,
            all_namespaces: false,
            labels: None,
            fields: None,
            select_all: false,
            subresource: String::new(),
            page: 0,
            accept: Accept::Json,
            include_object: "",
            require_object: true,
            single_type: false,
            continue_on_error: false,
            latest: false,
            flatten: false,
            local: false,
            validator: None,
        }
    }

    /// The namespace of what names none.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Objects of manifests without a namespace get [`namespace`](Self::namespace).
    #[must_use]
    pub fn default_namespace(mut self) -> Self {
        self.default_namespace = true;
        self
    }

    /// `-A`: all namespaces instead of one.
    #[must_use]
    pub fn all_namespaces(mut self, all: bool) -> Self {
        self.all_namespaces = all;
        if all {
            self.namespace.clear();
        }
        self
    }

    /// `-f`, `-k`, `-R`. With `enforce_namespace` (a namespace was given by flag) objects of another
    /// namespace are refused.
    #[must_use]
    pub fn filenames(mut self, enforce_namespace: bool, options: &FilenameOptions) -> Self {
        self.filenames = options.clone();
        self.require_namespace |= enforce_namespace;
        self
    }

    /// `TYPE`, `TYPE NAME…`, `TYPE/NAME…`. With `bare_type_is_all` a type alone means all its objects.
    #[must_use]
    pub fn types_or_names(mut self, bare_type_is_all: bool, args: &[String]) -> Self {
        self.bare_type_is_all = bare_type_is_all;
        self.args = args.to_vec();
        self
    }

    /// `NAME…` or `TYPE/NAME…`, of the given type where none is named (kubectl's `ResourceNames`).
    #[must_use]
    pub fn names_of(mut self, resource: &str, names: &[String]) -> Self {
        for name in names {
            match args::type_and_name(name) {
                Err(error) => self.errors.push(error),
                Ok(None) if resource.is_empty() => {
                    self.errors.push(anyhow::anyhow!("the argument {name:?} must be RESOURCE/NAME"));
                }
                Ok(None) => self.args.push(format!("{resource}/{name}")),
                Ok(Some(_)) => self.args.push(name.clone()),
            }
        }
        self
    }

    /// `-l`.
    #[must_use]
    pub fn labels(mut self, selector: &str) -> Self {
        let trimmed = selector.trim();
        if !trimmed.is_empty() {
            if self.select_all {
                self.errors.push(anyhow::anyhow!(
                    "found non-empty label selector {selector:?} with previously set 'all' parameter. "
                ));
            } else {
                self.labels = Some(trimmed.to_owned());
            }
        }
        self
    }

    /// `--field-selector`.
    #[must_use]
    pub fn fields(mut self, selector: &str) -> Self {
        let trimmed = selector.trim();
        if !trimmed.is_empty() {
            if self.select_all {
                self.errors.push(anyhow::anyhow!(
                    "found non-empty field selector {trimmed:?} with previously set 'all' parameter. "
                ));
            } else {
                self.fields = Some(trimmed.to_owned());
            }
        }
        self
    }

    /// `--all`.
    #[must_use]
    pub fn select_all(mut self, all: bool) -> Self {
        if all && (self.labels.is_some() || self.fields.is_some()) {
            self.errors.push(anyhow::anyhow!("setting 'all' parameter but found a non empty selector. "));
        } else {
            self.select_all = all;
        }
        self
    }

    /// A part of the objects instead of the whole.
    #[must_use]
    pub fn subresource(mut self, subresource: &str) -> Self {
        subresource.clone_into(&mut self.subresource);
        self
    }

    /// Items a page of a list; 0 for all at once.
    #[must_use]
    pub fn page(mut self, items: u64) -> Self {
        self.page = items;
        self
    }

    /// The form in which the server is to answer, and of tables, what comes with a row.
    #[must_use]
    pub fn accept(mut self, accept: Accept, include_object: &'static str) -> Self {
        (self.accept, self.include_object) = (accept, include_object);
        self
    }

    /// Whether objects named on the command line are fetched; they are, unless this says no.
    #[must_use]
    pub fn require_object(mut self, require: bool) -> Self {
        self.require_object = require;
        self
    }

    /// Refuses more than one type.
    #[must_use]
    pub fn single_type(mut self) -> Self {
        self.single_type = true;
        self
    }

    /// Goes on after errors and tells all of them in the end.
    #[must_use]
    pub fn continue_on_error(mut self) -> Self {
        self.continue_on_error = true;
        self
    }

    /// Objects of manifests are fetched from the server.
    #[must_use]
    pub fn latest(mut self) -> Self {
        self.latest = true;
        self
    }

    /// Lists come as their items.
    #[must_use]
    pub fn flatten(mut self) -> Self {
        self.flatten = true;
        self
    }

    /// The server is not asked; only manifests are dealt with.
    #[must_use]
    pub fn local(mut self, local: bool) -> Self {
        self.local = local;
        self
    }

    /// Checks documents of manifests.
    #[must_use]
    pub fn validator(mut self, validator: Validator<'a>) -> Self {
        self.validator = Some(validator);
        self
    }
}

/// Nothing to deal with is given (kubectl's `missingResourceError`).
pub const MISSING: &str = "You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'";

#[cfg(test)]
mod tests;
