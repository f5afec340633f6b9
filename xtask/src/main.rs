//! `cargo xtask`: what the project does to itself.

mod bench;
mod codegen;
mod command;
mod compare;
mod conformance;
mod fuzz;
mod kubed;
mod layers;
mod moto;
mod prerequisites;
mod soak;
mod tables;
mod test;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND
  test                  everything: unit, golden, conformance, and end to end on the embedded and on a real API server
  e2e [FILTER]          end to end only
  conformance [--rerun] the golden cases; --rerun makes them anew with the original programs
  fuzz-kustomize        random overlays compared with kustomize: `--n 5000`, `--from CASE`, `--seed TEXT` (the commit), `--only CASE`, `--fields all|KIND`
  compare FOLDER [FLAG] every kustomization below a folder, built by kustomize and by ours; fetches nothing
  codegen [--check]     writes the generated files; --check fails when one is not up to date
  layers                checks the edges between the crates
  bench [NAME [ARGS]]   what it costs: seconds as ratios within one run, memory, sizes; `git [polls|clone]` for sources,
                        `mttp [--n 1000] [--tenants 1]` for Kustomizations on the real API server, `kustomize [--record]` beside
                        the original, with counts of instructions that later ones are held against, `sops` for decryption
  soak [MINUTES]        a controller killed at 200 of its requests, which depend on the commit; then the crash scenario
                        again and again (10 minutes); both on both backends. `soak fuzz [MINUTES [TARGET]]`: libFuzzer on the
                        YAML parser, the merges, substitution and the build; CPU time is added up in fuzz/TIME.tsv
  tables                makes the tables of the API anew from the real control plane (needs python3)
  kubed                 builds the real control plane for the tests and prints its path
  moto                  installs moto, which stands for AWS in the tests, and prints its path (needs python3 with venv)";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rest: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    let result = match args.first().map(String::as_str) {
        Some("test") => test::all(),
        Some("e2e") => test::e2e(&rest),
        Some("conformance") => conformance::run(rest.contains(&"--rerun")),
        Some("fuzz-kustomize") => conformance::fuzz_kustomize(&rest),
        Some("compare") => compare::run(&rest),
        Some("codegen") => codegen::run(rest.contains(&"--check")),
        Some("layers") => layers::check(),
        Some("bench") if matches!(rest.first(), Some(&"git" | &"mttp")) => bench::of(rest[0], &rest[1..]),
        Some("bench") if rest.first() == Some(&"kustomize") => bench::kustomize::run(rest.contains(&"--record")),
        Some("bench") if rest.first() == Some(&"sops") => bench::sops::run(),
        Some("bench") => bench::run(),
        Some("soak") if rest.first() == Some(&"fuzz") => soak::fuzz(&rest[1..]),
        Some("soak") => soak::run(rest.first().copied()),
        Some("tables") => tables::run(),
        Some("moto") => moto::install().map(|path| println!("{}", path.display())),
        Some("kubed") => kubed::build().map(|path| println!("{}", path.display())),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
