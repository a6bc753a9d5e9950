//! The verbs on a resource: a request taken apart, done, and its result as a response.

mod apply;
mod deletion;
mod options;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use serde_json::json;

use self::options::OptionsKind;
use super::accept::{self, Form};
use super::access::{AlwaysAllow, User};
use super::form::{self, FieldValidation, Source};
use super::http::is_watch;
use super::list::options::plain_revision;
use super::patch::{APPLY, Patch};
use super::query::Query;
use super::response::{failure, json_response, ok, success, warn};
use super::route::ResourceRoute;
use super::table::{Include, Printer, partial};
use super::{Api, Body, Manager, Part, WriteOptions, Written};
use super::{body, review, scale, token};
use crate::backend::registry::custom::{self, Custom};
use crate::backend::registry::{FieldError, convert, managed, storage_of};
use crate::object::builtin::Resource;
use crate::object::{Meta, Object, Status};
use crate::output::columns;

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
    /// Whether the metadata of a list is asked for, or that of one object.
    lists: Option<bool>,
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
            form: if is_watch(&request) || route.watch {
                accept::negotiate_watch(request.headers())?
            } else {
                accept::negotiate(request.headers())?
            },
            lists: accept::lists(request.headers()),
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
        let response = match verb {
            "get" => self.get(),
            "list" => self.list(),
            "watch" => self.watch(),
            "create" => self.create(),
            "update" => self.update(),
            "patch" => self.patch(),
            "delete" => self.delete(),
            "deletecollection" => self.delete_collection(),
            _ => Err(Status::method_not_allowed()),
        };
        let deprecation = self.deprecation();
        if deprecation.is_none() || self.api.session.as_ref().is_some_and(|session| session.is_wanted()) {
            return response;
        }
        // Whoever uses what is to be used no longer hears of it whatever comes of it.
        let mut response = response.unwrap_or_else(|status| failure(&status));
        if let Some(text) = deprecation {
            warn(&mut response, text);
        }
        Ok(response)
    }

    fn deprecation(&self) -> Option<&'static str> {
        let key = self.route.resource.group_resource();
        let own = DEPRECATED.iter().find(|(deprecated, _)| *deprecated == key).map(|(_, text)| *text);
        self.custom.and_then(|custom| custom.deprecation.as_deref()).or(own)
    }

    fn key(&self) -> &'static str {
        self.storage.group_resource()
    }

    fn get(&self) -> Result<Response<Body>, Status> {
        // The bytes go out as they are, where nothing has to be looked at.
        let (namespace, name) = (&*self.route.namespace, &*self.route.name);
        self.api.wait_for(plain_revision(self.query.get("resourceVersion"))?)?;
        let stored = self.api.store().get(self.key(), namespace, name)?;
        let stored = stored.ok_or_else(|| Status::not_found(self.route.resource.group_resource(), name))?;
        if self.lists == Some(true) {
            return Err(accept::not_a_list(self.route.resource));
        }
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
        if self.lists == Some(false) {
            return Err(accept::a_list(self.route.resource));
        }
        let bytes = self.api.list_body(self.route.resource, &self.route.namespace, &self.query, self.form)?;
        Ok(json_response(StatusCode::OK, bytes))
    }

    fn watch(&self) -> Result<Response<Body>, Status> {
        use futures_util::StreamExt;
        let watch =
            self.api.watch(self.route.resource, (&self.route.namespace, &self.route.name), &self.query, self.form)?;
        let frames = watch.into_stream().map(|chunk| chunk.map(http_body::Frame::data));
        let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        Ok(response)
    }

    fn create(&self) -> Result<Response<Body>, Status> {
        let resource = self.route.resource;
        let options = self.write_options(OptionsKind::Create)?;
        let mut object = body::decode_as(&self.media_type, &self.body, resource.kind)?;
        if let Some(part) = resource.subresource(&self.route.subresource) {
            body::expect_kind(&mut object, part.group, part.version, part.kind)?;
            return self.create_part(&object, &options);
        }
        body::expect_kind(&mut object, resource.group, resource.version, resource.kind)?;
        if review::is_review(resource) {
            if let Some(manager) = &options.manager {
                managed::update(resource, None, &mut object, manager, self.api.now());
            }
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
                let mut deletion = deletion::read_options(object.at(&["deleteOptions"]).unwrap_or(&Object::Null))?;
                deletion.dry_run |= options.dry_run;
                self.api.evict(namespace, name, &deletion)?;
            }
            "token" => {
                let account = self.api.get("serviceaccounts", namespace, name)?;
                let mut object = object.clone();
                object.set_at(&["metadata", "name"], name);
                object.set_at(&["metadata", "namespace"], namespace);
                self.api.pass("CREATE", self.route, options, &mut object)?;
                let token = token::request(self.api, &account, object)?;
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
            let error = FieldError::required("target.name", "");
            let kind = crate::object::GroupKind { group: String::new(), kind: "Binding".into() };
            return Err(Status::invalid(&kind, name, &[error]));
        }
        self.api.bind_with(&self.route.namespace, name, node, &binding.annotations(), options)
    }

    fn update(&self) -> Result<Response<Body>, Status> {
        let resource = self.route.resource;
        let options = self.write_options(OptionsKind::Update)?;
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
        if !Patch::is_known(&self.media_type) {
            return Err(body::unsupported_kind());
        }
        let applies = self.media_type == APPLY;
        let options = self.write_options(if applies { OptionsKind::Apply } else { OptionsKind::Patch })?;
        if applies {
            return self.apply(&options);
        }
        let validation = FieldValidation::parse(&self.query);
        let patch = Patch::read(&self.media_type, &self.body)?;
        if self.route.subresource == "scale" {
            let mut warnings = Vec::new();
            let mut response = self.rescale(&options, |scale| {
                let (new, found) = patch.apply(&scale::kind(), None, scale, validation)?;
                warnings = found;
                Ok(new)
            })?;
            warnings.iter().for_each(|warning| warn(&mut response, warning));
            return Ok(response);
        }
        let (namespace, name) = (&*self.route.namespace, &*self.route.name);
        let out = convert::between(self.storage, self.route.resource);
        let mut warnings = Vec::new();
        let mut written = self.api.change_with(self.storage, namespace, name, self.part()?, &options, |old| {
            let shown = out.map(|way| self.api.convert(way, old)).transpose()?;
            let (new, found) =
                patch.apply(&self.route.resource.gvk(), self.custom, shown.as_ref().unwrap_or(old), validation)?;
            warnings = found;
            if new.name().is_empty() {
                return Err(Status::bad_request(format!(
                    "the name of the object ({name} based on URL) was undeterminable: name must be provided"
                )));
            }
            if !new.uid().is_empty() && new.uid() != old.uid() {
                let fault = || FieldError::immutable("metadata.uid", new.uid());
                return Err(Status::invalid(&self.route.resource.gvk().group_kind(), name, &[fault(), fault()]));
            }
            let place = new.namespace();
            if !place.is_empty() && place != namespace {
                return Err(Status::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
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

    fn rescale(
        &self,
        options: &WriteOptions,
        edit: impl FnOnce(&Object) -> Result<Object, Status>,
    ) -> Result<Response<Body>, Status> {
        self.rescale_by(options, |old| scale::onto(self.storage, old, &edit(&scale::of(self.storage, old))?))
    }

    /// Changes an object of which the scale is to be shown.
    fn rescale_by(
        &self,
        options: &WriteOptions,
        edit: impl FnOnce(&Object) -> Result<Object, Status>,
    ) -> Result<Response<Body>, Status> {
        let (namespace, name) = (&*self.route.namespace, &*self.route.name);
        let written = self.api.change_with(self.storage, namespace, name, Part::Whole, options, edit)?;
        Ok(ok(&scale::of(self.storage, &written.object)))
    }

    fn write_options(&self, kind: OptionsKind) -> Result<WriteOptions, Status> {
        options::check(kind, &self.query)?;
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
        Ok(WriteOptions { dry_run: self.query.dry_run(), version, manager: Some(manager), user })
    }

    /// Brings a body into its kind's form. Returns warnings.
    fn normalise(&self, object: &mut Object) -> Result<Vec<String>, Status> {
        let validation = FieldValidation::parse(&self.query);
        let is_yaml = self.media_type == "application/yaml";
        let source = if is_yaml { Source::Yaml(&self.body) } else { Source::Body(&self.body) };
        form::normalise(&self.route.resource.gvk(), self.custom, object, &source, validation)
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
