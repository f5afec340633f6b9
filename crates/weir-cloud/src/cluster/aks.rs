//! Azure Kubernetes Service, with Microsoft Entra ID.

use super::{Described, LIMIT};
use crate::fields::document;
use crate::http::{Ask, bearing};
use crate::keys::Keys;
use crate::{Cloud, CloudError, azure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;
use weir_doc::Node;

/// The application that every cluster with Entra ID believes.
pub(crate) const SCOPE: &str = "6dae42f8-4368-4678-94ff-3960e28e3630/.default";

const API_VERSION: &str = "2024-05-01";

/// Whether it is `/subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.ContainerService/managedClusters/NAME`,
/// in any case, as parts of a path that need no escapes.
fn check(cluster: &str) -> Result<(), CloudError> {
    const PATTERN: &str = r"(?i)^/subscriptions/([^/]{36})/resourceGroups/([^/]{1,200})/providers/Microsoft\.ContainerService/managedClusters/([^/]{1,200})$";
    let parts: Vec<&str> = cluster.split('/').collect();
    let is_part = |part: &str| {
        (1..=200).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'(' | b')'))
            && part.bytes().any(|byte| byte != b'.')
    };
    let is = |part: &str, word: &str| part.eq_ignore_ascii_case(word);
    let is_one = matches!(parts[..], ["", s, subscription, g, group, p, service, m, name]
        if is(s, "subscriptions") && is(g, "resourceGroups") && is(p, "providers")
            && is(service, "Microsoft.ContainerService") && is(m, "managedClusters")
            && subscription.len() == 36 && [subscription, group, name].into_iter().all(is_part));
    if is_one {
        return Ok(());
    }
    let shown = crate::error::shown(cluster);
    Err(CloudError::cluster(format!("invalid AKS cluster ID: '{shown}'. must match {PATTERN}")))
}

/// Azure's Resource Manager, and the scope of a token for it.
async fn manager(cloud: &Cloud) -> Result<(String, String), CloudError> {
    const FILE: &str = "AZURE_ENVIRONMENT_FILEPATH";
    if let Some(text) = cloud.env.file(FILE).await? {
        let json: Value =
            serde_json::from_str(text.expose()).map_err(|_| CloudError::entry(FILE, "the file is not JSON"))?;
        let text = |name: &str| json[name].as_str().filter(|text| text.starts_with("https://")).map(str::to_owned);
        let (Some(endpoint), Some(audience)) = (text("resourceManagerEndpoint"), text("tokenAudience")) else {
            let message = "resourceManagerEndpoint and tokenAudience must be set in the environment file";
            return Err(CloudError::entry(FILE, message));
        };
        return Ok((endpoint.trim_end_matches('/').to_owned(), format!("{audience}/.default")));
    }
    let endpoint = match cloud.env.get("AZURE_AUTHORITY_HOST") {
        Some(host) if host.contains("chinacloudapi.cn") => "https://management.chinacloudapi.cn",
        Some(host) if host.contains("microsoftonline.us") => "https://management.usgovcloudapi.net",
        _ => "https://management.azure.com",
    };
    Ok((endpoint.to_owned(), format!("{endpoint}/.default")))
}

pub(crate) async fn describe(keys: &Keys<'_>, cluster: &str) -> Result<Described, CloudError> {
    check(cluster)?;
    let cloud = keys.cloud;
    let (manager, scope) = manager(cloud).await?;
    let held = azure::token(keys, &scope).await?;
    let token = held.text()?;
    let url = cloud.endpoints.moved(&cloud.endpoints.azure_arm, &format!("{manager}{cluster}"));
    let what = format!("describing the AKS cluster '{cluster}'");
    let hide = [token];
    let mut ask = Ask::new(&cloud.http.open, &what, &hide);
    ask.limit = LIMIT;
    let request = |method: Method, more: &str| {
        let builder = Request::builder().method(method).uri(format!("{url}{more}?api-version={API_VERSION}"));
        bearing(builder, token).body(Bytes::new())
    };
    let remedy = "the identity needs the role Azure Kubernetes Service Cluster User Role, which may read the cluster and list its credentials";
    let answer = ask.json(|| request(Method::GET, "")).await.map_err(|error| error.with_remedy(remedy))?;
    if answer["properties"]["aadProfile"].is_null() {
        return Err(CloudError::cluster(format!(
            "AKS cluster {cluster} does not have Microsoft Entra ID integration enabled. See docs for enabling: \
             https://learn.microsoft.com/en-us/azure/aks/enable-authentication-microsoft-entra-id"
        )));
    }
    let list = ask.json(|| request(Method::POST, "/listClusterUserCredential")).await;
    let list = list.map_err(|error| error.with_remedy(remedy))?;
    let mut endpoints = Vec::new();
    for (index, kubeconfig) in list["kubeconfigs"].as_array().into_iter().flatten().enumerate() {
        let bytes = BASE64_STANDARD.decode(kubeconfig["value"].as_str().unwrap_or_default()).unwrap_or_default();
        let node = document(&format!("kubeconfig[{index}]"), &bytes)?;
        let found = entry(&node);
        endpoints.push(found.ok_or_else(|| CloudError::cluster(format!("failed to parse kubeconfig[{index}]")))?);
    }
    Ok(Described { endpoints })
}

/// Server and authority of the current context.
fn entry(kubeconfig: &Node) -> Option<(String, Vec<u8>)> {
    let named = |list: &str, name: &str| {
        kubeconfig.get(list)?.as_seq()?.iter().find(|one| one.str_at(&["name"]) == Some(name)).cloned()
    };
    let context = named("contexts", kubeconfig.str_at(&["current-context"])?)?;
    let cluster = named("clusters", context.str_at(&["context", "cluster"])?)?;
    let ca = cluster.str_at(&["cluster", "certificate-authority-data"]).unwrap_or_default();
    Some((cluster.str_at(&["cluster", "server"])?.to_owned(), BASE64_STANDARD.decode(ca).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_has_the_form_of_flux() {
        let good = "/Subscriptions/12345678-1234-1234-1234-123456789012/resourcegroups/rg_(1)/providers/microsoft.containerservice/managedclusters/c";
        assert!(check(good).is_ok());
        for bad in [
            "invalid-cluster-id",
            "",
            &format!("{good}/x"),
            &good.replace("rg_(1)", ".."),
            &good.replace("rg_(1)", "a?b"),
        ] {
            let shown = check(bad).expect_err(bad).to_string();
            assert!(
                shown.starts_with(&format!("invalid AKS cluster ID: '{bad}'. must match (?i)^/subscriptions/")),
                "{shown}"
            );
        }
    }
}
