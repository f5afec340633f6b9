//! 1,000 SOPS files in one Kustomization, against the original run for each file.

use super::process::best;
use crate::command::{cargo, read, root, run as execute};
use crate::conformance;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const FILES: usize = 1000;
/// The original takes the same time for each file: so many are enough.
const MEASURED: usize = 100;
/// Of the fixtures, known to everybody.
const RECIPIENT: &str = "age19ycprpwjkacayhp4cz4k95wvykqq3h7npmpzfsyf2csdlwm059hsltxert";
const KEY: &str = "tests/e2e/fixtures/sops/throwaway.agekey";

pub fn run() -> Result<(), String> {
    execute(cargo().args(["build", "--locked", "--release", "--package", "weir-render", "--example", "decrypt"]))?;
    let (ours, original) = (root().join("target/release/examples/decrypt"), conformance::sops()?);
    let (folder, key) = (root().join("target/bench/sops"), root().join(KEY));
    write(&folder, &original)?;
    let began = Instant::now();
    for n in 0..MEASURED {
        let mut sops = Command::new(&original);
        sops.args(["decrypt"]).arg(folder.join(format!("{n}.yaml"))).env("SOPS_AGE_KEY_FILE", &key);
        let ended = sops.stdout(Stdio::null()).status().map_err(|error| error.to_string())?;
        if !ended.success() {
            return Err(format!("sops: {ended}"));
        }
    }
    let theirs = began.elapsed().as_secs_f64() * (FILES / MEASURED) as f64;
    let own = best(&ours, &[folder.display().to_string(), key.display().to_string()])?;
    println!("{FILES} files of {} bytes", size(&folder)?);
    println!("sops, run for each        {theirs:>8.3} s ({MEASURED} measured)");
    println!("one Kustomization         {:>8.3} s, {:.1} MiB", own.seconds, own.peak_kib as f64 / 1024.0);
    println!("ratio                     {:>8.1}", theirs / own.seconds);
    Ok(())
}

fn write(folder: &Path, original: &Path) -> Result<(), String> {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for n in 0..FILES {
        let file = folder.join(format!("{n}.yaml"));
        let text = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n    name: secret-{n}\n    namespace: bench\nstringData:\n    user: user-{n}\n    \
             password: password-{n}\n    url: https://user-{n}:password-{n}@db.example.com/{n}\n"
        );
        std::fs::write(&file, text).map_err(|error| error.to_string())?;
        let mut encrypt = Command::new(original);
        encrypt.args(["encrypt", "--in-place", "--encrypted-regex", "^(data|stringData)$", "--age", RECIPIENT]);
        read(encrypt.arg(&file))?;
    }
    Ok(())
}

fn size(folder: &Path) -> Result<u64, String> {
    std::fs::metadata(folder.join("0.yaml")).map(|file| file.len()).map_err(|error| error.to_string())
}
