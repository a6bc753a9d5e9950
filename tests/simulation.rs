//! A day in the bundled cluster, in little time: rollouts, scaling, drains, nodes that fail and come back,
//! jobs and cron jobs in several time zones, claims, autoscaling. What chance decides follows from a seed.
//! All the while certain things must hold, and once everything is left alone for a while the cluster must be as
//! its objects ask.
//!
//! By default it is the first hours of two seeds; `KCTL_SEEDS=100 cargo test --test simulation` runs whole days
//! of the first hundred, and `KCTL_SEED=17` that one alone, telling what happens.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and reads which seeds to run"
)]

#[path = "simulation/checks.rs"]
mod checks;
#[path = "simulation/objects.rs"]
mod objects;
#[path = "simulation/world.rs"]
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use world::World;

/// Seeds that are run at the same time.
const AT_ONCE: usize = 2;

/// Runs a day, or its first hours; what is wrong with it, and when, and how many things were done.
fn day(seed: u64, hours: f64, tell: bool) -> (Vec<String>, usize) {
    let mut world = World::new(seed, tell);
    let mut wrong = Vec::new();
    while world.hours() < hours && wrong.is_empty() {
        world.act();
        world.pass();
        wrong.extend(checks::always(&world));
    }
    if wrong.is_empty() {
        world.calm();
        wrong.extend(checks::always(&world));
        wrong.extend(checks::at_rest(&world));
    }
    let steps = world.steps();
    if !wrong.is_empty() {
        wrong.extend(world.last_words());
    }
    (wrong, steps)
}

#[test]
fn a_day_ends_as_the_objects_ask() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds: Vec<u64> = match number("KCTL_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("KCTL_SEEDS").unwrap_or(2)).collect(),
    };
    let tell = seeds.len() == 1;
    let hours = if seeds.len() == 2 { 4.0 } else { 24.0 };
    let failures = Mutex::new(Vec::new());
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).expect("small"))
                {
                    let (wrong, steps) = day(*seed, hours, tell);
                    if seeds.len() > 2 {
                        let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                        let so_far = began.elapsed().as_secs();
                        let how = if wrong.is_empty() { "as asked" } else { "WRONG" };
                        eprintln!("seed {seed}: {how} after {steps} steps ({count} of {}, {so_far} s)", seeds.len());
                    }
                    if !wrong.is_empty() {
                        let text = format!("seed {seed}:\n  {}", wrong.join("\n  "));
                        if seeds.len() > 2 {
                            eprintln!("{text}");
                        }
                        failures.lock().expect("no panic").push(text);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{} of {} seeds\n{}", failures.len(), seeds.len(), failures.join("\n"));
}

#[test]
fn a_seed_repeats() {
    let run = || {
        let mut world = World::new(3, false);
        while world.hours() < 1.0 {
            world.act();
            world.pass();
        }
        world.everything()
    };
    let (first, second) = (run(), run());
    let different = first.iter().zip(&second).find(|(first, second)| first != second);
    assert!(different.is_none(), "{different:?}");
    assert_eq!(first.len(), second.len());
}
