//! Which partials a template's inline partials include.

use std::collections::{BTreeMap, BTreeSet};

use handlebars::Template;
use handlebars::template::{DecoratorTemplate, HelperTemplate, Parameter, TemplateElement};

/// What each partial includes.
#[derive(Default)]
struct Includes {
    by_name: BTreeMap<String, BTreeSet<String>>,
    /// Partials that include others whose names only the data knows: they may include any.
    dynamic: BTreeSet<String>,
}

/// A partial, or the template itself, that may include itself directly or through others.
pub(super) fn endless(template: &Template, name: &str) -> Option<String> {
    let mut includes = Includes::default();
    includes.template(template, name);
    let names: Vec<String> = includes.by_name.keys().cloned().collect();
    for name in &includes.dynamic {
        includes.by_name.entry(name.clone()).or_default().extend(names.iter().cloned());
    }
    names.into_iter().find(|name| includes.reaches_itself(name))
}

impl Includes {
    fn template(&mut self, template: &Template, within: &str) {
        self.by_name.entry(within.to_owned()).or_default();
        for element in &template.elements {
            match element {
                TemplateElement::HelperBlock(helper)
                | TemplateElement::Expression(helper)
                | TemplateElement::HtmlExpression(helper) => self.helper(helper, within),
                TemplateElement::DecoratorBlock(decorator) | TemplateElement::DecoratorExpression(decorator) => {
                    self.inline(decorator, within);
                }
                TemplateElement::PartialExpression(partial) | TemplateElement::PartialBlock(partial) => {
                    match static_name(&partial.name) {
                        Some(name) => {
                            self.by_name.entry(within.to_owned()).or_default().insert(name);
                        }
                        None => {
                            self.dynamic.insert(within.to_owned());
                        }
                    }
                    if let Some(block) = &partial.template {
                        self.template(block, within);
                    }
                }
                _ => {}
            }
        }
    }

    fn helper(&mut self, helper: &HelperTemplate, within: &str) {
        for template in [&helper.template, &helper.inverse].into_iter().flatten() {
            self.template(template, within);
        }
    }

    /// `{{#*inline "name"}}`; one whose name the data gives counts as part of what it stands in.
    fn inline(&mut self, decorator: &DecoratorTemplate, within: &str) {
        let Some(template) = &decorator.template else { return };
        match decorator.params.first().and_then(static_name) {
            Some(name) => self.template(template, &name),
            None => {
                self.dynamic.insert(within.to_owned());
                self.template(template, within);
            }
        }
    }

    fn reaches_itself(&self, start: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(name) = open.pop() {
            for next in self.by_name.get(name).into_iter().flatten() {
                if next == start {
                    return true;
                }
                if seen.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        false
    }
}

/// A name that is written in the template.
fn static_name(parameter: &Parameter) -> Option<String> {
    match parameter {
        Parameter::Subexpression(_) => None,
        Parameter::Literal(serde_json::Value::String(name)) => Some(name.clone()),
        other => other.as_name().map(str::to_owned),
    }
}
