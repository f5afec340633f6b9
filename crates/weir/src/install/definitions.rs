//! The definitions of the kinds, as `cargo xtask codegen` writes them.

pub const DEFINITIONS: &[&str] = &[
    include_str!("../../../../config/crd/helm.toolkit.fluxcd.io_helmreleases.yaml"),
    include_str!("../../../../config/crd/image.toolkit.fluxcd.io_imagepolicies.yaml"),
    include_str!("../../../../config/crd/image.toolkit.fluxcd.io_imagerepositories.yaml"),
    include_str!("../../../../config/crd/image.toolkit.fluxcd.io_imageupdateautomations.yaml"),
    include_str!("../../../../config/crd/kustomize.toolkit.fluxcd.io_kustomizations.yaml"),
    include_str!("../../../../config/crd/notification.toolkit.fluxcd.io_alerts.yaml"),
    include_str!("../../../../config/crd/notification.toolkit.fluxcd.io_providers.yaml"),
    include_str!("../../../../config/crd/notification.toolkit.fluxcd.io_receivers.yaml"),
    include_str!("../../../../config/crd/source.extensions.fluxcd.io_artifactgenerators.yaml"),
    include_str!("../../../../config/crd/source.toolkit.fluxcd.io_buckets.yaml"),
    include_str!("../../../../config/crd/source.toolkit.fluxcd.io_externalartifacts.yaml"),
    include_str!("../../../../config/crd/source.toolkit.fluxcd.io_gitrepositories.yaml"),
    include_str!("../../../../config/crd/source.toolkit.fluxcd.io_helmcharts.yaml"),
    include_str!("../../../../config/crd/source.toolkit.fluxcd.io_helmrepositories.yaml"),
    include_str!("../../../../config/crd/source.toolkit.fluxcd.io_ocirepositories.yaml"),
];
