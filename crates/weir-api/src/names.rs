//! The exact group names, annotations, labels and finalizers that Flux and its users rely on.

/// API group of the sources.
pub const SOURCE_GROUP: &str = "source.toolkit.fluxcd.io";
/// API group of the source extensions.
pub const SOURCE_EXTENSIONS_GROUP: &str = "source.extensions.fluxcd.io";
/// API group of the Kustomization kind.
pub const KUSTOMIZE_GROUP: &str = "kustomize.toolkit.fluxcd.io";
/// API group of the HelmRelease kind.
pub const HELM_GROUP: &str = "helm.toolkit.fluxcd.io";
/// API group of alerts, providers and receivers.
pub const NOTIFICATION_GROUP: &str = "notification.toolkit.fluxcd.io";
/// API group of the image kinds.
pub const IMAGE_GROUP: &str = "image.toolkit.fluxcd.io";

/// Annotation: a changed value asks for a reconciliation; copied to `status.lastHandledReconcileAt`.
pub const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
/// Annotation of a HelmRelease: forces one install or upgrade if it equals [`REQUESTED_AT`].
pub const FORCE_AT: &str = "reconcile.fluxcd.io/forceAt";
/// Annotation of a HelmRelease: resets the failure counters if it equals [`REQUESTED_AT`].
pub const RESET_AT: &str = "reconcile.fluxcd.io/resetAt";
/// Prefix of annotations that are copied to the metadata of the object's events.
pub const EVENT_PREFIX: &str = "event.toolkit.fluxcd.io/";
/// Annotation of an ArtifactGenerator: the value [`DISABLED`], in any case, pauses it.
pub const GENERATOR_RECONCILE: &str = "source.extensions.fluxcd.io/reconcile";

/// Label of ConfigMaps and Secrets whose changes start a reconciliation of their users; value [`WATCH_ENABLED`].
pub const WATCH: &str = "reconcile.fluxcd.io/watch";
/// Value of [`WATCH`].
pub const WATCH_ENABLED: &str = "Enabled";

/// Annotation of a Kustomization: confirms a prune that is held; the condition's message gives the value; weir's addition.
pub const CONFIRM_PRUNE: &str = "kustomize.weir.dev/confirm-prune";

/// Label of applied objects: name of the owning Kustomization.
pub const KUSTOMIZE_NAME: &str = "kustomize.toolkit.fluxcd.io/name";
/// Label of applied objects: namespace of the owning Kustomization.
pub const KUSTOMIZE_NAMESPACE: &str = "kustomize.toolkit.fluxcd.io/namespace";
/// Label of objects rendered or made for a HelmRelease: its name.
pub const HELM_NAME: &str = "helm.toolkit.fluxcd.io/name";
/// Label of objects rendered or made for a HelmRelease: its namespace.
pub const HELM_NAMESPACE: &str = "helm.toolkit.fluxcd.io/namespace";
/// Label that names the program that manages an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`] on objects of a Helm release.
pub const MANAGED_BY_HELM: &str = "Helm";
/// Value of [`MANAGED_BY`] on generated ExternalArtifacts.
pub const MANAGED_BY_SOURCE_WATCHER: &str = "source-watcher";
/// Annotation of objects of a Helm release: name of the release.
pub const HELM_RELEASE_NAME: &str = "meta.helm.sh/release-name";
/// Annotation of objects of a Helm release: namespace of the release.
pub const HELM_RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
/// Label of generated ExternalArtifacts: UID of the ArtifactGenerator.
pub const GENERATOR: &str = "source.extensions.fluxcd.io/generator";

/// Label or annotation of applied objects: [`DISABLED`] leaves the object out of apply and prune.
pub const KUSTOMIZE_RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";
/// Label or annotation of applied objects: `Merge`, `IfNotPresent` or `Ignore`.
pub const KUSTOMIZE_SSA: &str = "kustomize.toolkit.fluxcd.io/ssa";
/// Value of [`KUSTOMIZE_SSA`]: leave fields of other managers in place.
pub const SSA_MERGE: &str = "Merge";
/// Value of [`KUSTOMIZE_SSA`]: create the object once, then leave it alone.
pub const SSA_IF_NOT_PRESENT: &str = "IfNotPresent";
/// Value of [`KUSTOMIZE_SSA`]: never apply the object.
pub const SSA_IGNORE: &str = "Ignore";
/// Label or annotation of applied objects: [`ENABLED`] recreates the object when an immutable field changes.
pub const KUSTOMIZE_FORCE: &str = "kustomize.toolkit.fluxcd.io/force";
/// Label or annotation of applied objects: [`DISABLED`] keeps the object from being pruned.
pub const KUSTOMIZE_PRUNE: &str = "kustomize.toolkit.fluxcd.io/prune";
/// Label or annotation of manifests: [`DISABLED`], in exactly this case, skips variable substitution.
pub const KUSTOMIZE_SUBSTITUTE: &str = "kustomize.toolkit.fluxcd.io/substitute";
/// Annotation of Secrets: [`DISABLED`] skips decryption.
pub const KUSTOMIZE_DECRYPT: &str = "kustomize.toolkit.fluxcd.io/decrypt";
/// Label or annotation of objects of a Helm release: [`DISABLED`] leaves the object out of drift detection.
pub const HELM_DRIFT_DETECTION: &str = "helm.toolkit.fluxcd.io/driftDetection";
/// Helm's annotation: [`HELM_KEEP`] leaves the object behind on uninstall.
pub const HELM_RESOURCE_POLICY: &str = "helm.sh/resource-policy";
/// Value of [`HELM_RESOURCE_POLICY`].
pub const HELM_KEEP: &str = "keep";
/// Helm's annotation that makes a manifest a hook.
pub const HELM_HOOK: &str = "helm.sh/hook";
/// Helm's annotation that orders hooks of one event, ascending.
pub const HELM_HOOK_WEIGHT: &str = "helm.sh/hook-weight";
/// Helm's annotation that says when a hook's object is deleted.
pub const HELM_HOOK_DELETE_POLICY: &str = "helm.sh/hook-delete-policy";

/// Switch value that turns a feature off.
pub const DISABLED: &str = "disabled";
/// Switch value that turns a feature on.
pub const ENABLED: &str = "enabled";

/// Service account annotation: AWS role to assume.
pub const AWS_ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
/// Service account annotation: client ID of the Azure identity.
pub const AZURE_CLIENT_ID: &str = "azure.workload.identity/client-id";
/// Service account annotation: tenant of the Azure identity.
pub const AZURE_TENANT_ID: &str = "azure.workload.identity/tenant-id";
/// Service account annotation: e-mail address of the Google service account to impersonate.
pub const GCP_SERVICE_ACCOUNT: &str = "iam.gke.io/gcp-service-account";
/// Service account annotation: provider of a Google workload identity federation.
pub const GCP_WORKLOAD_IDENTITY_PROVIDER: &str = "gcp.auth.fluxcd.io/workload-identity-provider";

/// Finalizer of all toolkit kinds.
pub const FINALIZER: &str = "finalizers.fluxcd.io";
/// Finalizer of ArtifactGenerator.
pub const GENERATOR_FINALIZER: &str = "source.extensions.fluxcd.io/finalizer";

/// Label by which controllers and objects are split into shards (a convention; the selector is a flag).
pub const SHARD_KEY: &str = "sharding.fluxcd.io/key";
/// Annotation of the Deployments of shards, with the value `shard`.
pub const SHARD_ROLE: &str = "sharding.fluxcd.io/role";
/// Label that names the tenant of a namespace and its accounts.
pub const TENANT: &str = "toolkit.fluxcd.io/tenant";
/// Annotation of a receiver's Secret: the computed webhook URL.
pub const WEBHOOK: &str = "notification.toolkit.fluxcd.io/webhook";
/// Label that names the larger product an object belongs to.
pub const PART_OF: &str = "app.kubernetes.io/part-of";
/// Value of [`PART_OF`] on all objects of an installation.
pub const PART_OF_FLUX: &str = "flux";

/// Annotation of OCI manifests and key of artifact metadata: revision at the origin.
pub const OCI_REVISION: &str = "org.opencontainers.image.revision";
/// Annotation of OCI manifests and key of artifact metadata: address of the origin.
pub const OCI_SOURCE: &str = "org.opencontainers.image.source";
