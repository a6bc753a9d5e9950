//! What a job says about its pods' failures and about which successes are enough
//! (`spec.podFailurePolicy`, `spec.successPolicy`).

use super::indexes::Indexes;
use crate::object::{Meta, Object};

/// What a failed pod means to its job.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// One more failure.
    Counts,
    /// Nothing: the pod is replaced.
    Ignored,
    /// Its index has failed for good.
    OfIndex,
    /// The job has failed; and why, for people.
    OfJob(String),
}

/// What a failed pod means to its job: the first rule decides that fits.
pub fn failure(job: &Object, pod: &Object) -> Failure {
    for (place, rule) in job.list_at(&["spec", "podFailurePolicy", "rules"]).iter().enumerate() {
        let action = rule.str_at(&["action"]);
        let subject = format!("{}/{}", pod.namespace(), pod.name());
        let why = if let Some(wanted) = rule.at(&["onExitCodes"]).filter(|wanted| wanted.is_object()) {
            failed_container(pod, wanted).map(|(name, code)| {
                format!("Container {name} for pod {subject} failed with exit code {code} matching {action} rule at index {place}")
            })
        } else {
            condition(pod, rule.list_at(&["onPodConditions"]))
                .map(|kind| format!("Pod {subject} has condition {kind} matching {action} rule at index {place}"))
        };
        match (why, action) {
            (Some(_), "Ignore") => return Failure::Ignored,
            (Some(_), "FailIndex") => return Failure::OfIndex,
            (Some(_), "Count") => return Failure::Counts,
            (Some(why), "FailJob") => return Failure::OfJob(why),
            _ => {}
        }
    }
    Failure::Counts
}

/// The first container that ended with a code that a rule names, and the code.
fn failed_container<'a>(pod: &'a Object, wanted: &Object) -> Option<(&'a str, i64)> {
    let named = wanted.at(&["containerName"]).and_then(Object::as_str);
    let lists = ["containerStatuses", "initContainerStatuses"].into_iter();
    lists.flat_map(|list| pod.list_at(&["status", list])).find_map(|status| {
        let code = status.int_at(&["state", "terminated", "exitCode"]).filter(|code| *code != 0)?;
        let name = status.str_at(&["name"]);
        let listed = wanted.list_at(&["values"]).iter().any(|value| value.as_i64() == Some(code));
        let fits = match wanted.str_at(&["operator"]) {
            "In" => listed,
            "NotIn" => !listed,
            _ => false,
        };
        (fits && named.is_none_or(|named| named == name)).then_some((name, code))
    })
}

fn condition<'a>(pod: &'a Object, patterns: &[Object]) -> Option<&'a str> {
    let own = pod.list_at(&["status", "conditions"]).iter();
    let fits = |own: &&Object| {
        patterns.iter().any(|pattern| {
            let status = match pattern.str_at(&["status"]) {
                "" => "True",
                status => status,
            };
            pattern.str_at(&["type"]) == own.str_at(&["type"]) && status == own.str_at(&["status"])
        })
    };
    own.clone().find(fits).map(|own| own.str_at(&["type"]))
}

/// Which rule of the success policy these successes meet, for people.
pub fn success(job: &Object, completions: i64, succeeded: &Indexes) -> Option<String> {
    if succeeded.is_empty() {
        return None;
    }
    let rules = job.list_at(&["spec", "successPolicy", "rules"]);
    let met = rules.iter().position(|rule| {
        let count = rule.int_at(&["succeededCount"]);
        match rule.at(&["succeededIndexes"]).and_then(Object::as_str) {
            Some(text) => {
                let wanted = Indexes::parse(text, completions);
                let have = wanted.shared(succeeded);
                !wanted.is_empty() && (have == wanted.count() || count.is_some_and(|count| have >= count))
            }
            None => count.is_some_and(|count| succeeded.count() >= count),
        }
    });
    met.map(|place| format!("Matched rules at index {place}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_rule_that_fits_decides() {
        let codes = |action: &str, operator: &str, values: &[i64]| json!({"action": action, "onExitCodes": {"operator": operator, "values": values}});
        let target = json!({"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]});
        let of_job = |text: &str| Failure::OfJob(text.to_owned());
        let code_42 = "Container c for pod d/p failed with exit code 42 matching FailJob rule at index";
        for (rules, code, disrupted, want) in [
            (json!([]), 1, false, Failure::Counts),
            (json!([codes("FailJob", "In", &[42])]), 1, false, Failure::Counts),
            (json!([codes("FailJob", "In", &[42])]), 42, false, of_job(&format!("{code_42} 0"))),
            (json!([codes("FailJob", "NotIn", &[1, 2])]), 42, false, of_job(&format!("{code_42} 0"))),
            (json!([target, codes("FailJob", "In", &[42])]), 42, false, of_job(&format!("{code_42} 1"))),
            (json!([target, codes("FailJob", "In", &[42])]), 42, true, Failure::Ignored),
            (json!([codes("Count", "In", &[42]), target]), 42, true, Failure::Counts),
            (json!([codes("FailIndex", "In", &[42])]), 42, false, Failure::OfIndex),
            (
                json!([{"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget"}]}]),
                1,
                true,
                of_job("Pod d/p has condition DisruptionTarget matching FailJob rule at index 0"),
            ),
            (
                json!([{"action": "Ignore", "onExitCodes": {"containerName": "x", "operator": "In", "values": [42]}}]),
                42,
                false,
                Failure::Counts,
            ),
        ] {
            let job = json!({"spec": {"podFailurePolicy": {"rules": rules}}});
            let conditions =
                if disrupted { json!([{"type": "DisruptionTarget", "status": "True"}]) } else { json!([]) };
            let pod = json!({"metadata": {"name": "p", "namespace": "d"}, "status": {
                "conditions": conditions,
                "containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": code}}}]}});
            assert_eq!(failure(&job, &pod), want, "{rules} {code} {disrupted}");
        }
    }

    #[test]
    fn successes_are_enough_by_index_and_count() {
        for (rules, succeeded, want) in [
            (json!([]), "0", None),
            (json!([{"succeededCount": 2}]), "0", None),
            (json!([{"succeededCount": 2}]), "0,3", Some(0)),
            (json!([{"succeededIndexes": "0-2"}]), "0,1,4", None),
            (json!([{"succeededIndexes": "0-2"}, {"succeededCount": 3}]), "0,1,4", Some(1)),
            (json!([{"succeededIndexes": "0-2", "succeededCount": 2}]), "1-2", Some(0)),
            (json!([{"succeededIndexes": "1-2"}]), "0-3", Some(0)),
        ] {
            let job = json!({"spec": {"successPolicy": {"rules": rules}}});
            let want = want.map(|place: usize| format!("Matched rules at index {place}"));
            assert_eq!(success(&job, 5, &Indexes::parse(succeeded, 5)), want, "{rules} {succeeded}");
        }
    }
}
