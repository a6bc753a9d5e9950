# What people run daily. `just` alone lists it.

_list:
    @just --list

# All that a change must pass.
ci:
    .ci/run

# Compile and lint, fast.
check:
    cargo clippy --all-targets -- -D warnings

# Run the tests whose names contain FILTER.
test FILTER='':
    cargo test --no-fail-fast -- {{FILTER}}

# Run every fuzz target for SECONDS (needs cargo-fuzz and a nightly toolchain).
fuzz SECONDS='60':
    .ci/fuzz {{SECONDS}}

# Accept what the program prints now as what it should print; review the diff before committing.
bless:
    KCTL_BLESS=1 cargo test --test transcripts --test generated

# The binary people get.
release:
    cargo build --release

# kctl beside a KUBECTL, command by command, on the cluster that KUBECONFIG names or the bundled one.
compare KUBECTL='kubectl' *FLAGS='':
    cargo bench --bench compare -- --kubectl "$(command -v {{KUBECTL}})" {{FLAGS}}

# What streams cost, and that nothing of them is lost, beside a KUBECTL; best on a quiet machine.
streams KUBECTL='kubectl':
    cargo bench --bench streams -- --kubectl "$(command -v {{KUBECTL}})"
    cargo bench --bench streams -- --kubectl "$(command -v {{KUBECTL}})" --spdy true
    KUBECTL="$(command -v {{KUBECTL}})" cargo test --test streams -- --nocapture
