//! A write goes past the webhooks (`…/webhook/mutating`, `…/webhook/validating`).

use std::collections::HashSet;

use super::hooks::Hook;
use super::{Answer, Asker, convert, unanswered};
use crate::backend::api::form::{self, FieldValidation, Source};
use crate::backend::api::transaction::Inside;
use crate::backend::api::{WriteOptions, scale};
use crate::backend::registry::convert::between;
use crate::backend::registry::{custom, storage_of, strategy_of};
use crate::object::builtin::Resource;
use crate::object::{GroupVersionKind, Meta, Object, Status, patch, yaml};

/// Configurations and policies cannot be kept from being changed.
const EXEMPT: &str = "admissionregistration.k8s.io";

/// A write, as webhooks are asked about it.
pub(in crate::backend::api) struct Write<'v> {
    /// The resource in its storage version.
    pub resource: &'static Resource,
    /// The resource as it was asked for.
    pub requested: &'static Resource,
    pub subresource: &'v str,
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    pub operation: &'static str,
    /// Empty where a name is yet to be made.
    pub name: &'v str,
    pub namespace: &'v str,
    pub object: Option<&'v Object>,
    pub old: Option<&'v Object>,
    pub dry_run: bool,
    pub asker: Asker,
}

impl Write<'_> {
    pub(super) fn is_about_namespace(&self) -> bool {
        self.resource.group.is_empty() && self.resource.plural == "namespaces"
    }

    pub(in crate::backend::api) fn with<'w>(&'w self, object: &'w Object) -> Write<'w> {
        Write { object: Some(object), asker: self.asker.clone(), ..*self }
    }
}

/// What came of asking one webhook.
enum Said {
    Allowed(Answer),
    /// It failed, which is to be ignored.
    Nothing,
    Refused(Status),
    /// It is yet to be asked.
    Unknown,
}

impl Inside<'_, '_> {
    /// A write as webhooks see it; none where there are no webhooks, or none for it.
    pub fn write_for_webhooks<'v>(
        &self,
        resource: &'static Resource,
        operation: &'static str,
        options: &'v WriteOptions,
        subresource: &'v str,
        identity: (&'v str, &'v str),
    ) -> Option<Write<'v>> {
        let session = self.session.filter(|_| !self.hooks.is_empty() && resource.group != EXEMPT)?;
        let asker = session.asker();
        let asked = options.manager.as_ref().map_or("", |manager| manager.subresource.as_str());
        Some(Write {
            resource,
            requested: asker.resource.filter(|asked| is_shown_as(resource, asked)).unwrap_or(resource),
            subresource: if subresource.is_empty() { asked } else { subresource },
            operation,
            name: if asker.unnamed { "" } else { identity.1 },
            namespace: identity.0,
            object: None,
            old: None,
            dry_run: options.dry_run,
            asker,
        })
    }

    /// Asks those that may change the object, one after the other, each about what those before it made of
    /// it; those that want to (`IfNeeded`) once more where a later one changed something. Whether anything
    /// changed.
    pub fn mutate_by_webhooks(&self, write: &Write<'_>, object: &mut Object) -> Result<bool, Status> {
        let mut changed = false;
        let mut invoked: HashSet<&str> = HashSet::new();
        let mut again: HashSet<&str> = HashSet::new();
        for round in 0..2 {
            let chosen = |hook: &&Hook| hook.mutating && (round == 0 || again.contains(hook.id.as_str()));
            let hooks: Vec<&Hook> = self.hooks.iter().filter(chosen).collect();
            for hook in hooks {
                let before = object.clone();
                let current = if write.operation == "DELETE" { None } else { Some(&before) };
                let about = Write { object: current, ..write.with(&before) };
                let Some(resource) = self.invocation(hook, &about)? else { continue };
                let answer = match self.consult(hook, &about, resource)? {
                    Said::Allowed(answer) => answer,
                    Said::Nothing => continue,
                    Said::Refused(status) => return Err(status),
                    Said::Unknown => return Err(unanswered()),
                };
                match self.patched(hook, &about, resource, &answer) {
                    Ok(Some(new)) if new != before => {
                        *object = new;
                        changed = true;
                        again.extend(invoked.drain());
                    }
                    Ok(_) => {}
                    Err(Fault::Calling(_)) if hook.ignores_failures() => continue,
                    Err(Fault::Calling(why)) => return Err(failed(hook, &why)),
                    Err(Fault::Ours(why)) => return Err(Status::internal(why)),
                    Err(Fault::Status(status)) => return Err(status),
                }
                if hook.spec.str_at(&["reinvocationPolicy"]) == "IfNeeded" {
                    invoked.insert(hook.id.as_str());
                }
            }
            if again.is_empty() {
                break;
            }
        }
        Ok(changed)
    }

    /// Asks those that may refuse, all at once.
    pub fn validate_by_webhooks(&self, write: &Write<'_>) -> Result<(), Status> {
        let mut refusal = None;
        let mut unknown = false;
        for hook in self.hooks.iter().filter(|hook| !hook.mutating) {
            let Some(resource) = self.invocation(hook, write)? else { continue };
            match self.consult(hook, write, resource) {
                Ok(Said::Allowed(_) | Said::Nothing) => {}
                Ok(Said::Unknown) => unknown = true,
                Ok(Said::Refused(status)) | Err(status) => refusal = refusal.or(Some(status)),
            }
        }
        match refusal {
            _ if unknown => Err(unanswered()),
            Some(status) => Err(status),
            None => Ok(()),
        }
    }

    fn consult(&self, hook: &Hook, write: &Write<'_>, resource: &'static Resource) -> Result<Said, Status> {
        let question = self.question(hook, write, resource)?;
        let Some(session) = self.session else { return Ok(Said::Nothing) };
        Ok(match session.answer(question) {
            None => Said::Unknown,
            Some(Ok(answer)) if answer.allowed => Said::Allowed(answer),
            Some(Ok(answer)) => Said::Refused(answer.refusal(hook.name())),
            Some(Err(_)) if hook.ignores_failures() => Said::Nothing,
            Some(Err(why)) => Said::Refused(failed(hook, &why)),
        })
    }
}

/// Whether a resource shows the objects of a storage resource.
fn is_shown_as(storage: &'static Resource, shown: &'static Resource) -> bool {
    std::ptr::eq(storage, shown) || std::ptr::eq(storage_of(shown), storage)
}

fn failed(hook: &Hook, why: &str) -> Status {
    Status::internal(format!("failed calling webhook {:?}: {why}", hook.name()))
}

/// What is said of a value of the wrong type, without the object that it is in.
fn mismatch(message: String) -> String {
    match message.rfind("json: cannot unmarshal") {
        Some(at) => message.get(at..).map(str::to_owned).unwrap_or(message),
        None => message,
    }
}

/// Why there is no object with the changes.
enum Fault {
    /// The webhook's answer is not what it should be.
    Calling(String),
    /// Its changes do not fit.
    Ours(String),
    /// Something else.
    Status(Status),
}

impl Inside<'_, '_> {
    /// The object (in its storage version) with a webhook's changes; none where it wants none.
    fn patched(
        &self,
        hook: &Hook,
        write: &Write<'_>,
        resource: &'static Resource,
        answer: &Answer,
    ) -> Result<Option<Object>, Fault> {
        if answer.patch.is_empty() {
            return Ok(None);
        }
        let operations: Vec<Object> = serde_json::from_slice(&answer.patch).map_err(|why| {
            let why = yaml::json_mistake(&answer.patch).unwrap_or_else(|| why.to_string());
            Fault::Calling(format!("received undecodable patch in webhook response: {why}"))
        })?;
        if operations.is_empty() {
            return Ok(None);
        }
        let shown = write.shown(self.session, resource, write.object).map_err(Fault::Status)?;
        let Some(mut object) = shown else {
            return Err(Fault::Ours(format!(
                "admission webhook {:?} attempted to modify the object, which is not supported for this operation",
                hook.name()
            )));
        };
        if answer.patch_type != "JSONPatch" {
            return Err(Fault::Calling(format!("unsupported patch type {:?}", answer.patch_type)));
        }
        // The server's own words before the library's are left out.
        let inner = |why: String| match why.split_once("due to an error in our request: ") {
            Some((_, why)) => why.to_owned(),
            None => why,
        };
        patch::json::apply_operations(&mut object, &operations).map_err(|why| Fault::Ours(inner(why.to_string())))?;
        let part = resource.subresource(write.subresource);
        let gvk =
            part.map_or_else(|| resource.gvk(), |part| GroupVersionKind::new(part.group, part.version, part.kind));
        let custom = custom::of(resource).filter(|_| gvk == resource.gvk());
        form::normalise(&gvk, custom, &mut object, &Source::Patched(&[]), FieldValidation::Ignore)
            .map_err(|status| Fault::Ours(mismatch(status.message)))?;
        if gvk != resource.gvk() {
            if write.subresource == "scale"
                && let Some(whole) = write.object
            {
                return scale::onto(write.resource, whole, &object)
                    .map(Some)
                    .map_err(|status| Fault::Ours(status.message));
            }
            return Ok(Some(object));
        }
        if !std::ptr::eq(resource, write.resource)
            && let Some(back) = between(resource, write.resource)
        {
            object = convert(self.session, back, &object).map_err(Fault::Status)?;
        }
        if write.subresource.is_empty() {
            strategy_of(write.resource).default(&mut object);
        }
        Ok(Some(object))
    }
}
