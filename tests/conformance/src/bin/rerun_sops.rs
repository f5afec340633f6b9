//! Asks the original sops again: `rerun_sops SOPS [NAME-PART]`.
//!
//! Of each case it decrypts the committed file, encrypts the plain text anew for us to decrypt, and decrypts what we
//! encrypt. A case without a file gets one; delete a file and its expectation to have them made again.
#![allow(clippy::print_stdout, reason = "a tool of the command line")]

use anyhow::{Context, bail, ensure};
use std::path::Path;
use std::process::{Command, Output};
use weir_base::Budget;
use weir_conformance::sops::{Case, cases, dice, key_file, keyring};
use weir_sops::{Mac, World, encrypt};

struct Original {
    program: String,
    /// A folder with gpg's keyring, a home and a scratch file.
    folder: tempfile::TempDir,
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let program = args.next().context("usage: rerun_sops SOPS [NAME-PART]")?;
    let part = args.next().unwrap_or_default();
    let original = Original { program, folder: tempfile::tempdir()? };
    original.import()?;
    let chosen: Vec<Case> = cases()?.into_iter().filter(|case| case.name.contains(&part)).collect();
    for (at, case) in chosen.iter().enumerate() {
        original.check(case, at as u64 + 1).with_context(|| case.name.clone())?;
    }
    println!("{} files of sops", chosen.len());
    Ok(())
}

impl Original {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn import(&self) -> anyhow::Result<()> {
        let home = self.folder.path().join("gpg");
        std::fs::create_dir(&home)?;
        std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        for name in ["pgp-rsa", "pgp-ecc", "pgp-nist"] {
            let mut gpg = Command::new("gpg");
            gpg.args(["--homedir", &self.path("gpg"), "--batch", "--quiet", "--import"]).arg(key_file(name));
            let output = gpg.output().context("gpg is needed: apt-get install gnupg")?;
            ensure!(output.status.success(), "gpg: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// The original with the keys of a case, and no others.
    fn run(&self, held: &[String], args: &[&str]) -> anyhow::Result<Output> {
        let mut sops = Command::new(&self.program);
        sops.args(args).env_clear();
        for name in ["PATH", "TMPDIR"] {
            sops.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        sops.env("HOME", self.path("home")).env("GNUPGHOME", self.path("gpg"));
        let mut age = String::new();
        for name in held.iter().filter(|name| !name.starts_with("pgp")) {
            if name.starts_with("ssh") {
                sops.env("SOPS_AGE_SSH_PRIVATE_KEY_FILE", key_file(name));
            } else {
                let text = std::fs::read_to_string(key_file(name))?;
                age.extend(text.lines().filter(|line| line.starts_with("AGE-")).map(|line| format!("{line}\n")));
            }
        }
        if !age.is_empty() {
            sops.env("SOPS_AGE_KEY", age);
        }
        Ok(sops.output()?)
    }

    /// What the original prints of a file, and what it says of the MAC.
    fn decrypt(&self, case: &Case, file: &Path) -> anyhow::Result<(Vec<u8>, &'static str)> {
        let file = file.display().to_string();
        let mut args = vec!["decrypt"];
        if let Some(output) = &case.output {
            args.extend(["--output-type", output]);
        }
        let mut mac = "valid";
        let mut output = self.run(&case.held, &[&args[..], &[&file]].concat())?;
        if !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("MAC mismatch") {
            mac = "mismatch";
            output = self.run(&case.held, &[&args[..], &["--ignore-mac", &file]].concat())?;
        }
        ensure!(output.status.success(), "sops decrypt: {}", String::from_utf8_lossy(&output.stderr));
        Ok((output.stdout, mac))
    }

    fn encrypt(&self, case: &Case) -> anyhow::Result<Vec<u8>> {
        let config = self.path("config.yaml");
        std::fs::write(&config, case.config()?)?;
        let plain = case.plain().display().to_string();
        let output = self.run(&[], &["--config", &config, "encrypt", &plain])?;
        ensure!(output.status.success(), "sops encrypt: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    }

    fn check(&self, case: &Case, seed: u64) -> anyhow::Result<()> {
        let made_here = case.version.is_empty();
        if !case.file().exists() {
            ensure!(made_here, "its file is gone, and an old version made it");
            std::fs::write(case.file(), self.encrypt(case)?)?;
            std::fs::write(case.expected(), self.decrypt(case, &case.file())?.0)?;
        }
        let expected = std::fs::read(case.expected())?;
        let (found, mac) = self.decrypt(case, &case.file())?;
        ensure!(
            found == expected && mac == case.mac,
            "the original decrypts the file to something else now ({mac} MAC)"
        );
        if !made_here {
            return Ok(());
        }
        let ours = case.decrypt(&self.encrypt(case)?)?;
        let mac = if ours.mac == Mac::Valid { "valid" } else { "mismatch" };
        if *ours.text != expected || mac != case.mac {
            bail!("a new file of the original decrypts to something else ({mac} MAC)");
        }
        let mut random = dice(seed);
        let mut world = World { random: &mut random, now: 1_700_000_000 };
        let plain = std::fs::read(case.plain())?;
        let (plan, keys, budget) = (case.plan()?, keyring(&[])?, Budget::standard());
        let made = encrypt(&plain, case.format(), &case.name, &plan, &keys, &mut world, &budget)?;
        let file = self.folder.path().join(case.file().file_name().context("a file has a name")?);
        std::fs::write(&file, made)?;
        let (found, mac) = self.decrypt(case, &file)?;
        ensure!(found == expected && mac == case.mac, "the original decrypts our file to something else ({mac} MAC)");
        Ok(())
    }
}
