//! The one pipeline from a source's files to objects, without I/O: whoever renders (a controller,
//! `weir build`, `weir up`) calls [`render`], so that what CI shows is what the cluster gets.
//!
//! Contract: the answer depends on the tree, the path and the overlay only. Every object knows the
//! file and line it comes from.
//!
//! Limits of this version: keys that a service holds (KMS, Vault) are not asked for.

mod closure;
mod decrypt;
mod error;
mod generate;
mod services;
mod substitute;

pub use closure::Closure;
pub use decrypt::{Decryption, Warning};
pub use error::RenderError;
pub use generate::Overlay;
pub use services::KeyServices;
pub use substitute::Substitution;
pub use weir_kustomize::Picker;
pub use weir_kustomize::remote::{self, Fetch, Need, Remotes};
pub use weir_kustomize::substitute::{SubstituteError, Variables};
pub use weir_sops::Keyring;
pub use weir_sops::MasterKey;

use decrypt::Decryptor;
use sha2::{Digest, Sha256};
use weir_base::{Budget, Tree, hex, tree};
use weir_doc::Node;
use weir_object::meta;

/// What a build gave.
#[derive(Clone, Debug)]
pub struct Rendered {
    pub objects: Vec<Node>,
    /// `sha256:HEX` of the objects' YAML.
    pub digest: String,
    /// What this depends on.
    pub closure: Closure,
    /// What was seen that is no error, each once.
    pub warnings: Vec<Warning>,
    /// Values that were decrypted and stand in no Secret, if [`Manner::reveals`] asks for them.
    pub revealed: Vec<String>,
}

/// Builds the objects at `path` of a source, changed as the overlay says.
pub fn render(tree: &Tree, path: &str, overlay: &Overlay, budget: &Budget) -> Result<Rendered, RenderError> {
    render_with(tree, &Remotes::default(), Manner::default(), path, overlay, budget)
}

/// How a build is made, whatever it is of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner<'a> {
    /// Who fetches what is remote; without it that is refused.
    pub remotes: Option<&'a dyn Fetch>,
    /// Note on each field who set it.
    pub provenance: bool,
    /// Tell which values were decrypted and stand in no Secret.
    pub reveals: bool,
}

/// Builds as [`render`], in a manner.
pub fn render_in(
    tree: &Tree,
    path: &str,
    overlay: &Overlay,
    manner: Manner<'_>,
    budget: &Budget,
) -> Result<Rendered, RenderError> {
    let build = |remotes: &Remotes| render_with(tree, remotes, manner, path, overlay, budget);
    let Some(by) = manner.remotes else { return build(&Remotes::refused()) };
    remote::resolved(Remotes::default(), build, RenderError::needs, |need| by.fetch(need, budget))
}

fn render_with(
    tree: &Tree,
    remotes: &Remotes,
    manner: Manner<'_>,
    path: &str,
    overlay: &Overlay,
    budget: &Budget,
) -> Result<Rendered, RenderError> {
    let asked = path;
    let path = tree::join("", path.trim_start_matches('/'))?;
    let (mut copy, trace) = tree.traced();
    let is_empty = generate::kustomization(&mut copy, &path, overlay, budget)?;
    let mut decryptor =
        overlay.decryption.as_ref().map(|decryption| Decryptor::new(decryption, tree, manner.reveals, budget));
    if let Some(decryptor) = &mut decryptor {
        decryptor.files(&mut copy, &path)?;
    }
    let options = weir_kustomize::Options {
        load_restrictor: weir_kustomize::LoadRestrictor::None,
        order: weir_kustomize::Order::None,
        provenance: manner.provenance,
        ..weir_kustomize::Options::default()
    };
    let mut objects = match is_empty {
        true => Vec::new(),
        false => weir_kustomize::build_with(&copy, remotes, &path, &options, budget)?.objects,
    };
    objects.retain(|object| meta::group_version(object).is_none_or(|(group, _)| group != "kustomize.config.k8s.io"));
    let (mut warnings, mut revealed) = (Vec::new(), Vec::new());
    let mut is_bound_to_files = remotes.is_empty();
    if let Some(mut decryptor) = decryptor {
        decryptor.objects(&mut objects)?;
        is_bound_to_files &= !decryptor.has_asked();
        warnings = decryptor.warnings;
        revealed = decryptor.revealed.unwrap_or_default();
    }
    for object in &objects {
        decrypt::check(object, &mut warnings)?;
    }
    if let Some(substitution) = &overlay.substitution {
        for object in &mut objects {
            substitute::object(object, substitution, budget)?;
        }
    }
    for object in &mut objects {
        for (key, value) in &overlay.labels {
            meta::set_label(object, key, value);
        }
        for (key, value) in &overlay.annotations {
            meta::set_annotation(object, key, value);
        }
    }
    let digest = format!("sha256:{}", hex(&Sha256::digest(weir_kustomize::to_yaml(&objects))));
    let closure = Closure::of(tree, &trace, asked, overlay, !is_bound_to_files);
    Ok(Rendered { objects, digest, closure, warnings, revealed })
}
