//! Flags of Flux that have nothing behind them yet. They are refused by name: a flag that is taken
//! and has no effect is worse than none.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, error::ErrorKind};

/// Flags, and the value at which they ask for nothing (empty: there is none).
const REFUSED: &[(&str, &str)] = &[
    ("default-decryption-service-account", ""),
    ("default-kubeconfig-service-account", ""),
    ("helm-cache-max-size", "0"),
    ("helm-cache-purge-interval", ""),
    ("helm-cache-ttl", ""),
    ("helm-chart-file-max-size", ""),
    ("helm-chart-max-size", ""),
    ("helm-index-max-size", ""),
    ("sops-vault-configmap", ""),
    ("token-cache-max-duration", ""),
    ("token-cache-max-size", ""),
];

#[derive(Clone, Copy, Debug)]
pub struct Refused;

impl Args for Refused {
    fn augment_args(command: Command) -> Command {
        REFUSED.iter().fold(command, |command, (name, _)| {
            let arg = Arg::new(*name).long(*name).hide(true).num_args(0..=1).require_equals(true);
            command.arg(arg.default_missing_value("true").action(ArgAction::Append))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Refused {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        for (name, without_effect) in REFUSED {
            let values = matches.get_many::<String>(name).into_iter().flatten();
            let mut refused = values.filter(|value| without_effect.is_empty() || value != without_effect);
            if let Some(value) = refused.next() {
                let message = format!("--{name}={value} is not implemented in this version of weir\n");
                return Err(Error::raw(ErrorKind::InvalidValue, message));
            }
        }
        Ok(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        Self::from_arg_matches(matches).map(drop)
    }
}
