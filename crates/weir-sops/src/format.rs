use std::fmt;

/// The formats that sops knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    Yaml,
    Json,
    Dotenv,
    Ini,
    /// Any bytes, held in JSON while encrypted.
    Binary,
}

impl Format {
    /// By the ending of the name, as `formats.FormatForPath`.
    pub fn of_path(path: &str) -> Self {
        let ends = |ending| path.ends_with(ending);
        if ends(".yaml") || ends(".yml") {
            Format::Yaml
        } else if ends(".json") {
            Format::Json
        } else if ends(".env") {
            Format::Dotenv
        } else if ends(".ini") {
            Format::Ini
        } else {
            Format::Binary
        }
    }

    /// What a key of a Secret is to hold once it is decrypted, as in kustomize-controller.
    pub fn of_secret_key(key: &str) -> Self {
        if key.ends_with(".dockerconfigjson") { Format::Json } else { Self::of_path(key) }
    }

    /// By its name on the command line.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "yaml" => Some(Format::Yaml),
            "json" => Some(Format::Json),
            "dotenv" => Some(Format::Dotenv),
            "ini" => Some(Format::Ini),
            "binary" => Some(Format::Binary),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Format::Yaml => "yaml",
            Format::Json => "json",
            Format::Dotenv => "dotenv",
            Format::Ini => "ini",
            Format::Binary => "binary",
        }
    }

    /// By what marks an encrypted document of each, as kustomize-controller looks at the data of a Secret. `None`:
    /// it is not encrypted by sops. What is JSON may be of binary data too; the first of them is said.
    pub fn of_content(content: &[u8]) -> Option<Self> {
        [Format::Binary, Format::Dotenv, Format::Ini, Format::Yaml].into_iter().find(|format| format.marks(content))
    }

    /// Whether the content looks like an encrypted document of this format: kustomize-controller leaves a file alone
    /// that does not.
    pub fn marks(self, content: &[u8]) -> bool {
        let marker: &[u8] = match self {
            Format::Binary | Format::Json => b"\"mac\": \"ENC[",
            Format::Dotenv => b"sops_mac=ENC[",
            Format::Ini => b"[sops]",
            Format::Yaml => b"mac: ENC[",
        };
        content.windows(marker.len()).any(|window| window == marker)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
