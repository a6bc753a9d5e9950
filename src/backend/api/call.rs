//! The verbs on a resource: a request taken apart, done, and its result as a response.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use serde_json::json;

use super::accept::{self, Form};
use super::access::{AlwaysAllow, User};
use super::form::{self, FieldValidation, Source};
use super::list::list_kind;
use super::patch::{APPLY, Patch};
use super::query::Query;
use super::response::{json_response, ok, success, warn};
use super::route::ResourceRoute;
use super::selection::Selection;
use super::table::{Include, Printer, partial};
use super::webhooks::Session;
use super::{Api, Body, DeleteOptions, Deleted, Manager, Part, WriteOptions, Written};
use super::{body, review, scale, token};
use crate::backend::registry::custom::{self, Custom};
use crate::backend::registry::{convert, managed, storage_of};
use crate::backend::store::ListOptions;
use crate::object::builtin::Resource;
use crate::object::{GroupVersionKind, Meta, Object, Status};
use crate::output::columns;

/// Resources whose deletion is answered with the object rather than a status.
const RETURN_DELETED: &[&str] = &[
    "csidrivers.storage.k8s.io",
    "csinodes.storage.k8s.io",
    "deviceclasses.resource.k8s.io",
    "namespaces",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "resourceclaims.resource.k8s.io",
    "resourceclaimtemplates.resource.k8s.io",
    "resourcequotas",
    "resourceslices.resource.k8s.io",
    "serviceaccounts",
    "services",
    "storageclasses.storage.k8s.io",
    "volumeattachments.storage.k8s.io",
    "volumeattributesclasses.storage.k8s.io",
];

/// Resources of which a replacement of what is not there creates it.
const CREATE_ON_UPDATE: &[&str] = &[
    "clusterrolebindings.rbac.authorization.k8s.io",
    "clusterroles.rbac.authorization.k8s.io",
    "endpoints",
    "events",
    "leases.coordination.k8s.io",
    "limitranges",
    "rolebindings.rbac.authorization.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "runtimeclasses.node.k8s.io",
    "services",
];

/// Types that are to be used no longer, and what every answer to a request for one says.
const DEPRECATED: &[(&str, &str)] = &[
    ("componentstatuses", "v1 ComponentStatus is deprecated in v1.19+"),
    ("endpoints", "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
];

/// Characters of a manager's name.
const LONGEST_MANAGER: usize = 128;

/// A request to a resource, taken apart.
pub(super) struct Call<'a> {
    api: &'a Api,
    user: User,
    /// Whether roles and bindings count for nobody.
    always_allow: bool,
    route: &'a ResourceRoute<'a>,
    /// In which version objects are stored.
    storage: &'static Resource,
    /// What stands behind a custom resource.
    custom: Option<&'static Custom>,
    query: Query,
    form: Form,
    media_type: String,
    /// The client's program.
    agent: String,
    body: Bytes,
}

impl<'a> Call<'a> {
    /// Takes a request apart. What its query or its headers say wrongly is an error.
    pub(super) fn read(
        api: &'a Api,
        user: User,
        request: Request<Bytes>,
        route: &'a ResourceRoute<'a>,
    ) -> Result<Self, Status> {
        Ok(Self {
            api,
            user,
            always_allow: request.extensions().get::<AlwaysAllow>().is_some(),
            route,
            storage: storage_of(route.resource),
            custom: custom::of(route.resource),
            query: Query::parse(request.uri().query())?,
            form: accept::negotiate(request.headers())?,
            media_type: body::media_type(request.headers()).to_owned(),
            agent: agent(request.headers()),
            body: request.into_body(),
        })
    }

    /// Does what the verb says.
    pub(super) fn answer(&self, verb: &str) -> Result<Response<Body>, Status> {
        if let Some((code, object, warnings)) = self.api.session.as_ref().and_then(|session| session.take_shown()) {
            return self.show(code, object, &warnings);
        }
        let mut response = match verb {
            "get" => self.get(),
            "list" => self.list(),
            "watch" => self.watch(),
            "create" => self.create(),
            "update" => self.update(),
            "patch" => self.patch(),
            "delete" => self.delete(),
            "deletecollection" => self.delete_collection(),
            _ => Err(Status::method_not_allowed()),
        }?;
        let key = self.route.resource.group_resource();
        let own = DEPRECATED.iter().find(|(deprecated, _)| *deprecated == key).map(|(_, text)| *text);
        if let Some(text) = self.custom.and_then(|custom| custom.deprecation.as_deref()).or(own) {
            warn(&mut response, text);
        }
        Ok(response)
    }

    fn key(&self) -> &'static str {
        self.storage.group_resource()
    }

    fn get(&self) -> Result<Response<Body>, Status> {
        // The bytes go out as they are, where nothing has to be looked at.
        let (namespace, name) = (&*self.route.namespace, &*self.route.name);
        let stored = self.api.store().get(self.key(), namespace, name)?;
        let stored = stored.ok_or_else(|| Status::not_found(self.route.resource.group_resource(), name))?;
        let plain = self.form == Form::Object && self.route.subresource != "scale";
        if plain && convert::between(self.storage, self.route.resource).is_none() {
            return Ok(json_response(StatusCode::OK, stored.bytes));
        }
        let object = stored.parse()?;
        if self.route.subresource == "scale" {
            self.show_scale(scale::of(self.storage, &object))
        } else {
            self.show(StatusCode::OK, object, &[])
        }
    }

    fn show_scale(&self, scale: Object) -> Result<Response<Body>, Status> {
        if self.form != Form::Table {
            return Ok(ok(&scale));
        }
        let include = Include::parse(self.query.get("includeObject"))?;
        let printer = Printer::of_columns(columns::SCALE, include, self.api.clock().now());
        let metadata = json!({"resourceVersion": scale.resource_version()});
        Ok(ok(&printer.table(metadata, vec![printer.row(scale)], true)))
    }

    fn list(&self) -> Result<Response<Body>, Status> {
        let bytes = self.api.list_body(self.route.resource, &self.route.namespace, &self.query, self.form)?;
        Ok(json_response(StatusCode::OK, bytes))
    }

    fn watch(&self) -> Result<Response<Body>, Status> {
        use futures_util::StreamExt;
        let watch = self.api.watch(self.route.resource, &self.route.namespace, &self.query, self.form)?;
        let frames = watch.into_stream().map(|chunk| chunk.map(http_body::Frame::data));
        let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        Ok(response)
    }

    fn create(&self) -> Result<Response<Body>, Status> {
        let resource = self.route.resource;
        let options = self.write_options()?;
        let mut object = body::decode_as(&self.media_type, &self.body, resource.kind)?;
        if let Some(part) = resource.subresource(&self.route.subresource) {
            body::expect_kind(&mut object, part.group, part.version, part.kind)?;
            return self.create_part(&object, &options);
        }
        body::expect_kind(&mut object, resource.group, resource.version, resource.kind)?;
        if review::is_review(resource) {
            let answer = review::answer(self.api, resource, &self.user, self.always_allow, object)?;
            return Ok(json_response(StatusCode::CREATED, answer.to_string().into_bytes()));
        }
        if resource.plural == "bindings" {
            self.bind(object.name(), &object, &options)?;
            return Ok(json_response(StatusCode::CREATED, success().to_string().into_bytes()));
        }
        let warnings = self.normalise(&mut object)?;
        body::place(&mut object, resource, &self.route.namespace, "")?;
        if resource.kind == "CertificateSigningRequest" {
            self.user.sign(&mut object);
        }
        let mut written = self.api.create_with(self.storage, self.to_storage(object)?, &options)?;
        written.warnings.splice(0..0, warnings);
        self.show_written(StatusCode::CREATED, written)
    }

    fn create_part(&self, object: &Object, options: &WriteOptions) -> Result<Response<Body>, Status> {
        let (namespace, name) = (&*self.route.namespace, &*self.route.name);
        match &*self.route.subresource {
            "binding" => self.bind(name, object, options)?,
            "eviction" => {
                let mut deletion = delete_options(object.at(&["deleteOptions"]).unwrap_or(&Object::Null), &self.query)?;
                deletion.dry_run |= options.dry_run;
                self.api.evict(namespace, name, &deletion)?;
            }
            "token" => {
                let account = self.api.get("serviceaccounts", namespace, name)?;
                let token = token::request(self.api, &account, object.clone())?;
                return Ok(json_response(StatusCode::CREATED, token.to_string().into_bytes()));
            }
            _ => return Err(Status::method_not_allowed()),
        }
        let mut done = success();
        done["metadata"] = serde_json::json!({});
        done["code"] = StatusCode::CREATED.as_u16().into();
        Ok(json_response(StatusCode::CREATED, done.to_string().into_bytes()))
    }

    fn bind(&self, name: &str, binding: &Object, options: &WriteOptions) -> Result<(), Status> {
        let node = binding.str_at(&["target", "name"]);
        if node.is_empty() {
            let error = crate::backend::registry::FieldError::required("target.name", "");
            let kind = crate::object::GroupKind { group: String::new(), kind: "Binding".into() };
            return Err(Status::invalid(&kind, name, &[error]));
        }
        self.api.bind_with(&self.route.namespace, name, node, &binding.annotations(), options)
    }

    fn update(&self) -> Result<Response<Body>, Status> {
        let resource = self.route.resource;
        let options = self.write_options()?;
        let mut object = body::decode_as(&self.media_type, &self.body, resource.kind)?;
        if self.route.subresource == "scale" {
            body::expect_kind(&mut object, "autoscaling", "v1", "Scale")?;
            body::place(&mut object, resource, &self.route.namespace, &self.route.name)?;
            return self.rescale(&options, |_| Ok(object));
        }
        body::expect_kind(&mut object, resource.group, resource.version, resource.kind)?;
        let warnings = self.normalise(&mut object)?;
        body::place(&mut object, resource, &self.route.namespace, &self.route.name)?;
        let (part, object) = (self.part()?, self.to_storage(object)?);
        let creates = part == Part::Whole && CREATE_ON_UPDATE.contains(&self.key());
        let absent = || Ok::<_, Status>(self.api.store().get(self.key(), object.namespace(), object.name())?.is_none());
        let (code, mut written) = if creates && absent()? {
            (StatusCode::CREATED, self.api.create_with(self.storage, object, &options)?)
        } else {
            (StatusCode::OK, self.api.update_with(self.storage, part, object, &options)?)
        };
        written.warnings.splice(0..0, warnings);
        self.show_written(code, written)
    }

    fn patch(&self) -> Result<Response<Body>, Status> {
        let options = self.write_options()?;
        if self.media_type == APPLY {
            return self.apply(&options);
        }
        let validation = FieldValidation::parse(&self.query)?;
        let patch = Patch::read(&self.media_type, &self.body)?;
        if self.route.subresource == "scale" {
            let kind = GroupVersionKind::new("autoscaling", "v1", "Scale");
            return self.rescale(&options, |scale| Ok(patch.apply(&kind, None, scale, validation)?.0));
        }
        let (namespace, name) = (&*self.route.namespace, &*self.route.name);
        let out = convert::between(self.storage, self.route.resource);
        let mut warnings = Vec::new();
        let mut written = self.api.change_with(self.storage, namespace, name, self.part()?, &options, |old| {
            let shown = out.map(|way| self.api.convert(way, old)).transpose()?;
            let (new, found) =
                patch.apply(&self.route.resource.gvk(), self.custom, shown.as_ref().unwrap_or(old), validation)?;
            warnings = found;
            if new.name() != name {
                return Err(Status::bad_request(format!(
                    "the name of the object ({}) does not match the name on the URL ({name})",
                    new.name()
                )));
            }
            self.to_storage(new)
        })?;
        written.warnings.splice(0..0, warnings);
        self.show_written(StatusCode::OK, written)
    }

    /// Server-side apply.
    fn apply(&self, options: &WriteOptions) -> Result<Response<Body>, Status> {
        let resource = self.route.resource;
        let Some(manager) = options.manager.as_ref().filter(|_| !self.query.get("fieldManager").is_empty()) else {
            let error = crate::backend::registry::FieldError::required("fieldManager", "is required for apply patch");
            let kind = crate::object::GroupKind { group: "meta.k8s.io".into(), kind: "PatchOptions".into() };
            return Err(Status::invalid(&kind, "", &[error]));
        };
        if self.route.subresource == "scale" {
            return Err(body::unsupported(APPLY));
        }
        let validation = FieldValidation::parse(&self.query)?;
        let mut applied = body::decode("application/yaml", &self.body)?;
        if !applied.is_object() {
            return Err(Status::bad_request("error decoding YAML: not an object"));
        }
        if applied.gvk() != resource.gvk() {
            return Err(Status::bad_request(format!(
                "Incorrect version specified in apply patch. Specified patch version: {}, expected: {}",
                applied.api_version(),
                resource.group_version()
            )));
        }
        if applied.at(&["metadata", "managedFields"]).is_some_and(|fields| !fields.is_null()) {
            return Err(Status::bad_request("metadata.managedFields must be nil"));
        }
        let (namespace, name) = (&*self.route.namespace, &*self.route.name);
        if applied.name().is_empty() {
            applied.set_at(&["metadata", "name"], name);
        }
        body::place(&mut applied, resource, namespace, name)?;
        form::check_applied(resource, self.custom, &applied)?;
        let (force, now) = (self.query.is_true("force"), self.api.now());
        let lay = |old: Option<&Object>| -> Result<Object, Status> {
            let mut new = managed::apply(resource, old, &applied, manager, force, now)?;
            form::normalise(&resource.gvk(), self.custom, &mut new, &Source::Patched, validation)?;
            self.to_storage(new)
        };
        let out = convert::between(self.storage, resource);
        let changed = self.api.change_with(self.storage, namespace, name, self.part()?, options, |old| {
            let shown = out.map(|way| self.api.convert(way, old)).transpose()?;
            lay(Some(shown.as_ref().unwrap_or(old)))
        });
        match changed {
            Err(status) if status.is_not_found() && self.route.subresource.is_empty() => {
                let created = self.api.create_with(self.storage, lay(None)?, options)?;
                self.show_written(StatusCode::CREATED, created)
            }
            changed => self.show_written(StatusCode::OK, changed?),
        }
    }

    fn rescale(
        &self,
        options: &WriteOptions,
        edit: impl FnOnce(&Object) -> Result<Object, Status>,
    ) -> Result<Response<Body>, Status> {
        let (namespace, name) = (&*self.route.namespace, &*self.route.name);
        let written = self.api.change_with(self.storage, namespace, name, Part::Whole, options, |old| {
            scale::onto(self.storage, old, &edit(&scale::of(self.storage, old))?)
        })?;
        Ok(ok(&scale::of(self.storage, &written.object)))
    }

    fn delete(&self) -> Result<Response<Body>, Status> {
        let mut options = delete_options(&body::decode(&self.media_type, &self.body)?, &self.query)?;
        options.user = Some(self.user.clone());
        let (namespace, name) = (&*self.route.namespace, &*self.route.name);
        let (deleted, warnings) = self.api.delete_warned(self.storage, namespace, name, &options)?;
        match deleted {
            Deleted::Marked(object) => self.show(StatusCode::OK, object, &warnings),
            Deleted::Gone(object) if RETURN_DELETED.contains(&self.key()) => {
                self.show(StatusCode::OK, object, &warnings)
            }
            Deleted::Gone(object) => {
                let mut status = success();
                status["details"] = json!({
                    "name": object.name(), "kind": self.route.resource.plural, "uid": object.uid(),
                });
                if !self.route.resource.group.is_empty() {
                    status["details"]["group"] = self.route.resource.group.into();
                }
                let mut response = ok(&status);
                for warning in &warnings {
                    warn(&mut response, warning);
                }
                Ok(response)
            }
        }
    }

    fn delete_collection(&self) -> Result<Response<Body>, Status> {
        let session = self.api.session.as_deref();
        let mut options = delete_options(&body::decode(&self.media_type, &self.body)?, &self.query)?;
        options.user = Some(self.user.clone());
        let selection = Selection::parse(self.storage, &self.query)?;
        let namespace = (!self.route.namespace.is_empty()).then_some(&*self.route.namespace);
        let page = self.api.store().list(self.key(), &ListOptions { namespace, ..ListOptions::default() })?;
        let mut items = session.map(Session::take_deleted).unwrap_or_default();
        for stored in page.items {
            let object = stored.parse()?;
            if !selection.matches(&object) {
                continue;
            }
            match self.api.delete_with(self.storage, &stored.namespace, &stored.name, &options) {
                Ok(deleted) => items.push(deleted.object().clone()),
                Err(status) if status.is_not_found() => {}
                Err(status) => {
                    if let Some(session) = session {
                        session.keep_deleted(items);
                    }
                    return Err(status);
                }
            }
        }
        let shown: Result<Vec<Object>, Status> = items.iter().cloned().map(|item| self.to_version(item)).collect();
        let items = match (shown, session) {
            (Err(status), Some(session)) => {
                session.keep_deleted(items);
                return Err(status);
            }
            (shown, _) => shown?,
        };
        let list = json!({
            "kind": list_kind(self.route.resource),
            "apiVersion": self.route.resource.group_version().to_string(),
            "metadata": {"resourceVersion": self.api.store().revision()?.to_string()},
            "items": items,
        });
        Ok(ok(&list))
    }

    fn write_options(&self) -> Result<WriteOptions, Status> {
        let name = match self.query.get("fieldManager") {
            "" if self.agent.is_empty() => "unknown",
            "" => &self.agent,
            name => name,
        };
        let manager = Manager {
            name: name.to_owned(),
            subresource: self.route.subresource.clone().into_owned(),
            applies: self.media_type == APPLY,
        };
        let user = Some(self.user.clone()).filter(|user| !user.is_master() && !self.always_allow);
        // What a webhook converts counts in the storage version from then on.
        let version = self.custom.filter(|custom| custom.conversion.is_none());
        Ok(WriteOptions { dry_run: self.query.dry_run()?, version, manager: Some(manager), user })
    }

    /// Brings a body into its kind's form. Returns warnings.
    fn normalise(&self, object: &mut Object) -> Result<Vec<String>, Status> {
        let validation = FieldValidation::parse(&self.query)?;
        form::normalise(&self.route.resource.gvk(), self.custom, object, &Source::Body(&self.body), validation)
    }

    fn part(&self) -> Result<Part, Status> {
        Part::of_subresource(&self.route.subresource).ok_or_else(Status::method_not_allowed)
    }

    fn to_storage(&self, mut object: Object) -> Result<Object, Status> {
        let Some(way) = convert::between(self.route.resource, self.storage) else { return Ok(object) };
        // What a webhook converts is to be right in the version in which it came.
        if let (Some(custom), Some(_)) = (self.custom, way.webhook_for(&object)) {
            custom.default(&mut object);
            let errors = custom.validate(&object, None, &mut Vec::new());
            if !errors.is_empty() {
                return Err(Status::invalid(&self.route.resource.gvk().group_kind(), object.name(), &errors));
            }
        }
        self.api.convert(way, &object)
    }

    fn to_version(&self, object: Object) -> Result<Object, Status> {
        match convert::between(self.storage, self.route.resource) {
            Some(way) => self.api.convert(way, &object),
            None => Ok(object),
        }
    }

    fn show_written(&self, code: StatusCode, written: Written) -> Result<Response<Body>, Status> {
        self.show(code, written.object, &written.warnings)
    }

    /// An object in the version and form that the client asked for.
    fn show(&self, code: StatusCode, object: Object, warnings: &[String]) -> Result<Response<Body>, Status> {
        let mut object = match (self.to_version(object.clone()), &self.api.session) {
            (Ok(object), _) => object,
            (Err(status), session) => {
                // What is done is done; it is only yet to be shown.
                if let Some(session) = session.as_ref().filter(|session| session.is_wanted()) {
                    session.keep_shown((code, object, warnings.to_vec()));
                }
                return Err(status);
            }
        };
        let value = match self.form {
            Form::Table => {
                let include = Include::parse(self.query.get("includeObject"))?;
                let printer = Printer::new(self.route.resource, include, self.api.clock().now());
                let metadata = json!({"resourceVersion": object.resource_version()});
                printer.table(metadata, vec![printer.row(object)], true)
            }
            Form::Metadata => partial(&mut object),
            Form::Object | Form::Discovery => object,
        };
        let mut response = json_response(code, value.to_string().into_bytes());
        for warning in warnings {
            warn(&mut response, warning);
        }
        Ok(response)
    }
}

/// The program's name in a client's `User-Agent`: what stands before the version.
fn agent(headers: &http::HeaderMap) -> String {
    let agent = headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("");
    agent.split('/').next().unwrap_or("").chars().take(LONGEST_MANAGER).collect()
}

/// Reads `DeleteOptions` from a body, or from the query where the body has none.
fn delete_options(object: &Object, query: &Query) -> Result<DeleteOptions, Status> {
    let text = |path: &[&str]| object.str_at(path).to_owned();
    let mut options = DeleteOptions {
        uid: text(&["preconditions", "uid"]),
        resource_version: text(&["preconditions", "resourceVersion"]),
        grace_period_seconds: object.int_at(&["gracePeriodSeconds"]),
        propagation: text(&["propagationPolicy"]),
        dry_run: query.dry_run()? || object.list_at(&["dryRun"]).iter().any(|value| value == "All"),
        user: None,
    };
    if options.grace_period_seconds.is_none() {
        options.grace_period_seconds = query.number("gracePeriodSeconds")?;
    }
    if options.propagation.is_empty() {
        options.propagation = query.get("propagationPolicy").to_owned();
    }
    if options.propagation.is_empty()
        && let Some(orphan) = object.at(&["orphanDependents"]).and_then(Object::as_bool)
    {
        options.propagation = if orphan { "Orphan" } else { "Background" }.to_owned();
    }
    if !matches!(options.propagation.as_str(), "" | "Background" | "Foreground" | "Orphan") {
        let error = crate::backend::registry::FieldError::not_supported(
            "propagationPolicy",
            options.propagation.as_str(),
            &["Foreground", "Background", "Orphan", "nil"],
        );
        let kind = crate::object::GroupKind { group: "meta.k8s.io".into(), kind: "DeleteOptions".into() };
        return Err(Status::invalid(&kind, "", &[error]));
    }
    Ok(options)
}
