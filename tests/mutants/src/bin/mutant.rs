//! A broken supervisor: `mutant NAME run CONFIG.ron`.

fn main() -> std::process::ExitCode {
    mutants::program::main()
}
