//! `weir sops`: the original's commands for age and OpenPGP keys, without a program beside it.

mod keys;
mod read;
mod write;

pub use keys::Keys;

use crate::error::CliError;
use crate::folder;
use crate::output::Output;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weir_base::Budget;
use weir_sops::{File, Format, Resolved};

#[derive(Subcommand)]
pub enum Command {
    Decrypt(read::Decrypt),
    Encrypt(write::Encrypt),
    Rotate(write::Rotate),
    Updatekeys(write::UpdateKeys),
}

pub fn run(command: Command, output: &Output) -> Result<ExitCode, CliError> {
    match command {
        Command::Decrypt(args) => args.run(output),
        Command::Encrypt(args) => args.run(output),
        Command::Rotate(args) => args.run(output),
        Command::Updatekeys(args) => args.run(output),
    }
}

/// The file that a command works on.
#[derive(Args)]
pub struct Input {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// The format to read: yaml, json, dotenv, ini or binary. Default: by the ending of the name.
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    input_type: Option<Format>,
    /// The name to go by, for standard input.
    #[arg(long, value_name = "NAME")]
    filename_override: Option<PathBuf>,
}

/// Where the result goes; without either, to standard output.
#[derive(Args)]
#[group(multiple = false)]
pub struct Target {
    /// Write the result to the file itself.
    #[arg(long, short = 'i')]
    in_place: bool,
    /// Write the result to a file.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn format(name: &str) -> Result<Format, String> {
    Format::of_name(name).ok_or_else(|| "it is one of yaml, json, dotenv, ini, binary".to_owned())
}

fn failed(path: &Path, what: &str, error: &std::io::Error) -> CliError {
    CliError::new(format!("{} cannot be {what}: {error}", path.display()))
}

impl Input {
    fn name(&self) -> &Path {
        self.filename_override.as_deref().unwrap_or(&self.file)
    }

    fn shown(&self) -> String {
        self.name().display().to_string()
    }

    fn format(&self) -> Format {
        self.input_type.unwrap_or_else(|| Format::of_path(&self.shown()))
    }

    fn text(&self) -> Result<Vec<u8>, CliError> {
        // One byte more than is read, so that a larger file is refused and not cut.
        let most = weir_sops::MAX_FILE as u64 + 1;
        let mut text = Vec::new();
        let read = if self.file == Path::new("-") {
            std::io::Read::read_to_end(&mut std::io::Read::take(std::io::stdin().lock(), most), &mut text)
        } else {
            std::fs::File::open(&self.file)
                .and_then(|file| std::io::Read::read_to_end(&mut std::io::Read::take(file, most), &mut text))
        };
        read.map_err(|error| failed(&self.file, "read", &error))?;
        Ok(text)
    }

    fn encrypted(&self, budget: &Budget) -> Result<File, CliError> {
        let file = File::parse(&self.text()?, self.format(), &self.shown(), budget)?;
        file.ok_or_else(|| {
            CliError::new(format!("{}: it is not encrypted by sops: there is no sops metadata", self.shown()))
        })
    }

    /// The file with its data key.
    fn opened(
        &self,
        keys: &keys::Keys,
        budget: &Budget,
    ) -> Result<(File, weir_sops::DataKey, weir_sops::Keyring), CliError> {
        let file = self.encrypted(budget)?;
        let keyring = keys.keyring()?;
        let key = file.data_key(&keyring, &Resolved::new(), budget)?;
        Ok((file, key, keyring))
    }
}

impl Target {
    fn put(&self, input: &Input, text: &[u8], output: &Output) -> Result<ExitCode, CliError> {
        let path = match &self.output {
            Some(path) => path,
            None if self.in_place && input.file == Path::new("-") => {
                return Err(CliError::new("standard input cannot be written to (leave --in-place out)"));
            }
            None if self.in_place => &input.file,
            None => {
                output.bytes(text);
                return Ok(ExitCode::SUCCESS);
            }
        };
        folder::replace(path, text)?;
        Ok(ExitCode::SUCCESS)
    }
}
