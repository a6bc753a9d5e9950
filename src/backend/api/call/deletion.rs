//! Deleting one object or many, and the options for it.

use http::{Response, StatusCode};
use serde_json::json;

use super::Call;
use super::options;
use crate::backend::api::list::options::Options;
use crate::backend::api::list::{Extent, Writer};
use crate::backend::api::query::Query;
use crate::backend::api::response::{json_response, ok, success, warn};
use crate::backend::api::selection::Selection;
use crate::backend::api::webhooks::Session;
use crate::backend::api::{Body, DeleteOptions, Deleted, body};
use crate::backend::registry::{FieldError, FieldErrors};
use crate::object::{GroupKind, GroupVersion, Meta, Object, Status, yaml};

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

impl Call<'_> {
    pub(super) fn delete(&self) -> Result<Response<Body>, Status> {
        let options = self.delete_options()?;
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

    pub(super) fn delete_collection(&self) -> Result<Response<Body>, Status> {
        let session = self.api.session.as_deref();
        let list = Options::parse(&self.query, false)?;
        let selection = Selection::parse(self.storage, &self.query)?;
        let options = self.delete_options()?;
        let extent = Extent {
            storage: self.storage,
            namespace: &self.route.namespace,
            selection: &selection,
            options: &list,
            parse: false,
        };
        let mut names = Vec::new();
        let metadata = self.api.walk(&extent, |item| names.push((item.namespace.to_owned(), item.name.to_owned())))?;
        // What an earlier attempt has deleted counts.
        let mut items = session.map(Session::take_deleted).unwrap_or_default();
        if list.limit > 0 {
            let left = usize::try_from(list.limit).unwrap_or(usize::MAX).saturating_sub(items.len());
            names.truncate(left);
        }
        for (namespace, name) in names {
            match self.api.delete_with(self.storage, &namespace, &name, &options) {
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
        let shown = match (shown, session) {
            (Err(status), Some(session)) => {
                session.keep_deleted(items);
                return Err(status);
            }
            (shown, _) => shown?,
        };
        let mut writer = Writer::new(self.route.resource, self.form, &self.query, self.api)?;
        shown.into_iter().for_each(|object| writer.object(object));
        Ok(json_response(StatusCode::OK, writer.finish(metadata)))
    }

    /// The options of a deletion: those of the body or, where there is none, of the query.
    fn delete_options(&self) -> Result<DeleteOptions, Status> {
        let mut options = if self.body.is_empty() {
            read_options(&of_query(&self.query)?)?
        } else {
            let object = body::decode(&self.media_type, &self.body).map_err(|status| {
                let found = yaml::json_mistake(&self.body).filter(|_| self.media_type == "application/json");
                found.map_or(status, |why| {
                    Status::bad_request(format!("couldn't get version/kind; json parse error: {why}"))
                })
            })?;
            expect_options(&object)?;
            read_options(&object)?
        };
        options.user = Some(self.user.clone());
        Ok(options)
    }
}

/// Refuses a body of another kind.
fn expect_options(object: &Object) -> Result<(), Status> {
    let kind = object.kind();
    if matches!(kind, "" | "DeleteOptions") {
        return Ok(());
    }
    let version = match GroupVersion::parse(object.api_version()) {
        Some(version) if !version.version.is_empty() => version.to_string(),
        _ => "__internal".to_owned(),
    };
    Err(Status::bad_request(format!(
        "no kind {kind:?} is registered for version {version:?} in scheme \"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27\""
    )))
}

/// The options that a query gives, as an object.
fn of_query(query: &Query) -> Result<Object, Status> {
    let mut object = json!({});
    if let Some(seconds) = query.number("gracePeriodSeconds")? {
        object["gracePeriodSeconds"] = seconds.into();
    }
    if !query.get("propagationPolicy").is_empty() {
        object["propagationPolicy"] = query.get("propagationPolicy").into();
    }
    if query.all("orphanDependents").next().is_some() {
        object["orphanDependents"] = query.is_true("orphanDependents").into();
    }
    let dry_run: Vec<&str> = query.all("dryRun").collect();
    if !dry_run.is_empty() {
        object["dryRun"] = json!(dry_run);
    }
    Ok(object)
}

/// Reads `DeleteOptions`.
///
/// # Errors
/// 422 for values that there are not, or that do not go together.
pub(super) fn read_options(object: &Object) -> Result<DeleteOptions, Status> {
    let text = |path: &[&str]| object.str_at(path).to_owned();
    let mut errors = FieldErrors::new();
    let mut propagation = text(&["propagationPolicy"]);
    let orphan = object.at(&["orphanDependents"]).and_then(Object::as_bool);
    if !propagation.is_empty() {
        if orphan.is_some() {
            let why = "orphanDependents and deletionPropagation cannot be both set";
            errors.push(FieldError::invalid("propagationPolicy", propagation.as_str(), why));
        }
        if !matches!(propagation.as_str(), "Background" | "Foreground" | "Orphan") {
            let known = ["Foreground", "Background", "Orphan", "nil"];
            errors.push(FieldError::not_supported("propagationPolicy", propagation.as_str(), &known));
        }
    } else if let Some(orphan) = orphan {
        propagation = if orphan { "Orphan" } else { "Background" }.to_owned();
    }
    let dry_run: Vec<&str> = object.list_at(&["dryRun"]).iter().filter_map(Object::as_str).collect();
    errors.extend(options::dry_run_fault(&dry_run));
    if !errors.is_empty() {
        let kind = GroupKind { group: "meta.k8s.io".into(), kind: "DeleteOptions".into() };
        return Err(Status::invalid(&kind, "", &errors));
    }
    Ok(DeleteOptions {
        uid: text(&["preconditions", "uid"]),
        resource_version: text(&["preconditions", "resourceVersion"]),
        grace_period_seconds: object.int_at(&["gracePeriodSeconds"]),
        propagation,
        dry_run: !dry_run.is_empty(),
        user: None,
    })
}
