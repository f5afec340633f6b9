use crate::CloudError;
use crate::fields::{document, find, text};

/// The Vault and OpenBao servers that the operator trusts with tokens of Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VaultInstances {
    /// `NAMESPACE/NAME` of the ConfigMap.
    config_map: String,
    /// Address and login path, in the order of the list; of two with one address the last counts.
    instances: Vec<(String, String)>,
}

impl VaultInstances {
    /// The key of the ConfigMap that has the list.
    pub const KEY: &'static str = "config.yaml";

    /// From the ConfigMap of `--sops-vault-configmap`, `NAMESPACE/NAME`, and what it has under [`Self::KEY`].
    pub fn read(config_map: &str, data: Option<&str>) -> Result<Self, CloudError> {
        let key = Self::KEY;
        let named = format!("Vault ConfigMap '{config_map}'");
        let data = data.ok_or_else(|| CloudError::entry(&named, format!("is missing the '{key}' key")))?;
        let named = format!("failed to parse '{key}' in {named}");
        let root = document(&named, data.as_bytes())?;
        if !root.is_null() && root.as_map().is_none() {
            return Err(CloudError::entry(&named, "it is not an object with the field 'instances'"));
        }
        let mut instances = Vec::new();
        let list = find(&root, "instances").filter(|list| !list.is_null());
        let list = match list {
            Some(list) => {
                list.as_seq().ok_or_else(|| CloudError::entry(&named, "'instances' has to be a list"))?.as_slice()
            }
            None => &[],
        };
        for one in list {
            if !one.is_null() && one.as_map().is_none() {
                return Err(CloudError::entry(&named, "each of 'instances' has an address and a loginPath"));
            }
            instances.push((text(&named, one, "address")?, text(&named, one, "loginPath")?));
        }
        Ok(Self { config_map: config_map.to_owned(), instances })
    }

    /// The login path of an address, which has to be the same as in the list to the letter.
    pub(crate) fn login_path(&self, address: &str) -> Result<&str, CloudError> {
        let found = self.instances.iter().rfind(|(own, _)| own == address).map(|(_, path)| path.as_str());
        found.filter(|path| !path.is_empty()).ok_or_else(|| {
            let config_map = &self.config_map;
            let message = format!(
                "no Vault login path configured for address '{}' in ConfigMap '{config_map}'",
                crate::error::shown(address)
            );
            CloudError::Account {
                message,
                remedy: Some(
                    "an operator has to add the address to its instances, or the decryption Secret needs the entry sops.vault-token"
                        .to_owned(),
                ),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_as_flux_reads_it() {
        let data =
            "instances:\n  - address: https://a:8200\n    loginPath: auth/kubernetes/login\n  - address: https://b\n";
        let list = VaultInstances::read("flux-system/vault", Some(data)).expect("a list");
        assert_eq!(list.login_path("https://a:8200").expect("a path"), "auth/kubernetes/login");
        for address in ["https://b", "https://a:8200/", "https://c"] {
            let error = list.login_path(address).expect_err("not listed").to_string();
            let expected =
                format!("no Vault login path configured for address '{address}' in ConfigMap 'flux-system/vault'");
            assert_eq!(error, expected);
        }
        for empty in ["", "instances:", "{}"] {
            assert!(VaultInstances::read("a/b", Some(empty)).is_ok(), "{empty}");
        }
        let error = VaultInstances::read("a/b", None).expect_err("no key").to_string();
        assert_eq!(error, "Vault ConfigMap 'a/b': is missing the 'config.yaml' key");
        for bad in ["[", "x", "instances: x", "instances: [x]", "instances: [{address: [1]}]"] {
            assert!(VaultInstances::read("a/b", Some(bad)).is_err(), "{bad}");
        }
    }
}
