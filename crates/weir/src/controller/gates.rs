use std::str::FromStr;

/// The value of `--feature-gates`: each is known, and has the value that this version can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gates {
    /// ConfigMaps and Secrets are watched (`DisableConfigWatchers` is off).
    pub watch_configs: bool,
    /// A readyExpr is asked besides the Ready condition (`AdditiveCELDependencyCheck`).
    pub additive_cel: bool,
    /// The first failed object ends the waiting for the others (`DisableFailFastBehavior` is off).
    pub fail_fast: bool,
    /// A variable that is not set and has no default is an error (`StrictPostBuildSubstitutions`).
    pub strict_substitutions: bool,
    /// Sources are read from the API server in each pass (`DirectSourceFetch`).
    pub direct_source: bool,
    /// ExternalArtifacts can be the source of a Kustomization (`ExternalArtifact`).
    pub external_artifacts: bool,
    /// The managed fields of objects are noted under the version that is applied (`MigrateAPIVersion`).
    pub migrate_api_version: bool,
    /// The log of an apply groups the objects by what was done (`GroupChangeLog`).
    pub group_change_log: bool,
    /// ServiceAccounts can be named for access to clouds (`ObjectLevelWorkloadIdentity`).
    pub workload_identity: bool,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            watch_configs: true,
            additive_cel: false,
            fail_fast: true,
            strict_substitutions: true,
            direct_source: false,
            external_artifacts: false,
            migrate_api_version: false,
            group_change_log: false,
            workload_identity: false,
        }
    }
}

/// Flux's gates, and the value at which they are here. Those of [`Gates`] can have either value.
const GATES: &[(&str, bool)] = &[
    // Nothing is cached that a poller could show.
    ("DisableStatusPollerCache", true),
];

impl FromStr for Gates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut gates = Self::default();
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
                "DisableFailFastBehavior" => gates.fail_fast = !value,
                "StrictPostBuildSubstitutions" => gates.strict_substitutions = value,
                "DirectSourceFetch" => gates.direct_source = value,
                "ObjectLevelWorkloadIdentity" => gates.workload_identity = value,
                "MigrateAPIVersion" => gates.migrate_api_version = value,
                "GroupChangeLog" => gates.group_change_log = value,
                "ExternalArtifact" => gates.external_artifacts = value,
                // Waiting holds no worker here, so a new revision is always begun with at once.
                "CancelHealthCheckOnNewRevision" => {}
                // A pass reads what it needs once, from the server; a cache would want the right to list every Secret.
                "CacheSecretsAndConfigMaps" => {}
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
        let usual = Gates::default();
        assert_eq!("".parse(), Ok(usual.clone()));
        assert_eq!("DisableStatusPollerCache=true, MigrateAPIVersion=false".parse(), Ok(usual.clone()));
        assert_eq!("DisableConfigWatchers=true".parse(), Ok(Gates { watch_configs: false, ..usual.clone() }));
        assert_eq!("AdditiveCELDependencyCheck=true".parse(), Ok(Gates { additive_cel: true, ..usual.clone() }));
        let other = "DisableFailFastBehavior=true,StrictPostBuildSubstitutions=false,DirectSourceFetch=true";
        let expect = Gates { fail_fast: false, strict_substitutions: false, direct_source: true, ..usual };
        assert_eq!(other.parse(), Ok(expect));
        for (text, expect) in [
            (
                "DisableStatusPollerCache=false",
                "DisableStatusPollerCache=false is not implemented in this version of weir",
            ),
            ("NoSuchGate=true", "'NoSuchGate' is not a feature gate"),
            ("GroupChangeLog", "'GroupChangeLog' is not of the form GATE=true"),
        ] {
            assert_eq!(text.parse::<Gates>(), Err(expect.to_owned()));
        }
    }
}
