use super::{Input, Target, failed, keys::Keys};
use crate::error::CliError;
use crate::folder;
use crate::output::Output;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use weir_base::Budget;
use weir_sops::{MasterKey, Plan, Rule, Rules, World, encrypt};

/// Encrypt a file.
#[derive(Args)]
pub struct Encrypt {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    config: Config,
    /// Age recipients, separated by commas: age1..., ssh-ed25519 ..., ssh-rsa ...
    #[arg(long, short, env = "SOPS_AGE_RECIPIENTS", value_name = "RECIPIENTS", value_delimiter = ',')]
    age: Vec<String>,
    /// Fingerprints of OpenPGP keys, separated by commas; their certificates come from --pgp-key-file.
    #[arg(long, short, env = "SOPS_PGP_FP", value_name = "FINGERPRINTS", value_delimiter = ',')]
    pgp: Vec<String>,
    #[command(flatten)]
    rule: RuleArgs,
    /// Let the MAC cover encrypted values only.
    #[arg(long)]
    mac_only_encrypted: bool,
    /// How many key groups are needed to decrypt.
    #[arg(long, value_name = "COUNT")]
    shamir_secret_sharing_threshold: Option<usize>,
}

/// Which values are encrypted.
#[derive(Args)]
#[group(multiple = false)]
struct RuleArgs {
    /// Values below a key with this ending stay as they are.
    #[arg(long, value_name = "SUFFIX")]
    unencrypted_suffix: Option<String>,
    /// Only values below a key with this ending are encrypted.
    #[arg(long, value_name = "SUFFIX")]
    encrypted_suffix: Option<String>,
    /// Values below a key that matches stay as they are.
    #[arg(long, value_name = "REGEX")]
    unencrypted_regex: Option<String>,
    /// Only values below a key that matches are encrypted.
    #[arg(long, value_name = "REGEX")]
    encrypted_regex: Option<String>,
    /// Values below a comment that matches stay as they are.
    #[arg(long, value_name = "REGEX")]
    unencrypted_comment_regex: Option<String>,
    /// Only values below a comment that matches are encrypted.
    #[arg(long, value_name = "REGEX")]
    encrypted_comment_regex: Option<String>,
}

impl RuleArgs {
    fn rule(&self) -> Option<Rule> {
        let rules = [
            self.unencrypted_suffix.clone().map(Rule::UnencryptedSuffix),
            self.encrypted_suffix.clone().map(Rule::EncryptedSuffix),
            self.unencrypted_regex.clone().map(Rule::UnencryptedRegex),
            self.encrypted_regex.clone().map(Rule::EncryptedRegex),
            self.unencrypted_comment_regex.clone().map(Rule::UnencryptedCommentRegex),
            self.encrypted_comment_regex.clone().map(Rule::EncryptedCommentRegex),
        ];
        rules.into_iter().flatten().next()
    }
}

/// Encrypt a file again with a new data key.
#[derive(Args)]
pub struct Rotate {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    keys: Keys,
    /// Age recipients to add to the first key group.
    #[arg(long, value_name = "RECIPIENTS", value_delimiter = ',')]
    add_age: Vec<String>,
    /// Age recipients to remove.
    #[arg(long, value_name = "RECIPIENTS", value_delimiter = ',')]
    rm_age: Vec<String>,
    /// Fingerprints of OpenPGP keys to add to the first key group.
    #[arg(long, value_name = "FINGERPRINTS", value_delimiter = ',')]
    add_pgp: Vec<String>,
    /// Fingerprints of OpenPGP keys to remove.
    #[arg(long, value_name = "FINGERPRINTS", value_delimiter = ',')]
    rm_pgp: Vec<String>,
    /// Do so even where the MAC does not fit the file.
    #[arg(long)]
    ignore_mac: bool,
}

/// Make the keys of files those of `.sops.yaml`; values stay as they are.
#[derive(Args)]
pub struct UpdateKeys {
    /// The files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The format to read: yaml, json, dotenv, ini or binary. Default: by the ending of the name.
    #[arg(long, value_name = "FORMAT", value_parser = super::format)]
    input_type: Option<weir_sops::Format>,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    config: Config,
    /// Taken for sops' sake: nothing is asked.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Args)]
struct Config {
    /// The file of creation rules. Default: the next .sops.yaml in this folder or above.
    #[arg(long, env = "SOPS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Config {
    /// What the rules say for a file; `None` where there are none.
    fn plan(&self, file: &Path, now: u64, budget: &Budget) -> Result<Option<Plan>, CliError> {
        let here = std::env::current_dir().map_err(|error| failed(Path::new("."), "read", &error))?;
        let found = || here.ancestors().map(|folder| folder.join(".sops.yaml")).find(|path| path.is_file());
        let Some(path) = self.config.clone().or_else(found) else { return Ok(None) };
        let text = std::fs::read(&path).map_err(|error| failed(&path, "read", &error))?;
        let shown = path.strip_prefix(&here).unwrap_or(&path).display().to_string();
        let rules = Rules::parse(&text, &shown, budget)?;
        let absolute = std::path::absolute(file).map_err(|error| failed(file, "read", &error))?;
        let config = std::path::absolute(&path).map_err(|error| failed(&path, "read", &error))?;
        let relative = config.parent().and_then(|folder| absolute.strip_prefix(folder).ok()).unwrap_or(&absolute);
        Ok(rules.plan(&relative.to_string_lossy(), now)?)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The system's random bytes.
fn random(bytes: &mut [u8]) {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.secure_random.fill(bytes).expect("the system gives random bytes, or nothing can be encrypted");
}

fn recipients(age: &[String], pgp: &[String], now: u64) -> Vec<MasterKey> {
    let trimmed = |names: &[String]| -> Vec<String> {
        names.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    };
    let age = trimmed(age).into_iter().map(|name| MasterKey::age(&name));
    age.chain(trimmed(pgp).into_iter().map(|name| MasterKey::pgp(&name, now))).collect()
}

impl Encrypt {
    pub fn run(&self, output: &Output) -> Result<ExitCode, CliError> {
        let budget = Budget::standard();
        let now = now();
        let group = recipients(&self.age, &self.pgp, now);
        let planned = if group.is_empty() || self.rule.rule().is_none() {
            // A rule is not needed where the recipients are given.
            match self.config.plan(self.input.name(), now, &budget) {
                Err(_) if !group.is_empty() => None,
                other => other?,
            }
        } else {
            None
        };
        if planned.is_none() && group.is_empty() {
            return Err(CliError::new(
                "there is nobody to encrypt to (give --age or --pgp, or a .sops.yaml with creation rules)",
            ));
        }
        let mut plan = planned.unwrap_or_default();
        if !group.is_empty() {
            plan.groups = vec![group];
            plan.threshold = 0;
        }
        if let Some(rule) = self.rule.rule() {
            plan.rule = rule;
        }
        plan.mac_only_encrypted |= self.mac_only_encrypted;
        plan.threshold = self.shamir_secret_sharing_threshold.unwrap_or(plan.threshold);
        let text = self.input.text()?;
        let keyring = self.keys.keyring()?;
        let mut world = World { random: &mut random, now };
        let made = encrypt(&text, self.input.format(), &self.input.shown(), &plan, &keyring, &mut world, &budget)?;
        self.target.put(&self.input, &made, output)
    }
}

impl Rotate {
    pub fn run(&self, output: &Output) -> Result<ExitCode, CliError> {
        let budget = Budget::standard();
        let now = now();
        let (mut file, key, keyring) = self.input.opened(&self.keys, &budget)?;
        let added = recipients(&self.add_age, &self.add_pgp, now);
        let removed: Vec<String> = recipients(&self.rm_age, &self.rm_pgp, now).iter().map(MasterKey::name).collect();
        file.change_keys(added, &removed);
        let mut world = World { random: &mut random, now };
        let made = file.rotate(&key, &keyring, self.ignore_mac, &mut world, &budget)?;
        self.target.put(&self.input, &made, output)
    }
}

impl UpdateKeys {
    pub fn run(&self, output: &Output) -> Result<ExitCode, CliError> {
        let budget = Budget::standard();
        let now = now();
        for path in &self.files {
            let input = Input { file: path.clone(), input_type: self.input_type, filename_override: None };
            let Some(plan) = self.config.plan(path, now, &budget)? else {
                return Err(CliError::new("there is no .sops.yaml with creation rules in this folder or above"));
            };
            let (file, key, keyring) = input.opened(&self.keys, &budget)?;
            let mut world = World { random: &mut random, now };
            let shown = path.display();
            match file.update_keys(&key, &plan.groups, plan.threshold, &keyring, &mut world)? {
                Some(text) => {
                    folder::replace(path, &text)?;
                    output.result(&format!("{shown}: keys updated"));
                }
                None => output.result(&format!("{shown}: already up to date")),
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
