# Every command that a person needs, each a thin line over cargo.

# What there is
default:
    @just --list

# The access-log application: a tree of sandboxed processes that crash and regrow
demo:
    cargo run --release -- run examples-guests/access-log/regrow.toml

# All tests; compiles the tests' guests by itself
test:
    cargo test --workspace

# The core alone: seconds
test-otp:
    cargo test -p regrow-otp -p regrow-term

# Compile the examples' guests, and show what they are
guests:
    cargo run --release -- build examples-guests/access-log/regrow.toml
    cargo run --release -- build examples-guests/counter/regrow.toml
    cargo run --release -- build examples-guests/hello/regrow.toml

# Check a manifest without starting anything
check manifest="examples-guests/access-log/regrow.toml":
    cargo run --release -- check {{manifest}}

# Format and lints; warnings are errors. Guests are linted for their own target, which `guests` sets up
lint:
    cargo fmt --all --check
    cargo fmt --all --check --manifest-path examples-guests/Cargo.toml
    cargo fmt --all --check --manifest-path examples-guests/lean/Cargo.toml
    cargo fmt --all --check --manifest-path tests/guests/Cargo.toml
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --manifest-path examples-guests/Cargo.toml --workspace --target wasm32-wasip2 -- -D warnings
    cargo clippy --manifest-path examples-guests/lean/Cargo.toml --target wasm32-wasip2 -- -D warnings
    cargo clippy --manifest-path tests/guests/Cargo.toml --workspace --target wasm32-wasip2 -- -D warnings

# The tests of the examples' own logic, on this machine
test-examples:
    cargo test --manifest-path examples-guests/Cargo.toml --workspace

# The documentation of all crates
doc:
    cargo doc --workspace --no-deps --open

# Messages, calls and spawns between guests
bench:
    cargo run --release -- run examples-guests/bench/regrow.toml

# What continuous integration runs
ci:
    bash .ci/run
