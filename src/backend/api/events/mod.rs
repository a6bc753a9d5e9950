//! Events, as client-go's recorder makes and merges them.

pub(super) mod recent;
mod text;

use std::sync::Arc;

use serde_json::json;

use super::transaction::Inside;
use super::{Api, WriteOptions, random};
use crate::backend::controllers::expiry;
use crate::backend::controllers::{Event, Key};
#[cfg(debug_assertions)]
use crate::backend::registry::strategies;
use crate::backend::store::{ListOptions, StoreError};
use crate::object::builtin::Resource;
use crate::object::{Meta, Object, Status, Timestamp, names, time};

const QUOTAS: &str = "resourcequotas";

/// Creates an event, or raises the count of the one that differs in nothing but its times.
pub(super) fn record(api: &Api, event: &Event) -> Result<(), Status> {
    let resource = api.known("events")?;
    let about = About::of(event);
    api.write(|inside| {
        // What others have a say in goes the way of all objects.
        if !inside.is_admitted_by_itself() || !inside.transaction.list(QUOTAS, None)?.is_empty() {
            return about.record(inside, resource);
        }
        let mut recent = api.recent_events();
        recent.see(inside.transaction.events_epoch());
        let place = recent::of_place(about.namespace, about.base);
        if !recent.knows(place) {
            let all = inside.transaction.list_named("events", about.namespace, &format!("{}.", about.base))?;
            recent.learn(place, all.iter().map(|old| (recent::of_event(old), about.number(old.name()))));
        }
        let own = about.hash();
        match recent.find(place, own) {
            Some(number) => {
                let old = inside.transaction.object("events", about.namespace, &about.name(number))?;
                match old.filter(|(old, _)| about.is_same(old)) {
                    Some((old, _)) => about.raise(inside, Arc::unwrap_or_clone(old))?,
                    None => about.record(inside, resource)?,
                }
            }
            None => {
                let number = inside.now.as_nanosecond().max(recent.last(place).saturating_add(1));
                let summary = recent.summary(inside.now);
                about.write(inside, number, summary)?;
                recent.learn(place, [(own, number)].into_iter());
            }
        }
        recent.wrote(inside.transaction.events_epoch());
        Ok(())
    })
}

/// An event that is to be recorded.
struct About<'a> {
    event: &'a Event,
    namespace: &'a str,
    /// The recorder's names start with the object's.
    base: &'a str,
}

impl<'a> About<'a> {
    fn of(event: &'a Event) -> Self {
        let namespace = match event.regarding.namespace() {
            "" => "default",
            namespace => namespace,
        };
        let base = match event.regarding.name() {
            name if names::dns1123_subdomain(name).is_empty() => name,
            _ => "object",
        };
        Self { event, namespace, base }
    }

    fn name(&self, number: i128) -> String {
        format!("{}.{number:x}", self.base)
    }

    /// The number in an event's name; less than 0 where there is none.
    fn number(&self, name: &str) -> i128 {
        let digits = name.strip_prefix(self.base).and_then(|rest| rest.strip_prefix('.'));
        let number = digits.and_then(|digits| i128::from_str_radix(digits, 16).ok());
        number.filter(|number| *number >= 0 && self.name(*number) == name).unwrap_or(-1)
    }

    fn hash(&self) -> u64 {
        let Event { regarding, field_path, kind, reason, message, component, host } = self.event;
        recent::of([
            regarding.uid(),
            regarding.kind(),
            regarding.name(),
            field_path,
            reason,
            message,
            kind,
            component,
            host.as_str(),
        ])
    }

    fn source(&self) -> Object {
        match self.event.host.as_str() {
            "" => json!({"component": self.event.component}),
            host => json!({"component": self.event.component, "host": host}),
        }
    }

    fn is_same(&self, old: &Object) -> bool {
        let (event, reference) = (self.event, reference(&self.event.regarding, &self.event.field_path));
        old["involvedObject"]["uid"] == reference["uid"]
            && old.str_at(&["reason"]) == event.reason
            && old.str_at(&["message"]) == event.message
            && old.str_at(&["type"]) == event.kind
            && old["source"] == self.source()
            && ["kind", "name", "fieldPath"].iter().all(|f| old.at(&["involvedObject", f]) == reference.get(*f))
    }

    fn object(&self, name: &str, now: Timestamp) -> Object {
        let (event, now) = (self.event, time::rfc3339(now));
        json!({
            "metadata": {"name": name, "namespace": self.namespace},
            "involvedObject": reference(&event.regarding, &event.field_path),
            "reason": event.reason,
            "message": event.message,
            "source": self.source(),
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": event.kind,
            "eventTime": null,
            "reportingComponent": event.component,
            "reportingInstance": event.host,
        })
    }

    /// Records the event with the words of all that have a say, and with a look at all events that may equal it.
    fn record(&self, inside: &mut Inside<'_, '_>, resource: &'static Resource) -> Result<(), Status> {
        // Only a short range is looked at.
        let earlier = inside.transaction.list_named("events", self.namespace, &format!("{}.", self.base))?;
        if let Some(old) = earlier.into_iter().find(|old| self.is_same(old)) {
            return self.raise(inside, old);
        }
        let mut number = inside.now.as_nanosecond();
        let name = loop {
            let name = self.name(number);
            if !inside.transaction.exists("events", self.namespace, &name)? {
                break name;
            }
            number += 1;
        };
        inside.create(resource, self.object(&name, inside.now), &WriteOptions::default()).map(drop)
    }

    /// It happened once more.
    fn raise(&self, inside: &mut Inside<'_, '_>, mut old: Object) -> Result<(), Status> {
        let count = old.int_at(&["count"]).unwrap_or(1) + 1;
        old.set_at(&["count"], count);
        old.set_at(&["lastTimestamp"], time::rfc3339(inside.now));
        inside.transaction.update("events", &mut old, None)?;
        Ok(())
    }

    /// Writes a new event under a name that is free, as `create` would.
    fn write(&self, inside: &mut Inside<'_, '_>, number: i128, summary: Arc<Object>) -> Result<(), Status> {
        let name = self.name(number);
        inside.check_open("events", self.namespace, &name)?;
        let (now, uid) = (time::rfc3339(inside.now), random::uuid(inside.rng.get_mut()));
        let key = Key { resource: "events", namespace: self.namespace.to_owned(), name: name.clone() };
        let write = |revision: u64| {
            let text = text::of(
                self.event,
                &text::Place { namespace: self.namespace, name: &name, uid: &uid },
                &now,
                revision,
            )?;
            #[cfg(debug_assertions)]
            {
                let mut object = self.object(&name, inside.now);
                object.set_at(&["apiVersion"], "v1");
                object.set_at(&["kind"], "Event");
                strategies::for_resource("events").default(&mut object);
                object.set_at(&["metadata", "creationTimestamp"], now.as_str());
                object.set_at(&["metadata", "uid"], uid.as_str());
                object.set_at(&["metadata", "resourceVersion"], revision.to_string());
                debug_assert_eq!(serde_json::to_string(&object).ok(), String::from_utf8(text.clone()).ok());
                debug_assert!(strategies::for_resource("events").validate(&object).is_empty(), "{object}");
            }
            Ok(text)
        };
        inside.transaction.create_text(key, summary, write)?;
        Ok(())
    }
}

/// Removes the events that end until then.
pub(super) fn drop_over(api: &Api, until: Timestamp) -> Result<(), Status> {
    let mut over = Vec::new();
    api.store().scan("events", &ListOptions::default(), |namespace, name, revision, bytes| {
        if expiry::end_of(bytes).is_some_and(|end| end <= until.as_second()) {
            over.push((namespace.to_owned(), name.to_owned(), revision));
        }
    })?;
    if over.is_empty() {
        return Ok(());
    }
    api.write(|inside| {
        for (namespace, name, revision) in &over {
            match inside.transaction.delete("events", namespace, name, Some(*revision)) {
                // Somebody was faster, or wrote it again.
                Ok(()) | Err(StoreError::NotFound { .. } | StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    })
}

fn reference(object: &Object, field_path: &str) -> Object {
    let mut reference = json!({"kind": object.kind(), "apiVersion": object.api_version(), "name": object.name()});
    for (field, value) in [
        ("namespace", object.namespace()),
        ("uid", object.uid()),
        ("resourceVersion", object.resource_version()),
        ("fieldPath", field_path),
    ] {
        if !value.is_empty() {
            reference.set_at(&[field], value);
        }
    }
    reference
}
