//! Condition types and reasons. The strings are part of the API: alerts, dashboards and scripts match them.

// Condition types.

/// Condition type: the object is in its desired state.
pub const READY: &str = "Ready";
/// Condition type: a controller is at work; present only while True.
pub const RECONCILING: &str = "Reconciling";
/// Condition type: work stopped until the object changes; present only while True.
pub const STALLED: &str = "Stalled";
/// Condition type: the applied objects are healthy (Kustomization).
pub const HEALTHY: &str = "Healthy";
/// Condition type: the source's artifact is stored and served.
pub const ARTIFACT_IN_STORAGE: &str = "ArtifactInStorage";
/// Condition type: the signature of the source was checked.
pub const SOURCE_VERIFIED: &str = "SourceVerified";
/// Condition type: the source could not be fetched.
pub const FETCH_FAILED: &str = "FetchFailed";
/// Condition type: the artifact could not be stored.
pub const STORAGE_OPERATION_FAILED: &str = "StorageOperationFailed";
/// Condition type: the chart could not be built; also a reason of Kustomization.
pub const BUILD_FAILED: &str = "BuildFailed";
/// Condition type: an included GitRepository has no artifact.
pub const INCLUDE_UNAVAILABLE: &str = "IncludeUnavailable";
/// Condition type: the stored artifact is not the newest revision.
pub const ARTIFACT_OUTDATED: &str = "ArtifactOutdated";
/// Condition type: the last install, upgrade or rollback worked (HelmRelease).
pub const RELEASED: &str = "Released";
/// Condition type: the last release passed its tests (HelmRelease).
pub const TEST_SUCCESS: &str = "TestSuccess";
/// Condition type: a failed release was rolled back or uninstalled (HelmRelease).
pub const REMEDIATED: &str = "Remediated";
/// Condition type: the cluster differs from the release (HelmRelease).
pub const DRIFTED: &str = "Drifted";
/// Condition type: a third-party artifact was not verified (ExternalArtifact).
pub const VERIFICATION_FAILED: &str = "VerificationFailed";

// Shared reasons.

/// Reason: the work is done.
pub const SUCCEEDED: &str = "Succeeded";
/// Reason: the work failed.
pub const FAILED: &str = "Failed";
/// Reason: the work goes on.
pub const PROGRESSING: &str = "Progressing";
/// Reason: the work failed and is tried again.
pub const PROGRESSING_WITH_RETRY: &str = "ProgressingWithRetry";
/// Reason: the object is paused.
pub const SUSPENDED: &str = "Suspended";
/// Reason: an object this one depends on is not ready.
pub const DEPENDENCY_NOT_READY: &str = "DependencyNotReady";
/// Reason: all steps of the reconciliation worked.
pub const RECONCILIATION_SUCCEEDED: &str = "ReconciliationSucceeded";
/// Reason: applying failed.
pub const RECONCILIATION_FAILED: &str = "ReconciliationFailed";
/// Reason: the artifact is missing or could not be loaded.
pub const ARTIFACT_FAILED: &str = "ArtifactFailed";
/// Reason: an object could not be pruned.
pub const PRUNE_FAILED: &str = "PruneFailed";
/// Reason: an object did not become healthy.
pub const HEALTH_CHECK_FAILED: &str = "HealthCheckFailed";
/// Reason: a newer request ended the health check.
pub const HEALTH_CHECK_CANCELED: &str = "HealthCheckCanceled";
/// Reason: a path is missing or leaves its root.
pub const INVALID_PATH: &str = "InvalidPath";
/// Reason: an address cannot be parsed (shared runtime).
pub const INVALID_URL: &str = "InvalidURL";
/// Reason: plain HTTP is not allowed.
pub const INSECURE_CONNECTIONS_DISALLOWED: &str = "InsecureConnectionsDisallowed";
/// Reason: the kind of connection is not supported.
pub const UNSUPPORTED_CONNECTION_TYPE: &str = "UnsupportedConnectionType";
/// Reason: a CEL expression does not compile.
pub const INVALID_CEL_EXPRESSION: &str = "InvalidCELExpression";
/// Reason: a field needs a feature gate that is off.
pub const FEATURE_GATE_DISABLED: &str = "FeatureGateDisabled";
/// Reason: a reference to another namespace or kind is not allowed.
pub const ACCESS_DENIED: &str = "AccessDenied";

// Reasons of sources.

/// Reason: the upstream has a new revision.
pub const NEW_REVISION: &str = "NewRevision";
/// Reason: an artifact was stored (event).
pub const NEW_ARTIFACT: &str = "NewArtifact";
/// Reason: nothing changed upstream (event).
pub const ARTIFACT_UP_TO_DATE: &str = "ArtifactUpToDate";
/// Reason: a stored artifact no longer has its digest (event).
pub const ARTIFACT_VERIFICATION_FAILED: &str = "ArtifactVerificationFailed";
/// Reason: the address of the source cannot be used.
pub const URL_INVALID: &str = "URLInvalid";
/// Reason: the credentials are missing or refused.
pub const AUTHENTICATION_FAILED: &str = "AuthenticationFailed";
/// Reason: the signature is missing or wrong.
pub const VERIFICATION_ERROR: &str = "VerificationError";
/// Reason: a directory could not be made.
pub const DIRECTORY_CREATION_FAILED: &str = "DirectoryCreationFailed";
/// Reason: a file could not be examined.
pub const STAT_OPERATION_FAILED: &str = "StatOperationFailed";
/// Reason: a file or database could not be read.
pub const READ_OPERATION_FAILED: &str = "ReadOperationFailed";
/// Reason: the lock of an artifact was not obtained.
pub const ACQUIRE_LOCK_FAILED: &str = "AcquireLockFailed";
/// Reason: the archive could not be written.
pub const ARCHIVE_OPERATION_FAILED: &str = "ArchiveOperationFailed";
/// Reason: the link to the newest artifact could not be moved.
pub const SYMLINK_UPDATE_FAILED: &str = "SymlinkUpdateFailed";
/// Reason: the cache could not be used.
pub const CACHE_OPERATION_FAILED: &str = "CacheOperationFailed";
/// Reason: the object could not be patched.
pub const PATCH_OPERATION_FAILED: &str = "PatchOperationFailed";
/// Reason: the STS settings of a bucket do not fit.
pub const INVALID_STS_CONFIGURATION: &str = "InvalidSTSConfiguration";
/// Reason: the settings of the provider do not fit.
pub const INVALID_PROVIDER_CONFIGURATION: &str = "InvalidProviderConfiguration";
/// Reason: old artifacts could not be deleted.
pub const GARBAGE_COLLECTION_FAILED: &str = "GarbageCollectionFailed";
/// Reason: old artifacts were deleted (event).
pub const GARBAGE_COLLECTION_SUCCEEDED: &str = "GarbageCollectionSucceeded";
/// Reason: the ignore rules could not be read.
pub const SOURCE_IGNORE_ERROR: &str = "SourceIgnoreError";
/// Reason: an included artifact changed.
pub const INCLUDE_CHANGE: &str = "IncludeChange";
/// Reason: a chart with a new version was built.
pub const NEW_CHART: &str = "NewChart";
/// Reason: the Git operation worked.
pub const GIT_OPERATION_SUCCEEDED: &str = "GitOperationSucceeded";
/// Reason: the Git operation failed.
pub const GIT_OPERATION_FAILED: &str = "GitOperationFailed";
/// Reason: the repository has no commits.
pub const EMPTY_GIT_REPOSITORY: &str = "EmptyGitRepository";
/// Reason: the verification mode does not fit the reference.
pub const INVALID_VERIFICATION_MODE: &str = "InvalidVerificationMode";
/// Reason: the signed object cannot be used.
pub const INVALID_GIT_OBJECT: &str = "InvalidGitObject";
/// Reason: the tag's signature is missing or wrong.
pub const INVALID_TAG_SIGNATURE: &str = "InvalidTagSignature";
/// Reason: the commit's signature is missing or wrong.
pub const INVALID_COMMIT_SIGNATURE: &str = "InvalidCommitSignature";
/// Reason: an included object does not exist.
pub const NOT_FOUND: &str = "NotFound";
/// Reason: an included object has no artifact.
pub const NO_ARTIFACT: &str = "NoArtifact";
/// Reason: an include path leaves its root.
pub const ILLEGAL_PATH: &str = "IllegalPath";
/// Reason: an include could not be copied.
pub const COPY_FAILURE: &str = "CopyFailure";
/// Reason: the OCI artifact could not be pulled.
pub const OCI_ARTIFACT_PULL_FAILED: &str = "OCIArtifactPullFailed";
/// Reason: the layer could not be selected or unpacked.
pub const OCI_ARTIFACT_LAYER_OPERATION_FAILED: &str = "OCIArtifactLayerOperationFailed";
/// Reason: the Helm index could not be loaded.
pub const INDEXATION_FAILED: &str = "IndexationFailed";
/// Reason: the bucket operation worked.
pub const BUCKET_OPERATION_SUCCEEDED: &str = "BucketOperationSucceeded";
/// Reason: the bucket operation failed.
pub const BUCKET_OPERATION_FAILED: &str = "BucketOperationFailed";
/// Reason: the chart was pulled.
pub const CHART_PULL_SUCCEEDED: &str = "ChartPullSucceeded";
/// Reason: the chart was packaged.
pub const CHART_PACKAGE_SUCCEEDED: &str = "ChartPackageSucceeded";
/// Reason: the chart's source has no artifact yet.
pub const NO_SOURCE_ARTIFACT: &str = "NoSourceArtifact";
/// Reason: the chart's source cannot be read.
pub const SOURCE_UNAVAILABLE: &str = "SourceUnavailable";
/// Reason: the chart's source has a kind that is not supported.
pub const UNSUPPORTED_SOURCE_KIND: &str = "UnsupportedSourceKind";
/// Reason: the chart's name or version cannot be used.
pub const INVALID_CHART_REFERENCE: &str = "InvalidChartReference";
/// Reason: the chart's metadata could not be changed.
pub const METADATA_PATCH_ERROR: &str = "MetadataPatchError";
/// Reason: the values files could not be merged.
pub const VALUES_FILES_ERROR: &str = "ValuesFilesError";
/// Reason: the chart could not be pulled.
pub const CHART_PULL_ERROR: &str = "ChartPullError";
/// Reason: a chart dependency could not be built.
pub const DEPENDENCY_BUILD_ERROR: &str = "DependencyBuildError";
/// Reason: the chart could not be packaged.
pub const CHART_PACKAGE_ERROR: &str = "ChartPackageError";
/// Reason: the chart's signature is missing or wrong.
pub const CHART_VERIFICATION_ERROR: &str = "ChartVerificationError";
/// Reason: the cause is not known.
pub const UNKNOWN: &str = "Unknown";

// Reasons of ArtifactGenerator.

/// Reason: the annotation pauses the object.
pub const RECONCILIATION_DISABLED: &str = "ReconciliationDisabled";
/// Reason: the spec contradicts itself; also used by Receiver.
pub const VALIDATION_FAILED: &str = "ValidationFailed";
/// Reason: a source is missing or could not be fetched.
pub const SOURCE_FETCH_FAILED: &str = "SourceFetchFailed";

// Reasons of HelmRelease.

/// Reason: the install worked.
pub const INSTALL_SUCCEEDED: &str = "InstallSucceeded";
/// Reason: the install failed.
pub const INSTALL_FAILED: &str = "InstallFailed";
/// Reason: the upgrade worked.
pub const UPGRADE_SUCCEEDED: &str = "UpgradeSucceeded";
/// Reason: the upgrade failed.
pub const UPGRADE_FAILED: &str = "UpgradeFailed";
/// Reason: the tests passed.
pub const TEST_SUCCEEDED: &str = "TestSucceeded";
/// Reason: a test failed.
pub const TEST_FAILED: &str = "TestFailed";
/// Reason: the rollback worked.
pub const ROLLBACK_SUCCEEDED: &str = "RollbackSucceeded";
/// Reason: the rollback failed.
pub const ROLLBACK_FAILED: &str = "RollbackFailed";
/// Reason: the uninstall worked.
pub const UNINSTALL_SUCCEEDED: &str = "UninstallSucceeded";
/// Reason: the uninstall failed.
pub const UNINSTALL_FAILED: &str = "UninstallFailed";
/// Reason: the chart's source is not ready.
pub const SOURCE_NOT_READY: &str = "SourceNotReady";
/// Reason: the values could not be composed.
pub const VALUES_ERROR: &str = "ValuesError";
/// Reason: the chart's metadata could not be changed.
pub const CHART_MUTATE_ERROR: &str = "ChartMutateError";
/// Reason: the API client could not be built.
pub const REST_CLIENT_ERROR: &str = "RESTClientError";
/// Reason: the resource manager could not be built.
pub const RESOURCE_MANAGER_ERROR: &str = "ResourceManagerError";
/// Reason: the Helm client could not be built.
pub const FACTORY_ERROR: &str = "FactoryError";
/// Reason: the Helm configuration could not be built.
pub const CONFIG_FACTORY_ERROR: &str = "ConfigFactoryErr";
/// Reason: the state of the release could not be determined.
pub const STATE_ERROR: &str = "StateError";
/// Reason: a step of the release loop failed.
pub const RECONCILE_ERROR: &str = "ReconcileError";
/// Reason: the tests have not run yet.
pub const AWAITING_TESTS: &str = "AwaitingTests";
/// Reason: the release was left in a pending state.
pub const PENDING_RELEASE: &str = "PendingRelease";
/// Reason: no retries are left.
pub const RETRIES_EXCEEDED: &str = "RetriesExceeded";
/// Reason: there is no release to roll back to.
pub const MISSING_ROLLBACK_TARGET: &str = "MissingRollbackTarget";
/// Reason: the cluster differs from the release.
pub const DRIFT_DETECTED: &str = "DriftDetected";
/// Reason: the cluster equals the release.
pub const NO_DRIFT_DETECTED: &str = "NoDriftDetected";
/// Reason: drift was corrected (event).
pub const DRIFT_CORRECTED: &str = "DriftCorrected";
/// Reason: drift could not be corrected (event).
pub const DRIFT_CORRECTION_FAILED: &str = "DriftCorrectionFailed";
/// Reason: the HelmChart was created (event).
pub const HELM_CHART_CREATED: &str = "HelmChartCreated";
/// Reason: the HelmChart was changed (event).
pub const HELM_CHART_CONFIGURED: &str = "HelmChartConfigured";
/// Reason: the HelmChart was deleted (event).
pub const HELM_CHART_DELETED: &str = "HelmChartDeleted";
/// Reason: the HelmChart could not be written (event).
pub const HELM_CHART_SYNC_ERROR: &str = "HelmChartSyncErr";
/// Reason: the inventory could not be built (event).
pub const INVENTORY_BUILD_FAILED: &str = "InventoryBuildFailed";
/// Reason: the namespace of an object could not be checked (event).
pub const NAMESPACE_CHECK_SKIPPED: &str = "NamespaceCheckSkipped";

// Reasons of notifications.

/// Reason: the receiver's Secret or its token is missing.
pub const TOKEN_NOT_FOUND: &str = "TokenNotFound";
/// Reason: an expression of an alert does not compile (event).
pub const INVALID_CONFIG: &str = "InvalidConfig";
/// Reason: a notification could not be sent (event).
pub const NOTIFICATION_DISPATCH_FAILED: &str = "NotificationDispatchFailed";
/// Reason: metadata keys of an event clash (event).
pub const METADATA_APPEND_FAILED: &str = "MetadataAppendFailed";

// Reasons of the image kinds.

/// Reason: the image name cannot be used.
pub const IMAGE_URL_INVALID: &str = "ImageURLInvalid";
/// Reason: the policy is missing or cannot be used.
pub const INVALID_POLICY: &str = "InvalidPolicy";
/// Reason: the digest policy needs an interval.
pub const INTERVAL_NOT_CONFIGURED: &str = "IntervalNotConfigured";
/// Reason: the scan or the selection failed.
pub const FAILURE: &str = "Failure";
/// Reason: the selector of policies cannot be used.
pub const INVALID_POLICY_SELECTOR: &str = "InvalidPolicySelector";
/// Reason: the Git settings are missing or wrong.
pub const INVALID_SOURCE_CONFIGURATION: &str = "InvalidSourceConfiguration";
/// Reason: the update strategy is not known.
pub const INVALID_UPDATE_STRATEGY: &str = "InvalidUpdateStrategy";
/// Reason: the commit template uses a field that no longer exists.
pub const REMOVED_TEMPLATE_FIELD: &str = "RemovedTemplateField";
/// Reason: the repository could not be prepared.
pub const SOURCE_MANAGER_FAILED: &str = "SourceManagerFailed";
/// Reason: the files could not be updated.
pub const UPDATE_FAILED: &str = "UpdateFailed";
