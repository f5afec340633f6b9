//! One role's flags under a prefix, for the command that runs several: `--source.concurrent`.

use super::flags::Own;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};
use std::ffi::OsString;

#[derive(Clone, Debug)]
pub struct Prefixed<T>(pub T);

fn prefixed<T: Own>(name: &str) -> String {
    format!("{}.{name}", T::PREFIX)
}

fn own<T: Own>() -> Command {
    T::augment_args(Command::new(T::PREFIX).no_binary_name(true))
}

impl<T: Own> Args for Prefixed<T> {
    fn augment_args(command: Command) -> Command {
        own::<T>().get_arguments().fold(command, |command, arg| {
            let Some(long) = arg.get_long() else { return command };
            let heading = format!("Options of {}", T::ROLE.controller());
            let renamed = arg.clone().id(prefixed::<T>(long)).long(prefixed::<T>(long)).help_heading(heading);
            command.arg(renamed)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<T: Own> FromArgMatches for Prefixed<T> {
    /// What was given is given again, without the prefix, to the role's own parser.
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut given: Vec<OsString> = Vec::new();
        for long in own::<T>().get_arguments().filter_map(|arg| arg.get_long()) {
            for value in matches.get_raw(&prefixed::<T>(long)).into_iter().flatten() {
                let mut word = OsString::from(format!("--{long}="));
                word.push(value);
                given.push(word);
            }
        }
        T::from_arg_matches(&own::<T>().try_get_matches_from(given)?).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
