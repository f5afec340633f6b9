use crate::Origin;
use std::fmt;

/// How an error is to be treated by whoever retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Only a change of the object's own spec can help: do not retry.
    Stalled,
    /// Something that this object waits for is not there yet: look again later.
    Waiting,
    /// Anything else, a bad Secret or source among it: retry.
    Transient,
}

/// An error that explains itself. Every library crate has one error enum that implements this; a
/// reconciler's failure and the command line's message both come from it.
///
/// Contract: neither the message nor the remedy contains a secret or an unredacted URL.
pub trait Diagnose: std::error::Error {
    fn class(&self) -> Class {
        Class::Transient
    }

    /// The reason of the condition, as Flux names it (`BuildFailed`, `ArtifactFailed`, ...).
    fn reason(&self) -> &'static str;

    /// Where in the source the mistake is.
    fn at(&self) -> Option<Origin> {
        None
    }

    /// What the reader can do about it; a sentence without a full stop.
    fn remedy(&self) -> Option<String> {
        None
    }

    /// The whole message: `FILE:LINE: what is wrong (remedy)`.
    fn report(&self) -> Report {
        Report {
            class: self.class(),
            reason: self.reason(),
            at: self.at().filter(Origin::is_known),
            message: self.to_string(),
            remedy: self.remedy(),
        }
    }
}

/// A diagnosed error, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub class: Class,
    pub reason: &'static str,
    pub at: Option<Origin>,
    pub message: String,
    pub remedy: Option<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(remedy) = &self.remedy {
            write!(f, " ({remedy})")?;
        }
        Ok(())
    }
}
