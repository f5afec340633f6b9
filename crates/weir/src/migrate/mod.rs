//! `weir migrate`: from Flux's controllers to weir's, and back.
//!
//! Plan -> question -> swap -> pass. The definitions, inventories, field managers and rights stay as they are; what changes is
//! the program of each controller's Deployment ([`swap`]), in the repository where one applies the controllers
//! ([`repository`]), else on the cluster ([`direct`]). Then every object is reconciled once ([`follow`]), which changes nothing
//! but the sources' artifacts.

mod back;
mod direct;
mod follow;
mod narrow;
mod plan;
mod repository;
mod stale;
mod state;
mod swap;

use crate::controllers::Role;
use crate::error::CliError;
use crate::objects::{Cluster, Say, ended, live};
use crate::output::Output;
use crate::sops::Keys;
use plan::Plan;
use repository::Checkout;
use state::State;
use std::path::PathBuf;
use std::process::ExitCode;
use weir_kube::Session;

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Whose {
    Flux,
    Weir,
}

/// Put weir in the place of Flux's controllers, or Flux's back in the place of weir's.
#[derive(clap::Parser)]
pub struct Migrate {
    /// Whose controllers run now.
    #[arg(long, value_enum, value_name = "PROGRAM", required_unless_present = "to")]
    from: Option<Whose>,
    /// Whose shall run.
    #[arg(long, value_enum, value_name = "PROGRAM")]
    to: Option<Whose>,
    /// A clone of the repository that the cluster was bootstrapped from.
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
    /// Image of weir. None is published yet: build it with the Dockerfile of the repository.
    #[arg(long, default_value = crate::install::IMAGE, value_name = "IMAGE")]
    image: String,
    /// Take over what can be, and leave the other controllers to Flux.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    partial: bool,
    /// The changed file is pushed: wait until it is applied, and go on.
    #[arg(long = "continue", requires = "path", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    goes_on: bool,
    /// On the way back, take out of the objects what Flux does not know.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    drop_additions: bool,
    /// Only say what would be done.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    dry_run: bool,
    /// Do not ask.
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    silent: bool,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    cluster: Cluster,
}

pub async fn run(args: Migrate, output: &Output) -> Result<ExitCode, CliError> {
    let say = Say(output);
    Ok(ended(migrate(&args, &say).await, &say))
}

async fn migrate(args: &Migrate, say: &Say<'_>) -> Result<(), CliError> {
    let to_weir = match (args.from, args.to) {
        (Some(Whose::Flux), None | Some(Whose::Weir)) | (None, Some(Whose::Weir)) => true,
        (None | Some(Whose::Weir), Some(Whose::Flux)) => false,
        _ => return Err(CliError::new("write --from flux, or --to flux")),
    };
    let session = args.cluster.connect().await?;
    say.action(&format!("looking at the controllers in {} namespace", args.cluster.namespace));
    let state = args.cluster.within(State::gather(&session, &args.cluster.namespace)).await?;
    let work = Work { args, session: &session, state: &state, say };
    if to_weir { work.to_weir().await } else { work.to_flux().await }
}

struct Work<'w> {
    args: &'w Migrate,
    session: &'w Session,
    state: &'w State,
    say: &'w Say<'w>,
}

impl Work<'_> {
    async fn to_weir(&self) -> Result<(), CliError> {
        let (state, say) = (self.state, self.say);
        let obstacles = state.obstacles();
        obstacles.iter().for_each(|one| say.failure(one));
        if !obstacles.is_empty() {
            return Err(CliError::new("the migration cannot begin"));
        }
        let plan = Plan::of(state);
        plan.say(state, say);
        plan.check(self.args.partial)?;
        if let Some(clone) = self.args.path.as_ref().filter(|_| !self.args.goes_on) {
            stale::say(clone, &self.args.keys, say)?;
        }
        if !self.args.goes_on {
            narrow::say(state, say)?;
        }
        let roles = [plan.taken.clone(), plan.done.clone()].concat();
        match &state.bootstrap {
            Some(owner) => {
                let Some(checkout) = self.checkout(owner)? else { return Ok(()) };
                if self.args.goes_on {
                    return self.follow(&checkout, &roles, true).await;
                }
                let mut manifests = checkout.manifests()?;
                for role in &roles {
                    let deployment = checkout.deployment(&manifests, *role)?;
                    if !crate::controllers::is_ours(&deployment) {
                        manifests.replace_deployment(*role, swap::to_weir(&deployment, *role, &self.args.image)?);
                    }
                    for object in swap::rights(*role, &state.namespace)? {
                        manifests.add(object)?;
                    }
                }
                checkout.check(&manifests.text(), &roles, Some(&self.args.image), say)?;
                self.put(&checkout, &manifests.text(), &roles, true)
            }
            None if self.args.goes_on => Err(self.not_bootstrapped()),
            None => {
                self.announce(&plan.taken, "weir");
                if !self.confirmed("Are you sure you want to replace Flux's controllers")? {
                    return Ok(());
                }
                let work = async {
                    for role in &plan.taken {
                        direct::add(self.session, &swap::rights(*role, &state.namespace)?).await?;
                        if let Some(controller) = state.of(*role) {
                            let wanted = swap::to_weir(&controller.deployment, *role, &self.args.image)?;
                            direct::patch(self.session, &controller.deployment, &wanted).await?;
                        }
                    }
                    self.passes(&roles, true).await
                };
                self.args.cluster.within(work).await
            }
        }
    }

    async fn to_flux(&self) -> Result<(), CliError> {
        let (state, say) = (self.state, self.say);
        let all = state.controllers.iter().filter_map(|one| Some((one.role?, one)));
        let ours: Vec<Role> = all.filter(|(_, one)| one.is_weir()).map(|(role, _)| role).collect();
        if self.args.goes_on
            && let Some(owner) = &state.bootstrap
        {
            let Some(checkout) = self.checkout(owner)? else { return Ok(()) };
            return self.follow(&checkout, &[Role::Source, Role::Kustomize], false).await;
        }
        if ours.is_empty() {
            return Err(CliError::new(format!("no controller in the '{}' namespace is weir's", state.namespace)));
        }
        if back::say_additions(state, say) > 0 && !self.args.drop_additions {
            return Err(CliError::new(
                "what Flux does not know is in use: change the objects, or have it taken out with --drop-additions",
            ));
        }
        match &state.bootstrap {
            Some(owner) => {
                let Some(checkout) = self.checkout(owner)? else { return Ok(()) };
                let mut manifests = checkout.manifests()?;
                for role in &ours {
                    let deployment = checkout.deployment(&manifests, *role)?;
                    if crate::controllers::is_ours(&deployment) {
                        manifests.replace_deployment(*role, self.as_flux(&deployment, *role)?);
                    }
                }
                manifests.remove_added();
                checkout.check(&manifests.text(), &ours, None, say)?;
                self.put(&checkout, &manifests.text(), &ours, false)?;
                if self.args.dry_run {
                    return Ok(());
                }
                self.args.cluster.within(self.cleaned()).await
            }
            None if self.args.goes_on => Err(self.not_bootstrapped()),
            None => {
                let mut wanted = Vec::new();
                for controller in state.controllers.iter().filter(|one| one.is_weir()) {
                    let Some(role) = controller.role else { continue };
                    wanted.push((role, controller, self.as_flux(&controller.deployment, role)?));
                }
                self.announce(&ours, "Flux");
                if !self.confirmed("Are you sure you want to put Flux's controllers back")? {
                    return Ok(());
                }
                let work = async {
                    self.cleaned().await?;
                    for (role, controller, wanted) in &wanted {
                        direct::patch(self.session, &controller.deployment, wanted).await?;
                        direct::remove(self.session, &swap::rights(*role, &state.namespace)?).await?;
                    }
                    self.passes(&ours, false).await
                };
                self.args.cluster.within(work).await
            }
        }
    }

    /// The Deployment as Flux had it; flags that Flux does not know are said.
    fn as_flux(&self, deployment: &weir_doc::Node, role: Role) -> Result<weir_doc::Node, CliError> {
        let (flux, dropped) = swap::to_flux(deployment, role)?;
        if !dropped.is_empty() {
            let told = format!("Deployment {}: Flux does not know {}", role.controller(), dropped.join(", "));
            self.say.warning(&told);
            if !self.args.drop_additions {
                return Err(CliError::new(format!(
                    "{told}: take the flags out, or have it done with --drop-additions"
                )));
            }
        }
        Ok(flux)
    }

    /// Takes out of the objects what Flux cannot have.
    async fn cleaned(&self) -> Result<(), CliError> {
        if self.args.drop_additions {
            back::drop_additions(self.session, self.state, self.say).await?;
        }
        let rewritten = back::serve_managers(self.session, self.state).await?;
        if rewritten > 0 {
            self.say.success(&format!("the field managers of {rewritten} objects have versions that Flux serves"));
        }
        Ok(())
    }

    /// The clone; none for a dry run without one, which has said what it can.
    fn checkout<'k>(&self, owner: &'k weir_api::Kustomization) -> Result<Option<Checkout<'k>>, CliError> {
        let told = format!(
            "the controllers are applied by {} from {}",
            live::id(owner),
            owner.spec.path.as_deref().unwrap_or("./")
        );
        self.say.success(&told);
        match &self.args.path {
            Some(clone) => Checkout::open(clone, owner).map(Some),
            None if self.args.dry_run => {
                self.say.warning("--path names a clone of its repository: the change is one of a file in it");
                Ok(None)
            }
            None => Err(CliError::new(format!(
                "{told}, and would be put back from there: name a clone of its repository with --path"
            ))),
        }
    }

    /// Writes the file, and says what is to be done with it.
    fn put(&self, checkout: &Checkout, text: &str, roles: &[Role], by_weir: bool) -> Result<(), CliError> {
        let (say, program) = (self.say, if by_weir { "weir" } else { "Flux" });
        let direction = if by_weir { "--from flux" } else { "--to flux" };
        let clone = checkout.clone_folder().display().to_string();
        if checkout.is_done(roles, by_weir)? {
            say.success(&format!("{} has {program}'s controllers already", checkout.file()));
        } else {
            self.announce(roles, program);
            say.action(&format!("{} would be changed, and nothing leaves it", checkout.file()));
            if !self.confirmed(&format!("Are you sure you want to write {}", checkout.file()))? {
                return Ok(());
            }
            checkout.write(text)?;
            say.success(&format!("{} is written", checkout.file()));
        }
        say.action(&format!(
            "commit it and push: git -C {clone} commit -am 'Run the controllers of {program}' && git -C {clone} push"
        ));
        say.action(&format!("then: weir migrate {direction} --path {clone} --continue"));
        Ok(())
    }

    /// Waits for the pushed commit, the controllers and a pass of everything.
    async fn follow(&self, checkout: &Checkout<'_>, roles: &[Role], by_weir: bool) -> Result<(), CliError> {
        if !checkout.is_done(roles, by_weir)? {
            return Err(CliError::new(format!(
                "{} is not changed yet: run the command without --continue, commit and push",
                checkout.file()
            )));
        }
        let Some(owner) = &self.state.bootstrap else { return Err(self.not_bootstrapped()) };
        let commit = checkout.head()?;
        let work = async {
            follow::revision(self.session, owner, &commit, self.say).await?;
            self.passes(roles, by_weir).await
        };
        self.args.cluster.within(work).await
    }

    async fn passes(&self, roles: &[Role], by_weir: bool) -> Result<(), CliError> {
        follow::rollout(self.session, &self.state.namespace, roles, by_weir, self.say).await?;
        follow::passes(self.session, self.state, roles, self.say).await?;
        self.say.success("migration finished");
        Ok(())
    }

    fn announce(&self, roles: &[Role], program: &str) {
        for role in roles {
            self.say.action(&format!("Deployment {} would run {program}'s program", role.controller()));
        }
    }

    /// Whether to go on. A dry run ends here.
    fn confirmed(&self, question: &str) -> Result<bool, CliError> {
        if self.args.dry_run {
            self.say.success("nothing was changed (dry run)");
            return Ok(false);
        }
        if !self.args.silent && !self.say.confirmed(question) {
            return Err(CliError::new("aborting (--silent does not ask, --dry-run only says what would be done)"));
        }
        Ok(true)
    }

    fn not_bootstrapped(&self) -> CliError {
        CliError::new(
            "no Kustomization applies the controllers, so that there is no commit to wait for (leave --continue out)",
        )
    }
}
