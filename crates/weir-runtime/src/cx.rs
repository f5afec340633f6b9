use crate::conditions;
use crate::events::Involved;
use crate::metrics::{Family, Metrics};
use crate::patch;
use crate::{Failure, Metadata, Recorder, Severity};
use kube::ResourceExt;
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;
use weir_api::{FluxObject, FluxStatus};
use weir_base::Budget;
use weir_doc::{Node, to_value};
use weir_kube::Session;
use weir_object::{ObjectId, ObjectRef};

/// One reconcile of one object: its working status, and the way to say something about it.
pub struct Cx<O: FluxObject> {
    pub(crate) session: Session,
    pub(crate) recorder: Recorder,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) object: O,
    pub(crate) written: Value,
    pub(crate) resource_version: String,
    /// The object as the server answered our last write: with what others changed meanwhile, which
    /// this pass does not work on and the next one must.
    pub(crate) latest: Option<O>,
    pub(crate) manager: &'static str,
    pub(crate) owned: &'static [&'static str],
    pub(crate) budget: Budget,
    pub(crate) started: Instant,
    /// The token of the request that this reconcile answers.
    pub(crate) requested_at: Option<String>,
}

/// Proof that the status was written before the first mutation.
#[must_use]
pub struct Checkpointed(());

impl<O: FluxObject> Cx<O> {
    /// The controller's own session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// When this reconcile began.
    pub fn started(&self) -> Instant {
        self.started
    }

    pub fn status(&self) -> Option<&O::Status> {
        self.object.status()
    }

    /// The status that will be written.
    pub fn status_mut(&mut self) -> &mut O::Status {
        self.object.status_mut()
    }

    pub fn requested_at(&self) -> Option<&str> {
        self.requested_at.as_deref()
    }

    /// Sets one of the reconciler's own conditions.
    pub fn condition(&mut self, kind: &str, status: &str, reason: &str, message: &str) {
        let generation = self.object.meta().generation;
        let now = jiff::Timestamp::now();
        conditions::set(self.status_mut().conditions_mut(), kind, status, (reason, message), generation, now);
    }

    pub fn remove_condition(&mut self, kind: &str) {
        conditions::remove(self.status_mut().conditions_mut(), kind);
    }

    /// Says what the reconcile is doing: Reconciling is True and Ready Unknown, until its end.
    pub fn progress(&mut self, reason: &str, message: &str) {
        self.remove_condition(conditions::STALLED);
        self.condition(conditions::RECONCILING, "True", reason, message);
        self.condition(conditions::READY, "Unknown", reason, message);
    }

    /// Writes the working status now. To be called before the first mutation, with the inventory as
    /// old and planned together, so that a crash loses no object.
    pub async fn checkpoint(&mut self) -> Result<Checkpointed, Failure> {
        self.write().await.map(Checkpointed)
    }

    /// An event about this object.
    pub fn event(&self, severity: Severity, reason: &str, message: &str, metadata: &Metadata) {
        self.recorder.send(&self.involved(), severity, reason, message, metadata);
    }

    /// Counts something that happened to this object.
    pub fn count(&self, family: &Family) {
        let ObjectId { kind, namespace, name, .. } = self.object_ref().id;
        self.metrics.add(family, &[("kind", &kind), ("name", &name), ("namespace", &namespace)], 1.0);
    }

    pub fn object_ref(&self) -> ObjectRef {
        object_ref(&self.object)
    }

    pub(crate) async fn write(&mut self) -> Result<(), Failure> {
        let after = serde_json::to_value(self.object.status_mut())
            .map_err(|error| Failure::transient("PatchOperationFailed", error.to_string()))?;
        let result = patch::write(
            &self.session,
            &self.object_ref(),
            self.manager,
            &self.resource_version,
            (&self.written, &after),
            self.owned,
        )
        .await;
        match result {
            Ok(Some(node)) => {
                self.answered(&node);
                self.written = after;
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => {
                Err(Failure::transient("PatchOperationFailed", format!("the status was not written: {error}")))
            }
        }
    }

    /// Notes the server's answer to a write.
    pub(crate) fn answered(&mut self, node: &Node) {
        if let Some(version) = weir_object::meta::resource_version(node) {
            self.resource_version = version.to_owned();
        }
        self.object.meta_mut().resource_version = Some(self.resource_version.clone());
        self.latest = serde_json::from_value::<O>(to_value(node)).ok().map(|mut latest| {
            latest.meta_mut().managed_fields = None;
            latest
        });
    }

    fn involved(&self) -> Involved {
        Involved { resource_version: self.resource_version.clone(), ..Involved::of(&self.object) }
    }
}

pub(crate) fn object_ref<O: FluxObject>(object: &O) -> ObjectRef {
    ObjectRef {
        id: ObjectId {
            group: O::group(&()).into_owned(),
            kind: O::KIND.to_owned(),
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        },
        version: O::version(&()).into_owned(),
    }
}
