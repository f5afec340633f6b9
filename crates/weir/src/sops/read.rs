use super::{Input, Target, format, keys::Keys};
use crate::error::CliError;
use crate::output::Output;
use std::process::ExitCode;
use weir_base::Budget;
use weir_sops::{Format, Mac};

/// Decrypt a file.
#[derive(clap::Args)]
pub struct Decrypt {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    keys: Keys,
    /// The format to print. Default: that of the file.
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    output_type: Option<Format>,
    /// Print a file whose MAC does not fit too: something in it was changed since it was encrypted.
    #[arg(long)]
    ignore_mac: bool,
}

impl Decrypt {
    pub fn run(&self, output: &Output) -> Result<ExitCode, CliError> {
        let budget = Budget::standard();
        let (file, key, _) = self.input.opened(&self.keys, &budget)?;
        let plain = file.decrypt_as(&key, self.output_type.unwrap_or(file.format()), &budget)?;
        if plain.mac != Mac::Valid && !self.ignore_mac {
            let what = if plain.mac == Mac::Absent { "the file has no MAC" } else { "the MAC does not fit the file" };
            return Err(CliError::new(format!(
                "{}: {what}: something in it was changed since it was encrypted (look at its history; --ignore-mac \
                 decrypts it all the same)",
                self.input.shown()
            )));
        }
        self.target.put(&self.input, &plain.text, output)
    }
}
