use std::collections::BTreeMap;
use std::fmt;
use weir_base::Secret;
use zeroize::Zeroizing;

use crate::CloudError;

/// Most bytes of a file that a variable names.
const FILE: u64 = 1 << 20;

/// The environment of the process, as a value; an empty variable is an unset one.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// That of this process.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The text of the file that a variable names, without white space at its ends.
    pub(crate) async fn file(&self, name: &str) -> Result<Option<Secret<Zeroizing<String>>>, CloudError> {
        match self.get(name) {
            Some(path) => read(name, path).await.map(Some),
            None => Ok(None),
        }
    }
}

/// Reads a file of the operator's; `named` says who names it.
pub(crate) async fn read(named: &str, path: &str) -> Result<Secret<Zeroizing<String>>, CloudError> {
    let bad = |message: String| CloudError::entry(named, format!("the file '{path}' {message}"));
    let about = tokio::fs::metadata(path).await.map_err(|error| bad(format!("cannot be read: {error}")))?;
    if about.len() > FILE {
        return Err(bad(format!("is larger than {FILE} bytes")));
    }
    let bytes = Zeroizing::new(tokio::fs::read(path).await.map_err(|error| bad(format!("cannot be read: {error}")))?);
    let text = std::str::from_utf8(&bytes).map_err(|_| bad("is not text".to_owned()))?;
    Ok(Secret::new(Zeroizing::new(text.trim().to_owned())))
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl fmt::Debug for Env {
    /// Names only: values may be credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
