//! Which objects a patch means.

use regex_lite::Regex;

use crate::object::GroupVersionKind;
use crate::ops::kustomize::id::Id;
use crate::ops::kustomize::kustomization::Selector;
use crate::ops::kustomize::resource::Resource;

/// A [`Selector`] with its expressions read. An absent one fits everything.
pub struct Matcher<'a> {
    selector: &'a Selector,
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
}

fn expression(text: &str) -> anyhow::Result<Option<Regex>> {
    if text.is_empty() { Ok(None) } else { Ok(Some(Regex::new(&format!("^(?:{text})$"))?)) }
}

fn fits(expression: Option<&Regex>, text: &str) -> bool {
    expression.is_none_or(|expression| expression.is_match(text))
}

impl<'a> Matcher<'a> {
    /// Reads the expressions.
    ///
    /// # Errors
    /// One that is none.
    pub fn new(selector: &'a Selector) -> anyhow::Result<Self> {
        Ok(Self {
            selector,
            group: expression(&selector.gvk.group)?,
            version: expression(&selector.gvk.version)?,
            kind: expression(&selector.gvk.kind)?,
            name: expression(&selector.name)?,
            namespace: expression(&selector.namespace)?,
        })
    }

    fn fits_kind(&self, gvk: &GroupVersionKind) -> bool {
        fits(self.group.as_ref(), &gvk.group)
            && fits(self.version.as_ref(), &gvk.version)
            && fits(self.kind.as_ref(), &gvk.kind)
    }

    /// Whether an object is meant, by what it is called now or was called at first.
    ///
    /// # Errors
    /// A label selector that cannot be read.
    pub fn fits(&self, resource: &Resource) -> anyhow::Result<bool> {
        let (now, first) = (resource.id(), resource.original_id());
        let namespace = |id: &Id| fits(self.namespace.as_ref(), id.effective_namespace());
        let name = |id: &Id| fits(self.name.as_ref(), &id.name);
        if !(namespace(&first) || namespace(&now)) || !(name(&first) || name(&now)) || !self.fits_kind(&now.gvk) {
            return Ok(false);
        }
        resource.fits_selectors(&self.selector.label_selector, &self.selector.annotation_selector)
    }
}
