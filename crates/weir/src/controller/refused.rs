//! Flags of Flux that have nothing behind them yet. They are refused by name: a flag that is taken
//! and has no effect is worse than none.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, error::ErrorKind};
use std::marker::PhantomData;

/// Flags, and the value at which they ask for nothing (empty: there is none).
type Names = &'static [(&'static str, &'static str)];

/// Whose flags they are.
pub trait Whose {
    const REFUSED: &'static [Names];
}

const HELM: Names = &[
    ("helm-cache-max-size", "0"),
    ("helm-cache-purge-interval", ""),
    ("helm-cache-ttl", ""),
    ("helm-chart-file-max-size", ""),
    ("helm-chart-max-size", ""),
    ("helm-index-max-size", ""),
];

const CLOUD: Names = &[("token-cache-max-duration", ""), ("token-cache-max-size", "")];

/// Of the kustomize controller, which is spared the caches of Helm by its manifests.
#[derive(Clone, Copy, Debug)]
pub struct OfKustomize;

impl Whose for OfKustomize {
    const REFUSED: &'static [Names] = &[HELM];
}

/// Of the source controller, which asks no cloud yet, and of all in one process, whose cloud flags have a prefix.
#[derive(Clone, Copy, Debug)]
pub struct OfSource;

impl Whose for OfSource {
    const REFUSED: &'static [Names] = &[HELM, CLOUD];
}

#[derive(Clone, Copy, Debug)]
pub struct Refused<W>(PhantomData<W>);

impl<W: Whose> Args for Refused<W> {
    fn augment_args(command: Command) -> Command {
        W::REFUSED.iter().copied().flatten().fold(command, |command, (name, _)| {
            let arg = Arg::new(*name).long(*name).hide(true).num_args(0..=1).require_equals(true);
            command.arg(arg.default_missing_value("true").action(ArgAction::Append))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<W: Whose> FromArgMatches for Refused<W> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        for (name, without_effect) in W::REFUSED.iter().copied().flatten() {
            let values = matches.get_many::<String>(name).into_iter().flatten();
            let mut refused = values.filter(|value| without_effect.is_empty() || value != without_effect);
            if let Some(value) = refused.next() {
                let message = format!("--{name}={value} is not implemented in this version of weir\n");
                return Err(Error::raw(ErrorKind::InvalidValue, message));
            }
        }
        Ok(Self(PhantomData))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        Self::from_arg_matches(matches).map(drop)
    }
}
