//! The grammar of `TYPE`, `TYPE NAME…` and `TYPE/NAME…`.

use crate::ops::Program;

/// What the arguments name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Types, each once; without names, all their objects.
    pub(super) types: Vec<String>,
    /// Names of objects of the one type.
    pub(super) names: Vec<String>,
    /// Types with names.
    pub(super) pairs: Vec<(String, String)>,
}

/// The parts of `a,b,c`, each once.
pub fn split_types(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in text.split(',') {
        if !parts.iter().any(|seen| seen == part) {
            parts.push(part.to_owned());
        }
    }
    parts
}

/// Whether arguments name objects and not types alone.
pub fn has_names(args: &[String], program: Program) -> anyhow::Result<bool> {
    let args = spread(args);
    Ok(are_pairs(&args, program)? || args.len() > 1)
}

/// `a,b c d` means `a/c a/d b/c b/d`.
fn spread(args: &[String]) -> Vec<String> {
    if let Some((first, names)) = args.split_first()
        && !names.is_empty()
    {
        let types = split_types(first);
        if types.len() > 1 {
            let pairs = types.iter().flat_map(|kind| names.iter().map(move |name| format!("{kind}/{name}")));
            return pairs.collect();
        }
    }
    args.to_vec()
}

/// Whether all arguments have a slash. Fails where only some have.
fn are_pairs(args: &[String], program: Program) -> anyhow::Result<bool> {
    let pairs = args.iter().filter(|arg| arg.contains('/')).count();
    if pairs > 0 && pairs < args.len() {
        anyhow::bail!(
            "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. '{program} get resource/<resource_name>' instead of '{program} get resource resource/<resource_name>'"
        );
    }
    Ok(pairs > 0)
}

/// Takes `TYPE/NAME` apart; none where there is no slash.
pub(super) fn type_and_name(arg: &str) -> anyhow::Result<Option<(String, String)>> {
    let Some((kind, name)) = arg.split_once('/') else { return Ok(None) };
    if name.contains('/') {
        anyhow::bail!("arguments in resource/name form may not have more than one slash");
    }
    if kind.is_empty() || name.is_empty() || split_types(kind).len() != 1 {
        anyhow::bail!("arguments in resource/name form must have a single resource and name");
    }
    Ok(Some((kind.to_owned(), name.to_owned())))
}

/// Reads the arguments. Categories among the types are not replaced yet.
pub(super) fn parse(args: &[String], program: Program) -> anyhow::Result<Named> {
    let args = spread(args);
    let mut named = Named::default();
    if are_pairs(&args, program)? {
        for arg in &args {
            named.pairs.extend(type_and_name(arg)?);
        }
    } else if let Some((types, names)) = args.split_first() {
        named.types = split_types(types);
        named.names = names.to_vec();
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn own(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn reads_the_forms() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        for (args, types, names, pairs) in [
            (vec!["pods"], vec!["pods"], vec![], vec![]),
            (vec!["pods,svc,pods"], vec!["pods", "svc"], vec![], vec![]),
            (vec!["pods", "a", "b"], vec!["pods"], vec!["a", "b"], vec![]),
            (vec!["pod/a", "svc/b"], vec![], vec![], vec![pair("pod", "a"), pair("svc", "b")]),
            (
                vec!["a,b", "x", "y"],
                vec![],
                vec![],
                vec![pair("a", "x"), pair("a", "y"), pair("b", "x"), pair("b", "y")],
            ),
            (vec![], vec![], vec![], vec![]),
        ] {
            let want = Named { types: own(&types), names: own(&names), pairs };
            assert_eq!(parse(&own(&args), Program::Kctl).expect("understood"), want, "{args:?}");
        }
        assert!(has_names(&own(&["pod", "a"]), Program::Kctl).expect("understood"));
        assert!(!has_names(&own(&["pod,svc"]), Program::Kctl).expect("understood"));
    }

    #[test]
    fn says_what_is_wrong() {
        let apart = "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'";
        for (args, want) in [
            (vec!["pod", "svc/a"], apart),
            (vec!["pod/a/b"], "arguments in resource/name form may not have more than one slash"),
            (vec!["pod/"], "arguments in resource/name form must have a single resource and name"),
            (vec!["/a"], "arguments in resource/name form must have a single resource and name"),
            (vec!["a,b/c"], "arguments in resource/name form must have a single resource and name"),
        ] {
            let error = parse(&own(&args), Program::Kubectl).expect_err("refused");
            assert_eq!(error.to_string(), want, "{args:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(args in proptest::collection::vec("[a,/.]{0,5}", 0..4)) {
            let _ = parse(&args, Program::Kctl);
        }
    }
}
