use crate::{CustomChecks, Tracker};
use futures::{StreamExt, stream};
use std::fmt;
use std::sync::Arc;
use weir_doc::Node;
use weir_kube::Session;
use weir_object::ObjectRef;
use weir_object::kstatus::{self, Status, Verdict};

/// The health of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub object: ObjectRef,
    pub verdict: Verdict,
}

impl Health {
    pub fn is_current(&self) -> bool {
        self.verdict.status == Status::Current
    }

    pub fn is_failed(&self) -> bool {
        self.verdict.status == Status::Failed
    }
}

/// `Deployment/apps/podinfo status: 'InProgress': Replicas: 0/1`.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} status: '{}'", self.object, self.verdict.status.as_str())?;
        if !self.is_current() && !self.verdict.message.is_empty() {
            write!(f, ": {}", self.verdict.message)?;
        }
        Ok(())
    }
}

/// Reads the objects, a few at a time, and assesses each. One that cannot be read is Unknown, with
/// the reason: it does not hide the others. What was seen is noted in the tracker, but for what the custom checks
/// say: that holds as long as they do.
pub async fn health(
    session: &Session,
    objects: &[ObjectRef],
    checks: &Arc<CustomChecks>,
    concurrency: usize,
    tracker: Option<&Arc<Tracker>>,
) -> Vec<Health> {
    let looks: Vec<_> = objects.iter().map(|object| look(session, object.clone(), checks, tracker)).collect();
    stream::iter(looks).buffered(concurrency.max(1)).collect().await
}

async fn look(
    session: &Session,
    object: ObjectRef,
    checks: &Arc<CustomChecks>,
    tracker: Option<&Arc<Tracker>>,
) -> Health {
    let since = tracker.and_then(|tracker| tracker.since(&object.id));
    let verdict = match session.get(&object).await {
        Ok(Some(node)) if checks.covers(&object.id.group, &object.id.kind) => {
            if let Some(tracker) = tracker {
                tracker.note_read(&object.id, &node);
            }
            judge(checks.clone(), node).await
        }
        Ok(Some(node)) => {
            let verdict = kstatus::assess(&node, std::time::SystemTime::now());
            if let Some(tracker) = tracker {
                tracker.note_health(&object.id, &node, since, &verdict);
                tracker.note_read(&object.id, &node);
            }
            verdict
        }
        Ok(None) => Verdict { status: Status::NotFound, message: "Resource not found".to_owned() },
        Err(error) => Verdict { status: Status::Unknown, message: error.to_string() },
    };
    Health { object, verdict }
}

/// Away from the async threads: an expression may take a while.
async fn judge(checks: Arc<CustomChecks>, node: Node) -> Verdict {
    let verdict = tokio::task::spawn_blocking(move || checks.assess(&node)).await;
    let nothing = || Verdict::new(Status::Unknown, "the health check expressions could not be evaluated");
    verdict.ok().flatten().unwrap_or_else(nothing)
}
