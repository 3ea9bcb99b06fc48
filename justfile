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
    cargo fmt --all --check --manifest-path tests/bench/peers/rusm/Cargo.toml
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

# What things cost, in guests, beside the BEAM if it is installed: `just bench processes`, `just bench processes ring`
bench which="processes" *programs:
    cargo bench -p regrow-tests --bench {{which}} -- {{programs}}

# The same programs on Regrow, the BEAM (if it is installed) and RUSM (compiled on demand), in turns, as ratios
bench-compare *programs:
    cargo bench -p regrow-tests --bench processes -- compare {{programs}}

# A mixed tree under kills, overload and attackers, then random programs and scenarios, each for as long as one likes
soak minutes="60":
    cargo run --release -p regrow-tests --bin soak -- {{minutes}}
    REGROW_SOAK_SECONDS=$(({{minutes}} * 60)) cargo test --release -p regrow-otp --test otp -- --nocapture for_a_while
    REGROW_SOAK_SECONDS=$(({{minutes}} * 60)) cargo test --release -p regrow-tests --test conformance -- --nocapture model_predicts

# Fuzzes one target for as long as one likes; needs cargo-fuzz and a nightly toolchain
fuzz target seconds="600":
    cd tests && cargo +nightly fuzz run {{target}} fuzz/corpus/{{target}} fuzz/seeds/{{target}} -- -max_total_time={{seconds}}

# Licences, bans and sources of all dependencies; needs cargo-deny
deny:
    cargo deny --workspace check bans licenses sources

# Known vulnerabilities of all dependencies; needs cargo-deny and the network
audit:
    cargo deny --workspace check advisories

# Every order of what the scheduler synchronises by hand
loom:
    RUSTFLAGS="--cfg loom" cargo test -p regrow-otp --lib --release --target-dir target/loom

# What a real BEAM observes, written into the scenarios anew; needs Erlang. `just conformance-record generate 2200` makes
# new random scenarios first, `just conformance-record supervision 1300` those of supervisors
conformance-record *arguments:
    cargo run -p regrow-tests --bin conformance-record -- {{arguments}}

# What continuous integration runs
ci:
    bash .ci/run
