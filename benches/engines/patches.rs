//! Patches and CEL.

use std::io;

use kctl::object::cel::{Budget, Env, Named, Program, Type, Value};
use kctl::object::patch::{json, merge, strategic, three_way};
use kctl::object::{Object, schema};
use serde_json::json;

use crate::micro::{Micro, Work, done};

/// Containers in the smaller input of a case.
const CONTAINERS: usize = 20;

/// A Deployment of so many containers, whose images have this tag.
fn deployment(containers: usize, tag: &str) -> Object {
    let container = |number: usize| {
        json!({"name": format!("c{number}"), "image": format!("registry.example/app-{number}:{tag}"),
            "env": [{"name": "A", "value": tag}, {"name": "B", "value": "2"}],
            "ports": [{"containerPort": 8000 + number, "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "100m", "memory": "64Mi"}}})
    };
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "labels": {"app": "d"}},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "d"}}, "template": {"metadata": {"labels": {"app": "d"}},
            "spec": {"containers": (0..containers).map(container).collect::<Vec<_>>()}}}})
}

pub fn bench(micro: &mut Micro) -> io::Result<()> {
    let Some(of) = schema::of_object(&deployment(1, "1")) else { return Err(io::Error::other("no schema")) };
    let size = |object: &Object| object.to_string().len();
    micro.case("json patch: apply", CONTAINERS, |count| {
        let object = deployment(count, "1");
        let change = |number: usize| {
            json!({"op": "replace", "path": format!("/spec/template/spec/containers/{number}/image"), "value": "x"})
        };
        let patch = Object::Array((0..count).map(change).collect()).to_string();
        let once = move || {
            let mut target = object.clone();
            done(json::apply(&mut target, patch.as_bytes()));
        };
        Work { bytes: size(&deployment(count, "1")), once: Box::new(once) }
    })?;
    micro.case("merge patch: difference", CONTAINERS, |count| {
        let (from, to) = (deployment(count, "1"), deployment(count, "2"));
        Work { bytes: size(&from), once: Box::new(move || done(merge::diff(&from, &to))) }
    })?;
    micro.case("strategic merge: apply", CONTAINERS, |count| {
        let (from, to) = (deployment(count, "1"), deployment(count, "2"));
        let bytes = size(&from);
        let once = move || done(strategic::apply(from.clone(), to.clone(), of));
        Work { bytes, once: Box::new(once) }
    })?;
    micro.case("strategic merge: three-way", CONTAINERS, |count| {
        let (from, to) = (deployment(count, "1"), deployment(count, "2"));
        let once = move || done(strategic::create_three_way(&from, &to, &from, of, true));
        Work { bytes: size(&deployment(count, "1")), once: Box::new(once) }
    })?;
    micro.case("merge patch: three-way", CONTAINERS, |count| {
        let (from, to) = (deployment(count, "1"), deployment(count, "2"));
        let once = move || done(three_way::create(&from, &to, &from));
        Work { bytes: size(&deployment(count, "1")), once: Box::new(once) }
    })?;
    micro.case("schema: check", CONTAINERS, |count| {
        let object = deployment(count, "1");
        let bytes = size(&object);
        let once = move || done(schema::check(of, &object).strict_errors());
        Work { bytes, once: Box::new(once) }
    })?;
    const RULE: &str =
        "object.spec.template.spec.containers.all(c, c.image.startsWith('registry.example/') && size(c.ports) < 5)";
    micro.case("cel: evaluate", CONTAINERS, |count| {
        let object = deployment(count, "1");
        let program = Program::compile(&Env::new().with("object", Type::Dyn), RULE);
        let once = move || {
            if let Ok(program) = &program {
                let values = Named(vec![("object", Value::of_json(&object, &Type::Dyn))]);
                done(program.eval(&values, &mut Budget::new(10_000_000)));
            }
        };
        Work { bytes: 0, once: Box::new(once) }
    })?;
    micro.case("cel: compile", 2, |count| {
        let text = vec![RULE; count].join(" && ");
        let env = Env::new().with("object", Type::Dyn);
        let bytes = text.len();
        Work { bytes, once: Box::new(move || done(Program::compile(&env, &text))) }
    })
}
