//! Objects on their way through a kustomization, with what must be remembered of them.

use super::id::Id;
use super::origin::Origin;
use crate::object::labels::Selector;
use crate::object::{GroupVersionKind, Meta, Object};

/// What a generator does where its object is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behavior {
    /// It must not be.
    #[default]
    Create,
    /// Its data is added.
    Merge,
    /// It is replaced.
    Replace,
}

impl Behavior {
    /// Reads `behavior`; an unknown word means what none does.
    pub fn parse(text: &str) -> Self {
        match text {
            "merge" => Self::Merge,
            "replace" => Self::Replace,
            _ => Self::Create,
        }
    }
}

/// An object, and its history.
#[derive(Clone, Debug, Default)]
pub struct Resource {
    /// The object as it stands.
    pub object: Object,
    /// What it was called before, oldest first.
    pub previous: Vec<Id>,
    /// The name prefixes it got, innermost first.
    pub prefixes: Vec<String>,
    /// The name suffixes it got, innermost first.
    pub suffixes: Vec<String>,
    /// Whether its name gets a hash of its content.
    pub hashed: bool,
    /// What its generator asked for.
    pub behavior: Behavior,
    /// The variables that read from it.
    pub variables: Vec<String>,
    /// Where it comes from; only known where the result says so.
    pub origin: Option<Origin>,
    /// What changed it; only known where the result says so.
    pub transformations: Vec<Origin>,
}

impl Resource {
    /// An object without history.
    pub fn new(object: Object) -> Self {
        Self { object, ..Self::default() }
    }

    /// What it is called now.
    pub fn id(&self) -> Id {
        Id::of(&self.object)
    }

    /// What it was called at first.
    pub fn original_id(&self) -> Id {
        self.previous.first().cloned().unwrap_or_else(|| self.id())
    }

    /// Whether it is gone.
    pub fn is_empty(&self) -> bool {
        self.object.as_object().is_none_or(serde_json::Map::is_empty)
    }

    /// Whether any of its ids, old or new, fits.
    pub fn any_id(&self, fits: impl Fn(&Id) -> bool) -> bool {
        self.previous.iter().any(&fits) || fits(&self.id())
    }

    /// Remembers what it is called now, before that changes.
    pub fn remember(&mut self) {
        let mut id = self.id();
        id.namespace = id.effective_namespace().to_owned();
        self.previous.push(id);
    }

    /// Its type.
    pub fn gvk(&self) -> GroupVersionKind {
        super::id::gvk(self.object.api_version(), self.object.kind())
    }

    /// Whether labels and annotations fit their selectors; empty ones fit all.
    ///
    /// # Errors
    /// A selector that cannot be read.
    pub fn fits_selectors(&self, labels: &str, annotations: &str) -> anyhow::Result<bool> {
        for (text, have) in [(labels, "labels"), (annotations, "annotations")] {
            if !text.is_empty() {
                let selector = Selector::parse(text)?;
                if !selector.matches_labels(self.object.at(&["metadata", have])) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// Objects in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Resources(pub Vec<Resource>);

impl Resources {
    /// Adds an object.
    ///
    /// # Errors
    /// One that is called the same is there already.
    pub fn append(&mut self, resource: Resource) -> anyhow::Result<()> {
        let id = resource.id();
        let same = |other: &Resource| other.object.name() == id.name && other.id().equals(&id);
        anyhow::ensure!(!self.0.iter().any(same), "may not add resource with an already registered id: {id}");
        self.0.push(resource);
        Ok(())
    }

    /// Adds several objects, see [`Resources::append`].
    pub fn append_all(&mut self, others: Self) -> anyhow::Result<()> {
        others.0.into_iter().try_for_each(|resource| self.append(resource))
    }

    /// Adds a generated object as its behaviour wants.
    ///
    /// # Errors
    /// It is there and should not, or the other way round.
    pub fn absorb(&mut self, mut incoming: Resource) -> anyhow::Result<()> {
        let id = incoming.id();
        let mut matching = self.0.iter_mut().filter(|known| known.any_id(|known| known.equals(&id)));
        let Some(old) = matching.next() else {
            anyhow::ensure!(incoming.behavior == Behavior::Create, "id {id} does not exist; cannot merge or replace");
            return self.append(incoming);
        };
        anyhow::ensure!(matching.next().is_none(), "found multiple objects that could accept merge of {id}");
        if incoming.behavior == Behavior::Create {
            anyhow::bail!("id {id} exists; can not use behavior: 'create', behavior must be merge or replace");
        }
        for field in ["labels", "annotations"] {
            merge_maps(&old.object, &mut incoming.object, &["metadata", field]);
        }
        incoming.object.set_at(&["metadata", "name"], old.object.name());
        set_namespace(&mut incoming.object, old.object.namespace());
        if incoming.behavior == Behavior::Merge {
            merge_maps(&old.object, &mut incoming.object, &["data"]);
            merge_maps(&old.object, &mut incoming.object, &["binaryData"]);
            incoming.origin = old.origin.take();
        }
        incoming.hashed &= old.hashed;
        incoming.previous = std::mem::take(&mut old.previous);
        incoming.prefixes = std::mem::take(&mut old.prefixes);
        incoming.suffixes = std::mem::take(&mut old.suffixes);
        incoming.variables = std::mem::take(&mut old.variables);
        incoming.transformations = std::mem::take(&mut old.transformations);
        *old = incoming;
        Ok(())
    }

    /// The only object that is, or was, called so.
    ///
    /// # Errors
    /// None, or several.
    pub fn find(&mut self, id: &Id) -> anyhow::Result<&mut Resource> {
        let mut matching =
            self.0.iter_mut().filter(|known| !known.is_empty() && known.any_id(|known| known.equals(id)));
        let found = matching.next();
        let several = matching.next().is_some();
        match found {
            Some(found) if !several => Ok(found),
            found => {
                let what = if found.is_some() { "multiple" } else { "no" };
                anyhow::bail!("{what} matches for Id {id}; failed to find unique target for patch {id}")
            }
        }
    }

    /// Takes out what is gone.
    pub fn drop_empty(&mut self) {
        self.0.retain(|resource| !resource.is_empty());
    }
}

/// Sets or clears `metadata.namespace`.
pub fn set_namespace(object: &mut Object, namespace: &str) {
    if namespace.is_empty() {
        object.remove_at(&["metadata", "namespace"]);
    } else {
        object.set_at(&["metadata", "namespace"], namespace);
    }
}

/// Adds what only the old object has in a map.
fn merge_maps(old: &Object, new: &mut Object, path: &[&str]) {
    let Some(theirs) = old.at(path).and_then(Object::as_object) else { return };
    let mut merged = theirs.clone();
    if let Some(mine) = new.at(path).and_then(Object::as_object) {
        merged.extend(mine.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    if !merged.is_empty() {
        new.set_at(path, merged);
    }
}
