//! Provider: a service that notifications are sent to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CATEGORIES;
use crate::{
    common::{Duration, LocalObjectReference, TIMEOUT_PATTERN},
    names,
    object::{Column, kind, string_enum},
};

kind! {
    /// Provider names a service that takes notifications, and how to log in there. It has no status.
    Provider(ProviderSpec) {
        group: names::NOTIFICATION_GROUP,
        versions: &["v1beta3"],
        plural: "providers",
        short_names: &[],
        categories: CATEGORIES,
        columns: &[Column::AGE],
    }
}

/// Timeout of a notification where `spec.timeout` is absent.
pub const DEFAULT_PROVIDER_TIMEOUT: Duration = Duration::from_secs(15);

/// The service and how to reach it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "message": "spec.commitStatusExpr is only supported for the 'github', 'gitlab', 'gitea', 'bitbucketserver', 'bitbucket', 'azuredevops' provider types",
    "rule": "self.type == 'github' || self.type == 'gitlab' || self.type == 'gitea' || self.type == 'bitbucketserver' || self.type == 'bitbucket' || self.type == 'azuredevops' || !has(self.commitStatusExpr)"
}]))]
pub struct ProviderSpec {
    /// Kind of service.
    #[serde(rename = "type")]
    pub type_: ProviderType,
    /// Deprecated and without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Channel, room, topic or key to send to; its meaning depends on the type.
    #[schemars(length(max = 2048))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Name under which messages appear.
    #[schemars(length(max = 2048))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Address of the service, the repository or the project; the key `address` of the Secret replaces it.
    #[schemars(length(max = 2048))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Limit for sending one notification. A controller applies 15s.
    #[schemars(extend("pattern" = TIMEOUT_PATTERN))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Deprecated in favour of `proxySecretRef`.
    #[schemars(length(max = 2048), regex(pattern = r"^(http|https)://.*$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Secret with the proxy's `address` and, if needed, `username` and `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalObjectReference>,
    /// Secret with `address`, `token`, `username`, `password` or `headers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Service account whose workload identity is used with the clouds' services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Secret with `ca.crt`, or `tls.crt` and `tls.key`, for the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalObjectReference>,
    /// Pauses the provider; its notifications are dropped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// CEL expression of type string over `event`, `alert` and `provider` for the ID of a commit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_status_expr: Option<String>,
}

string_enum! {
    /// Services that take notifications.
    pub enum ProviderType {
        /// Slack.
        Slack = "slack",
        /// Discord.
        Discord = "discord",
        /// Microsoft Teams.
        MsTeams = "msteams",
        /// Rocket.Chat.
        Rocket = "rocket",
        /// The event as JSON to any address.
        #[default]
        Generic = "generic",
        /// As generic, with an HMAC signature of the body.
        GenericHmac = "generic-hmac",
        /// Commit status on GitHub.
        Github = "github",
        /// Commit status on GitLab.
        Gitlab = "gitlab",
        /// Commit status on Gitea.
        Gitea = "gitea",
        /// Comment on a pull request on Gitea.
        GiteaPullRequestComment = "giteapullrequestcomment",
        /// Build status on Bitbucket Server.
        BitbucketServer = "bitbucketserver",
        /// Commit status on Bitbucket Cloud.
        Bitbucket = "bitbucket",
        /// Commit status on Azure DevOps.
        AzureDevOps = "azuredevops",
        /// Google Chat.
        GoogleChat = "googlechat",
        /// Google Pub/Sub.
        GooglePubSub = "googlepubsub",
        /// Webex.
        Webex = "webex",
        /// Sentry.
        Sentry = "sentry",
        /// Azure Event Hubs.
        AzureEventHub = "azureeventhub",
        /// Telegram.
        Telegram = "telegram",
        /// Lark.
        Lark = "lark",
        /// Matrix.
        Matrix = "matrix",
        /// Opsgenie.
        Opsgenie = "opsgenie",
        /// Prometheus Alertmanager.
        Alertmanager = "alertmanager",
        /// Annotations in Grafana.
        Grafana = "grafana",
        /// Dispatch of a GitHub workflow.
        GithubDispatch = "githubdispatch",
        /// Comment on a pull request on GitHub.
        GithubPullRequestComment = "githubpullrequestcomment",
        /// Comment on a merge request on GitLab.
        GitlabMergeRequestComment = "gitlabmergerequestcomment",
        /// PagerDuty.
        PagerDuty = "pagerduty",
        /// Datadog.
        Datadog = "datadog",
        /// NATS.
        Nats = "nats",
        /// Zulip.
        Zulip = "zulip",
        /// OpenTelemetry traces.
        Otel = "otel",
        /// Zoom.
        Zoom = "zoom",
        /// incident.io.
        IncidentIo = "incident.io",
    }
}
