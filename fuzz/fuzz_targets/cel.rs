//! CEL: any expression is read, checked and evaluated within its budget, the same each time, without a panic; a
//! value is of the type that the checker told.

#![no_main]

use kctl::object::cel::{Budget, Env, Named, Program, Type, Value};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value as Json, json};

fuzz_target!(|input: &str| {
    let data = json!({
        "x": {"a": 1, "l": [1, 2], "s": "q", "n": null, "f": 1.5, "o": {"k": "v", "t": true}},
        "i": 3, "s": "str", "li": [1, 2, 3], "m": {"k": "v"}, "b": true, "d": 2.5,
    });
    let types = [
        ("x", Type::Dyn),
        ("i", Type::Int),
        ("s", Type::String),
        ("li", Type::list(Type::Int)),
        ("m", Type::map(Type::String, Type::String)),
        ("b", Type::Bool),
        ("d", Type::Double),
    ];
    let env = types.iter().fold(Env::new(), |env, (name, of)| env.with(*name, of.clone()));
    for env in [env.clone(), env.with_bind()] {
        let Ok(program) = Program::compile(&env, input) else { continue };
        program.result().name();
        let values = Named(types.iter().map(|(name, of)| (*name, Value::of_json(&data[*name], of))).collect());
        let run = |units: u64| -> (Option<Json>, Option<String>, u64) {
            let mut budget = Budget::new(units);
            let result = program.eval(&values, &mut budget);
            let json = result.as_ref().ok().and_then(Value::to_json);
            (json, result.as_ref().err().map(ToString::to_string), budget.left())
        };
        let (value, fault, left) = run(100_000);
        assert_eq!((value.clone(), fault, left), run(100_000), "{input}");
        // Half the budget gives the same or nothing.
        if let (Some(less), None, _) = run(50_000) {
            assert_eq!(Some(less), value, "{input}");
        }
    }
});
