//! The `puppet` program: see `harness::world::real::puppet`.

fn main() {
    std::process::exit(harness::world::real::puppet_main());
}
