//! Roles, ClusterRoles and their bindings.

use super::description::Description;
use super::parts::heading;
use super::related::Related;
use super::text::go_list;
use crate::object::{Meta, Object};
use crate::output::rules::compact;

pub(super) fn describe_role(d: &mut Description, role: &Object, _: &Related) -> anyhow::Result<()> {
    heading(d, role, false);
    d.line(0, "PolicyRule:");
    d.line(1, "Resources\tNon-Resource URLs\tResource Names\tVerbs");
    d.line(1, "---------\t-----------------\t--------------\t-----");
    for rule in compact(role.list_at(&["rules"])) {
        let (urls, names, verbs) = (go_list(&rule.urls), go_list(&rule.names), go_list(&rule.verbs));
        d.line(1, format_args!("{}\t{urls}\t{names}\t{verbs}", rule.resource()));
    }
    Ok(())
}

pub(super) fn describe_binding(d: &mut Description, binding: &Object, _: &Related) -> anyhow::Result<()> {
    heading(d, binding, false);
    d.line(0, "Role:");
    d.field(1, "Kind", binding.str_at(&["roleRef", "kind"]));
    d.field(1, "Name", binding.str_at(&["roleRef", "name"]));
    d.line(0, "Subjects:");
    d.line(1, "Kind\tName\tNamespace");
    d.line(1, "----\t----\t---------");
    for subject in binding.list_at(&["subjects"]) {
        let part = |name: &str| subject.str_at(&[name]);
        d.line(1, format_args!("{}\t{}\t{}", part("kind"), part("name"), part("namespace")));
    }
    Ok(())
}
