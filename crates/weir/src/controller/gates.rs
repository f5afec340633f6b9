use std::str::FromStr;

/// The value of `--feature-gates`: each is known, and has the value that this version can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gates {
    /// ConfigMaps and Secrets are watched (`DisableConfigWatchers` is off).
    pub watch_configs: bool,
}

/// Flux's gates, and the value at which they are here. Those of [`Gates`] can have either value.
const GATES: &[(&str, bool)] = &[
    ("AdditiveCELDependencyCheck", false),
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
        let mut gates = Self { watch_configs: true };
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| format!("'{pair}' is not of the form GATE=true"))?;
            let value = match value.to_ascii_lowercase().as_str() {
                "true" | "1" | "t" => true,
                "false" | "0" | "f" => false,
                _ => return Err(format!("'{value}' is neither true nor false")),
            };
            if name == "DisableConfigWatchers" {
                gates.watch_configs = !value;
                continue;
            }
            match GATES.iter().find(|(known, _)| *known == name) {
                Some((_, here)) if *here == value => {}
                Some(_) => return Err(format!("{name}={value} is not implemented in this version of weir")),
                None => return Err(format!("'{name}' is not a feature gate")),
            }
        }
        Ok(gates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_done_is_refused() {
        assert_eq!("".parse(), Ok(Gates { watch_configs: true }));
        assert_eq!("DisableStatusPollerCache=true, ExternalArtifact=false".parse(), Ok(Gates { watch_configs: true }));
        assert_eq!("DisableConfigWatchers=true".parse(), Ok(Gates { watch_configs: false }));
        for (text, expect) in [
            ("ExternalArtifact=true", "ExternalArtifact=true is not implemented in this version of weir"),
            ("NoSuchGate=true", "'NoSuchGate' is not a feature gate"),
            ("GroupChangeLog", "'GroupChangeLog' is not of the form GATE=true"),
        ] {
            assert_eq!(text.parse::<Gates>(), Err(expect.to_owned()));
        }
    }
}
