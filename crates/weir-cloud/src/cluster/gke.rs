//! Google Kubernetes Engine.

use super::{Described, LIMIT};
use crate::http::{Ask, bearing, encoded};
use crate::{Cloud, CloudError};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Request;
use serde_json::Value;

/// The path of the cluster at the API.
fn path(cluster: &str) -> Result<String, CloudError> {
    const PATTERN: &str = r"^projects/[^/]{1,200}/locations/[^/]{1,200}/clusters/[^/]{1,200}$";
    let parts: Vec<&str> = cluster.split('/').collect();
    let is_one = matches!(parts[..], ["projects", p, "locations", l, "clusters", c]
        if [p, l, c].iter().all(|part| (1..=200).contains(&part.chars().count()) && !matches!(*part, "." | "..")));
    if is_one {
        return Ok(parts.into_iter().map(encoded).collect::<Vec<_>>().join("/"));
    }
    let shown = crate::error::shown(cluster);
    Err(CloudError::cluster(format!("invalid GKE cluster ID: '{shown}'. must match {PATTERN}")))
}

pub(crate) async fn describe(cloud: &Cloud, cluster: &str, token: &str) -> Result<Described, CloudError> {
    let url = format!("https://container.googleapis.com/v1/{}", path(cluster)?);
    let url = cloud.endpoints.moved(&cloud.endpoints.gke, &url);
    let what = format!("describing the GKE cluster '{cluster}'");
    let hide = [token];
    let mut ask = Ask::new(&cloud.http.open, &what, &hide);
    ask.limit = LIMIT;
    let build = || bearing(Request::get(&url), token).body(Bytes::new());
    let answer = ask.json(build).await;
    let answer =
        answer.map_err(|error| error.with_remedy("the identity needs the role roles/container.clusterViewer"))?;
    let ca = answer["masterAuth"]["clusterCaCertificate"].as_str().unwrap_or_default();
    let ca = BASE64_STANDARD.decode(ca).map_err(|_| CloudError::cluster("failed to decode GKE CA certificate"))?;
    let at = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).filter(|one| !one.is_empty());
    let mut endpoints = vec![(at("/endpoint").ok_or_else(|| ask.bad("it has no endpoint"))?.to_owned(), ca.clone())];
    // Further ways to the same cluster, which an address may name.
    for pointer in [
        "/privateClusterConfig/publicEndpoint",
        "/privateClusterConfig/privateEndpoint",
        "/controlPlaneEndpointsConfig/ipEndpointsConfig/publicEndpoint",
        "/controlPlaneEndpointsConfig/ipEndpointsConfig/privateEndpoint",
    ] {
        endpoints.extend(at(pointer).map(|endpoint| (endpoint.to_owned(), ca.clone())));
    }
    // The one with a name has a certificate of a public authority.
    let named = at("/controlPlaneEndpointsConfig/dnsEndpointConfig/endpoint");
    endpoints.extend(named.map(|endpoint| (endpoint.to_owned(), Vec::new())));
    Ok(Described { endpoints })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_has_the_form_of_flux() {
        assert!(path("projects/p/locations/l/clusters/c").is_ok());
        for bad in [
            "",
            "projects/p/locations/l/clusters/",
            "projects/../locations/l/clusters/c",
            "projects/p/zones/l/clusters/c",
        ] {
            let shown = path(bad).expect_err(bad).to_string();
            assert!(shown.starts_with(&format!("invalid GKE cluster ID: '{bad}'. must match ^projects/")), "{shown}");
        }
    }
}
