use std::str::FromStr;

/// The value of `--feature-gates`: each is known, and has the value that this version can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gates {
    /// ConfigMaps and Secrets are watched (`DisableConfigWatchers` is off).
    pub watch_configs: bool,
    /// A readyExpr is asked besides the Ready condition (`AdditiveCELDependencyCheck`).
    pub additive_cel: bool,
}

/// Flux's gates, and the value at which they are here. Those of [`Gates`] can have either value.
const GATES: &[(&str, bool)] = &[
    ("CacheSecretsAndConfigMaps", false),
    ("CancelHealthCheckOnNewRevision", false),
    ("DisableFailFastBehavior", false),
    // Nothing is cached that a poller could show.
    ("DisableStatusPollerCache", true),
    // Sources are read from the API server.
    ("DirectSourceFetch", true),
    ("ExternalArtifact", false),
    ("GroupChangeLog", false),
    ("MigrateAPIVersion", false),
    ("ObjectLevelWorkloadIdentity", false),
    ("StrictPostBuildSubstitutions", true),
];

impl FromStr for Gates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut gates = Self { watch_configs: true, additive_cel: false };
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| format!("'{pair}' is not of the form GATE=true"))?;
            let value = match value.to_ascii_lowercase().as_str() {
                "true" | "1" | "t" => true,
                "false" | "0" | "f" => false,
                _ => return Err(format!("'{value}' is neither true nor false")),
            };
            match name {
                "DisableConfigWatchers" => gates.watch_configs = !value,
                "AdditiveCELDependencyCheck" => gates.additive_cel = value,
                _ => is_here(name, value)?,
            }
        }
        Ok(gates)
    }
}

/// Whether a gate that has one value only is given that.
fn is_here(name: &str, value: bool) -> Result<(), String> {
    match GATES.iter().find(|(known, _)| *known == name) {
        Some((_, here)) if *here == value => Ok(()),
        Some(_) => Err(format!("{name}={value} is not implemented in this version of weir")),
        None => Err(format!("'{name}' is not a feature gate")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_done_is_refused() {
        let usual = Gates { watch_configs: true, additive_cel: false };
        assert_eq!("".parse(), Ok(usual.clone()));
        assert_eq!("DisableStatusPollerCache=true, ExternalArtifact=false".parse(), Ok(usual.clone()));
        assert_eq!("DisableConfigWatchers=true".parse(), Ok(Gates { watch_configs: false, ..usual.clone() }));
        assert_eq!("AdditiveCELDependencyCheck=true".parse(), Ok(Gates { additive_cel: true, ..usual }));
        for (text, expect) in [
            ("ExternalArtifact=true", "ExternalArtifact=true is not implemented in this version of weir"),
            ("NoSuchGate=true", "'NoSuchGate' is not a feature gate"),
            ("GroupChangeLog", "'GroupChangeLog' is not of the form GATE=true"),
        ] {
            assert_eq!(text.parse::<Gates>(), Err(expect.to_owned()));
        }
    }
}
