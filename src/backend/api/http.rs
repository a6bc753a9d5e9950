//! HTTP requests to verbs, and results to responses.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, EXPIRES, HOST, HeaderValue, IF_NONE_MATCH, LOCATION, VARY, WARNING,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Request, Response, StatusCode};
use serde_json::json;

use super::accept::{self, Form};
use super::access::{AlwaysAllow, Attributes, Caller, User, unauthorized, user_of};
use super::call::Call;
use super::list::list_kind;
use super::openapi::Encoding;
use super::query::Query;
use super::response::{failure, json_response, ok, text, whole};
use super::route::{self, ResourceRoute, Route};
use super::table::{Include, Printer};
use super::webhooks::{Session, attempts};
use super::{Api, Body, Nodes, discovery, health, layout, metrics, openapi, review, token, usage};
use crate::backend::registry::custom;
use crate::object::{GroupVersion, Status, builtin};

/// Answers a request. Errors are answers too.
pub async fn handle(api: &Api, nodes: Option<&dyn Nodes>, request: Request<Bytes>) -> Response<Body> {
    let yaml = layout::is_yaml(&request);
    let beta = accept::is_beta(request.headers());
    let for_people = !yaml && layout::is_for_people(&request);
    let mut response = respond(api, nodes, request).await;
    if beta {
        response = layout::to_beta(response);
    }
    match (yaml, for_people) {
        (true, _) => layout::to_yaml(response).await,
        (_, true) => layout::lay_out(response).await,
        _ => response,
    }
}

async fn respond(api: &Api, nodes: Option<&dyn Nodes>, request: Request<Bytes>) -> Response<Body> {
    let (path, begun) = (request.uri().clone(), Instant::now());
    let _open = api.metrics().begin(request.method());
    let mut labels = metrics::Labels::of(&request, None);
    let response = match answer(api, nodes, request, &mut labels).await {
        Ok(response) => response,
        // What leads nowhere is answered by no API, and not in its form.
        Err(status) if status == Status::no_such_path() && !is_built_in(path.path()) => {
            let mut response = text("404 page not found\n");
            *response.status_mut() = StatusCode::NOT_FOUND;
            response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            response
        }
        Err(status) if status == Status::no_such_path() => failure(&status.with_details()),
        Err(status) => failure(&status),
    };
    api.metrics().count(labels, response.status().as_u16(), begun.elapsed());
    response
}

/// Whether a path is below a group and version of the built-in types.
fn is_built_in(path: &str) -> bool {
    let mut segments = path.trim_start_matches('/').split('/');
    let (group, version) = match segments.next() {
        Some("api") => ("", segments.next()),
        Some("apis") => (segments.next().unwrap_or_default(), segments.next()),
        _ => return false,
    };
    version.is_some_and(|version| builtin::resources().iter().any(|r| r.group == group && r.version == version))
}

/// Whether a request is for a watch, which lasts and wants the cluster to move meanwhile.
pub fn is_watch(request: &Request<Bytes>) -> bool {
    let uri = request.uri();
    let said = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        matches!(key, "watch" | "follow") && !matches!(value, "false" | "0")
    };
    is_watch_path(uri.path()) || uri.query().is_some_and(|query| query.split('&').any(said))
}

/// Whether a path is below `/watch/` of a group version.
fn is_watch_path(path: &str) -> bool {
    let mut segments = path.trim_start_matches('/').split('/');
    let skip = match segments.next() {
        Some("api") => 1,
        Some("apis") => 2,
        _ => return false,
    };
    segments.nth(skip) == Some("watch")
}

async fn answer(
    api: &Api,
    nodes: Option<&dyn Nodes>,
    request: Request<Bytes>,
    labels: &mut metrics::Labels,
) -> Result<Response<Body>, Status> {
    let path = request.uri().path().to_owned();
    let find = |group: &str, version: &str, plural: &str| api.resource_at(group, version, plural);
    let user = user_of(api, &request)?;
    let route = route::parse(&path, &find);
    if let Ok(Route::Resource(route)) = &route {
        *labels = metrics::Labels::of(&request, Some((route, verb(&request, route).unwrap_or_default())));
    }
    let unknown = request.extensions().get::<Caller>() == Some(&Caller::Anonymous);
    let always = request.extensions().get::<AlwaysAllow>().is_some();
    if !user.is_master() && (unknown || !always) {
        let refused = allow(api, &user, &request, route.as_ref().ok());
        // Who does not say who they are is asked to.
        refused.map_err(|status| if unknown { unauthorized() } else { status })?;
    }
    let route = route?;
    match route {
        Route::Version => Ok(ok(&discovery::version())),
        Route::TokenKeys => {
            let mut response = ok(&token::keys(api)?);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
            Ok(response)
        }
        Route::TokenIssuer => {
            let mut response = ok(&token::issuer(&request));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
            Ok(response)
        }
        Route::Health { of, check } => {
            let query = Query::parse(request.uri().query())?;
            let excluded: Vec<&str> = query.all("exclude").collect();
            let verbose = query.all("verbose").next().is_some();
            let told = health::answer(of, check, verbose, &excluded).ok_or_else(Status::no_such_path)?;
            let mut response = text(told);
            if check.is_empty() {
                response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            }
            Ok(response)
        }
        Route::Metrics => {
            let mut response = text(metrics::text(api)?);
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            Ok(response)
        }
        Route::OpenApi2 => {
            let Ok(encoding) = Encoding::negotiate(2, request.headers()) else { return Ok(not_acceptable()) };
            let (kind, document) = encoding.write(2, &openapi::version_2(&api.resources()?));
            Ok(tagged(&request, kind, document))
        }
        Route::OpenApi(version) => {
            if request.method() != Method::GET {
                return Err(Status::method_not_allowed());
            }
            open_api(api, version.as_ref(), &request)
        }
        Route::Discovery { group, version, core } => {
            if request.method() != Method::GET {
                return Err(Status::method_not_allowed());
            }
            let form = accept::negotiate(request.headers())?;
            let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
            let document = discovery::document(&api.resources()?, core, &group, &version, form, host)?;
            if form != Form::Discovery || !group.is_empty() || !version.is_empty() {
                return Ok(json_response(StatusCode::OK, document));
            }
            let media_type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
            let mut response = tagged(&request, media_type, document);
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public"));
            Ok(response)
        }
        Route::Resource(route) => resource(api, nodes, user, request, &route).await,
    }
}

/// Refuses what the roles do not allow.
fn allow(api: &Api, user: &User, request: &Request<Bytes>, route: Option<&Route<'_>>) -> Result<(), Status> {
    let attributes = match route {
        Some(Route::Resource(route)) => Attributes::of_route(verb(request, route)?, route, request.uri().query()),
        _ => Attributes::of_path(request),
    };
    let rules = api.rules(user, &attributes.namespace);
    if let (false, reason) = rules.decide(&attributes) {
        return Err(attributes.refused(user, &reason));
    }
    // A websocket is opened with GET. Whoever may only read must not get into a container by that.
    let enters = attributes.resource == "pods" && matches!(&*attributes.subresource, "exec" | "attach" | "portforward");
    if enters && attributes.verb == "get" {
        let enter = Attributes { verb: "create".into(), ..attributes };
        if let (false, reason) = rules.decide(&enter) {
            return Err(Status::forbidden("pods", &enter.name, &reason));
        }
    }
    Ok(())
}

async fn resource(
    api: &Api,
    nodes: Option<&dyn Nodes>,
    user: User,
    request: Request<Bytes>,
    route: &ResourceRoute<'_>,
) -> Result<Response<Body>, Status> {
    let verb = verb(&request, route)?;
    if matches!(&*route.subresource, "log" | "exec" | "attach" | "portforward" | "proxy") {
        return connect(api, nodes, user, request, route).await;
    }
    if route.resource.group == usage::GROUP {
        return measured(api, &request, route);
    }
    let converts = custom::of(route.resource).is_some_and(|custom| custom.conversion.is_some());
    if matches!(verb, "get" | "list" | "watch") && !converts {
        return Call::read(api, user, request, route)?.answer(verb);
    }
    let session = Session::of_request(api, &user, request.uri().query(), route, verb);
    let api = api.in_session(Arc::clone(&session));
    let call = Call::read(&api, user, request, route)?;
    attempts(&session, || call.answer(verb)).await
}

/// What nodes or pods use.
fn measured(api: &Api, request: &Request<Bytes>, route: &ResourceRoute<'_>) -> Result<Response<Body>, Status> {
    let query = Query::parse(request.uri().query())?;
    let items = api.usage(route, &query)?;
    let metadata = json!({});
    if accept::negotiate(request.headers())? == Form::Table {
        let printer = Printer::new(route.resource, Include::parse(query.get("includeObject"))?, api.clock().now());
        let rows = items.into_iter().map(|item| printer.row(item)).collect();
        return Ok(ok(&printer.table(metadata, rows, true)));
    }
    if let (false, Some(item)) = (route.name.is_empty(), items.first()) {
        return Ok(ok(item));
    }
    let version = route.resource.group_version().to_string();
    Ok(ok(&json!({"kind": list_kind(route.resource), "apiVersion": version, "metadata": metadata, "items": items})))
}

/// `/openapi/v3`, or one of its documents.
fn open_api(api: &Api, version: Option<&GroupVersion>, request: &Request<Bytes>) -> Result<Response<Body>, Status> {
    let resources = api.resources()?;
    let Some(version) = version else {
        return Ok(tagged(request, "application/json", openapi::index(&resources).to_string().into_bytes()));
    };
    let Ok(encoding) = Encoding::negotiate(3, request.headers()) else { return Ok(not_acceptable()) };
    let hash = openapi::hash(version, &resources);
    let tag = format!("\"{hash}\"");
    let mut response = if request.headers().get(IF_NONE_MATCH).is_some_and(|value| *value == *tag) {
        let mut response = Response::new(whole(Vec::new()));
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let document = openapi::document(version, &resources).ok_or_else(Status::no_such_path)?;
        let (kind, document) = encoding.write(3, &document);
        of_kind(kind, document)
    };
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    // An address with the document's hash is good for as long as it is asked for.
    let query = Query::parse(request.uri().query())?;
    let asked = query.get("hash");
    if !asked.is_empty() && asked != hash {
        // The document has changed since; where it is now is said.
        let address = format!("{}?hash={hash}", request.uri().path());
        headers.insert(LOCATION, HeaderValue::from_str(&address).map_err(|_| Status::no_such_path())?);
        *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
        return Ok(response);
    }
    if asked == hash {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
        headers.insert(EXPIRES, HeaderValue::from_static("Thu, 31 Dec 2099 23:59:59 GMT"));
    }
    Ok(response)
}

fn of_kind(kind: &'static str, document: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(whole(document));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// What is said where a document cannot be sent in any form that the client reads.
fn not_acceptable() -> Response<Body> {
    let mut response = Response::new(whole(Vec::new()));
    *response.status_mut() = StatusCode::NOT_ACCEPTABLE;
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response
}

/// A document that is known by its content: who has it already is not sent it again.
fn tagged(request: &Request<Bytes>, kind: &'static str, document: Vec<u8>) -> Response<Body> {
    let tag = format!("\"{}\"", openapi::content_hash(&document));
    let has = request.headers().get(IF_NONE_MATCH).is_some_and(|value| *value == *tag);
    let mut response = if has {
        let mut response = Response::new(whole(Vec::new()));
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        of_kind(kind, document)
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response
}

/// The API verb of a request; 405 where the resource has none for it.
fn verb(request: &Request<Bytes>, route: &ResourceRoute<'_>) -> Result<&'static str, Status> {
    let named = !route.name.is_empty() && !route.watch;
    let verb = match (request.method(), named) {
        (&Method::GET | &Method::HEAD, true) => "get",
        (&Method::GET | &Method::HEAD, false) => {
            if is_watch(request) {
                "watch"
            } else {
                "list"
            }
        }
        (&Method::POST, named) if !named || !route.subresource.is_empty() => "create",
        (&Method::PUT, true) => "update",
        (&Method::PATCH, true) => "patch",
        (&Method::DELETE, true) => "delete",
        (&Method::DELETE, false) => "deletecollection",
        _ => return Err(Status::method_not_allowed()),
    };
    let allowed = match route.resource.subresource(&route.subresource) {
        Some(part) => part.verbs.contains(&verb),
        None => route.resource.allows(verb),
    };
    let elsewhere = route.resource.namespaced && route.namespace.is_empty() && !matches!(verb, "list" | "watch");
    let virtual_create = verb == "create" && review::is_review(route.resource);
    if allowed && (!elsewhere || virtual_create) { Ok(verb) } else { Err(Status::method_not_allowed()) }
}

/// Streams from and to a pod's containers: the business of its node.
async fn connect(
    api: &Api,
    nodes: Option<&dyn Nodes>,
    user: User,
    request: Request<Bytes>,
    route: &ResourceRoute<'_>,
) -> Result<Response<Body>, Status> {
    let key = route.resource.group_resource();
    let mut warnings = Vec::new();
    if route.subresource != "log" {
        let session = Session::of_request(api, &user, None, route, "connect");
        let api = api.in_session(Arc::clone(&session));
        let query = Query::parse(request.uri().query())?;
        let passed = attempts(&session, || api.pass_connection(route, &query).map(|()| text(String::new()))).await?;
        if !passed.status().is_success() {
            return Ok(passed);
        }
        warnings.extend(passed.headers().get_all(WARNING).iter().cloned());
    }
    let object = api.get(key, &route.namespace, &route.name)?;
    match nodes {
        Some(nodes) => {
            let mut response = nodes.connect(&object, &route.subresource, request).await;
            for warning in warnings {
                response.headers_mut().append(WARNING, warning);
            }
            Ok(response)
        }
        None => Err(Status::failure(
            501,
            "NotImplemented",
            format!("the bundled cluster does not serve {key}/{} here", route.subresource),
        )),
    }
}
