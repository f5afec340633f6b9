//! Health by expressions, for kinds whose status kstatus cannot read: `spec.healthCheckExprs`.

use std::collections::HashMap;
use std::fmt;
use weir_base::{Budget, Class, Diagnose};
use weir_cel::{CelError, Program, Variables};
use weir_doc::{Node, Number, Value};
use weir_object::kstatus::{Status, Verdict};
use weir_object::{GroupKind, meta};

/// What one expression may take.
const STEPS: u64 = 1_000_000;
const BYTES: u64 = 16 << 20;

/// The expressions of one group and kind, as they stand in a spec.
#[derive(Clone, Copy, Debug)]
pub struct Expressions<'s> {
    pub in_progress: Option<&'s str>,
    pub failed: Option<&'s str>,
    pub current: &'s str,
}

/// Who says how an object is: by group and kind, else for a group as a whole.
#[derive(Debug, Default)]
pub struct CustomChecks(HashMap<GroupKind, Check>);

#[derive(Debug)]
struct Check {
    /// In the order in which they are looked at.
    programs: Vec<(Status, Program)>,
}

/// An entry that cannot be used, by its place in the list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustomCheckError {
    #[error("healthCheckExprs[{at}] is the second for {}", Shown(kind))]
    Duplicate { at: usize, kind: GroupKind },
    #[error("healthCheckExprs[{at}] has no expression 'current'")]
    NoCurrent { at: usize },
    #[error("healthCheckExprs[{at}].{field}: {cause}")]
    Expression { at: usize, field: &'static str, cause: CelError },
}

impl Diagnose for CustomCheckError {
    fn class(&self) -> Class {
        Class::Stalled
    }

    fn reason(&self) -> &'static str {
        "InvalidCELExpression"
    }

    fn remedy(&self) -> Option<String> {
        match self {
            CustomCheckError::Duplicate { .. } => {
                Some("keep one of them; the version in apiVersion plays no part".to_owned())
            }
            CustomCheckError::NoCurrent { .. } => None,
            CustomCheckError::Expression { cause, .. } => cause.remedy(),
        }
    }
}

struct Shown<'k>(&'k GroupKind);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.kind.as_str(), self.0.group.as_str()) {
            ("", "") => f.write_str("the core group"),
            ("", group) => write!(f, "the group {group}"),
            (kind, "") => f.write_str(kind),
            (kind, group) => write!(f, "{kind}.{group}"),
        }
    }
}

impl CustomChecks {
    /// Adds the entry at a place of the list. Without a kind it is for all kinds of the group.
    pub fn add(
        &mut self,
        at: usize,
        api_version: &str,
        kind: Option<&str>,
        expressions: Expressions<'_>,
    ) -> Result<(), CustomCheckError> {
        // Like Go's parser of versions: what has more than one slash names no group.
        let group = match api_version.split_once('/') {
            Some((group, version)) if !version.contains('/') => group,
            _ => "",
        };
        let kind = GroupKind { group: group.to_owned(), kind: kind.unwrap_or_default().to_owned() };
        if self.0.contains_key(&kind) {
            return Err(CustomCheckError::Duplicate { at, kind });
        }
        if expressions.current.is_empty() {
            return Err(CustomCheckError::NoCurrent { at });
        }
        let all = [
            ("inProgress", Status::InProgress, expressions.in_progress),
            ("failed", Status::Failed, expressions.failed),
            ("current", Status::Current, Some(expressions.current)),
        ];
        let mut programs = Vec::new();
        for (field, status, text) in all {
            let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
            let program = Program::parse(text).map_err(|cause| CustomCheckError::Expression { at, field, cause })?;
            programs.push((status, program));
        }
        self.0.insert(kind, Check { programs });
        Ok(())
    }

    /// Whether the health of these objects is up to an expression.
    pub fn covers(&self, group: &str, kind: &str) -> bool {
        self.of(group, kind).is_some()
    }

    fn of(&self, group: &str, kind: &str) -> Option<&Check> {
        if self.0.is_empty() {
            return None;
        }
        let key = |kind: &str| GroupKind { group: group.to_owned(), kind: kind.to_owned() };
        self.0.get(&key(kind)).or_else(|| self.0.get(&key("")))
    }

    /// The verdict on a live object; `None` when its kind has no expressions. An expression that has no value makes
    /// it Unknown.
    pub fn assess(&self, node: &Node) -> Option<Verdict> {
        let (group, _) = meta::group_version(node)?;
        let check = self.of(group, meta::kind(node))?;
        let (generation, observed) =
            (int(node, &["metadata", "generation"]), int(node, &["status", "observedGeneration"]));
        if let (Some(generation), Some(observed)) = (generation, observed)
            && generation != observed
        {
            let message = format!("generation is {generation}, observed is {observed}");
            return Some(Verdict::new(Status::InProgress, message));
        }
        let variables = Variables::fields_of(node);
        for (status, program) in &check.programs {
            match program.eval_bool(&variables, &Budget::new(STEPS, BYTES)) {
                Ok(true) => return Some(Verdict::new(*status, "")),
                Ok(false) => {}
                Err(error) => {
                    let message = format!("'{}': {}", program.text(), error.report());
                    return Some(Verdict::new(Status::Unknown, message));
                }
            }
        }
        Some(Verdict::new(Status::InProgress, "no health check expression is true"))
    }
}

/// A whole number; one that is written as a string or with a fraction is none to Kubernetes.
fn int(node: &Node, path: &[&str]) -> Option<i64> {
    match node.path(path)?.value {
        Value::Number(Number::Int(number)) => Some(number),
        _ => None,
    }
}

/// A `readyExpr` that was compiled.
#[derive(Debug)]
pub struct ReadyExpression(Program);

impl ReadyExpression {
    /// Only `self` and `dep` are declared, and it has to be of type bool.
    pub fn new(text: &str) -> Result<Self, CelError> {
        let program = Program::parse(text)?;
        program.check(&["self", "dep"])?;
        Ok(Self(program))
    }

    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// Whether a dependency is ready for whoever depends on it.
    pub fn is_true(&self, own: &Node, dependency: &Node) -> Result<bool, CelError> {
        let variables = Variables::new().with("self", own).with("dep", dependency);
        self.0.eval_bool(&variables, &Budget::new(STEPS, BYTES))
    }
}
