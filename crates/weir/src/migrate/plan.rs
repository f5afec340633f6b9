//! What would be done, and what stands against it: decided from the state alone.

use super::state::State;
use crate::controllers::Role;
use crate::error::CliError;
use crate::objects::Say;

/// Examples of a list that are shown.
const SHOWN: usize = 5;

pub struct Plan {
    /// Whose Deployments change.
    pub taken: Vec<Role>,
    /// Which stay with Flux although objects need them, and why.
    pub left: Vec<(Role, Vec<String>)>,
    /// Which stay with Flux and have nothing to do.
    pub idle: Vec<Role>,
    /// Which are weir's already.
    pub done: Vec<Role>,
}

impl Plan {
    pub fn of(state: &State) -> Self {
        let mut plan = Self { taken: Vec::new(), left: Vec::new(), idle: Vec::new(), done: Vec::new() };
        for controller in &state.controllers {
            let Some(role) = controller.role else { continue };
            if controller.is_weir() {
                plan.done.push(role);
                continue;
            }
            let unserved = state.unserved(role);
            match (role.is_implemented(), unserved.is_empty()) {
                (true, true) => plan.taken.push(role),
                (false, true) => plan.idle.push(role),
                (_, false) => plan.left.push((role, unserved)),
            }
        }
        plan
    }

    pub fn say(&self, state: &State, say: &Say<'_>) {
        for role in &self.done {
            say.success(&format!("{} is weir's already", role.controller()));
        }
        for role in &self.taken {
            let count = state.objects_of(*role).count();
            say.success(&format!("{} can be taken over: {count} objects", role.controller()));
        }
        for role in &self.idle {
            say.warning(&format!("{} stays with Flux: weir has none yet; it has no objects here", role.controller()));
        }
        for (role, why) in &self.left {
            say.warning(&format!("{} stays with Flux: {}", role.controller(), shown(why)));
        }
    }

    /// Whether it may be done.
    pub fn check(&self, is_partial: bool) -> Result<(), CliError> {
        if self.taken.is_empty() && self.done.is_empty() {
            return Err(CliError::new(
                "there is nothing that weir can take over: what stands against it is said above",
            ));
        }
        if !self.left.is_empty() && !is_partial {
            let names: Vec<&str> = self.left.iter().map(|(role, _)| role.controller()).collect();
            return Err(CliError::new(format!(
                "{} would stay with Flux beside weir's controllers (--partial takes over the rest)",
                names.join(", ")
            )));
        }
        Ok(())
    }
}

/// The first of a list, and how many more there are.
pub fn shown(all: &[String]) -> String {
    let mut text = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    if all.len() > SHOWN {
        text.push_str(&format!("; and {} more", all.len() - SHOWN));
    }
    text
}
