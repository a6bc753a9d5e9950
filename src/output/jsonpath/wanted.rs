//! Which fields a template can look at, so that the others need not be read.

use super::JsonPath;
use super::parse::{Filter, Node};

/// A path of field names; lists on the way are looked through.
type Path = Vec<String>;

impl JsonPath {
    /// The paths of the fields that the template looks at; everything below them may be printed. None
    /// where that may be anything. On values without the other fields the template finds the same,
    /// though errors may show less of them.
    pub fn wanted(&self) -> Option<Vec<Path>> {
        let mut walk = Walk { paths: Vec::new(), bases: vec![Path::new()] };
        self.nodes.iter().try_for_each(|node| walk.top(node)).map(|()| walk.paths)
    }
}

struct Walk {
    paths: Vec<Path>,
    /// Where the values are that the template, and each range that is open, works on.
    bases: Vec<Path>,
}

impl Walk {
    /// A part of the template, or of a range.
    fn top(&mut self, node: &Node) -> Option<()> {
        let Node::Action(steps) = node else { return Some(()) };
        let base = self.bases.last()?.clone();
        match steps.split_first() {
            Some((Node::Word(word), steps)) if word == "range" => {
                let items = self.steps(base, steps)?;
                // How many there are counts even where nothing of them is looked at; no field has this name.
                self.paths.push([items.as_slice(), &[String::new()]].concat());
                self.bases.push(items);
            }
            Some((Node::Word(word), [])) if word == "end" && self.bases.len() > 1 => drop(self.bases.pop()),
            _ => {
                let end = self.steps(base, steps)?;
                if !matches!(steps.as_slice(), [Node::Text(_)]) {
                    self.keep(end)?;
                }
            }
        }
        Some(())
    }

    /// Follows steps from a place, and tells where they lead.
    fn steps(&mut self, mut at: Path, steps: &[Node]) -> Option<Path> {
        for step in steps {
            match step {
                Node::Field(name) => at.push(name.clone()),
                Node::Slice(_) => {}
                Node::Text(_) | Node::Int(_) | Node::Float(_) | Node::Bool(_) => {}
                Node::Filter(filter) => {
                    let Filter { left, operator, right } = filter.as_ref();
                    let right = (operator != "exists").then_some(right);
                    for side in std::iter::once(left).chain(right) {
                        let literal =
                            |node: &Node| matches!(node, Node::Text(_) | Node::Int(_) | Node::Float(_) | Node::Bool(_));
                        if side.is_empty() || !side.iter().all(literal) {
                            let end = self.steps(at.clone(), side)?;
                            self.keep(end)?;
                        }
                    }
                }
                Node::Action(_) | Node::Word(_) | Node::Wildcard | Node::Recursive | Node::Union(_) => return None,
            }
        }
        Some(at)
    }

    fn keep(&mut self, path: Path) -> Option<()> {
        if path.is_empty() {
            return None;
        }
        self.paths.push(path);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_looked_at() {
        for (template, want) in [
            ("{.items[*].metadata.name}", Some("items.metadata.name")),
            (
                "{range .items[*]}{.a.b}{\"\\t\"}{range .c[1:]}{.d}{end}{.e}{end}{.kind}",
                Some("items. items.a.b items.c. items.c.d items.e kind"),
            ),
            ("{.items[?(@.a.b==\"x\")].c}", Some("items.a.b items.c")),
            ("{.items[?(@.a)]}", Some("items.a items")),
            ("text", Some("")),
            ("{range .a}{end}", Some("a.")),
            ("{.a..b}", None),
            ("{.a.*}", None),
            ("{.a['b','c']}", None),
            ("{@}", None),
            ("{}", None),
            ("{.items[?(@==1)]}", Some("items items")),
        ] {
            let wanted = JsonPath::parse(template).unwrap().wanted();
            let text = wanted.map(|paths| paths.iter().map(|path| path.join(".")).collect::<Vec<_>>().join(" "));
            assert_eq!(text.as_deref(), want, "{template}");
        }
    }
}
