//! The services that keep keys: asked during a build for the parts of data keys that nothing else opens.

use std::collections::{HashMap, HashSet};
use weir_base::Budget;
use weir_sops::{DataKey, File, KeyRef, Keyring, MasterKey, Resolved, Unmet};
use zeroize::Zeroizing;

/// A file is asked for in at most so many rounds: one for each key of its largest group, if all but the last refuse.
const ROUNDS: usize = 32;

/// Asks services for the parts of data keys that they encrypted. It is called away from the async threads.
pub trait KeyServices: Send + Sync {
    /// One answer for each key, in their order. What is said of a failure is shown, and holds no secret.
    fn open(&self, keys: &[&MasterKey]) -> Vec<Result<Zeroizing<Vec<u8>>, String>>;

    /// Who asks, without a secret: another's answers may be others.
    fn identity(&self) -> String;
}

impl std::fmt::Debug for dyn KeyServices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.identity())
    }
}

/// What services answered in one build; each is asked once for the same.
#[derive(Default)]
pub(crate) struct Answers(HashMap<String, Result<Zeroizing<Vec<u8>>, String>>);

impl Answers {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The data key of a file, from the keys that are held, else from services: one key of each group at a time, since one
    /// opens it.
    pub fn data_key(
        &mut self,
        file: &File,
        keyring: &Keyring,
        services: Option<&dyn KeyServices>,
        budget: &Budget,
    ) -> Result<DataKey, Unmet> {
        let mut rounds = 0;
        loop {
            match (file.data_key(keyring, &self.resolved(file), budget), services) {
                (Err(unmet), Some(services)) if !unmet.ask().is_empty() && rounds < ROUNDS => {
                    self.ask(services, &first_of_each(file, unmet.ask()));
                    rounds += 1;
                }
                (answer, _) => return answer,
            }
        }
    }

    /// Asks at once for what files need that none of the keys opens that are held: one after the other it would take as
    /// many times as long.
    pub fn ask_for(&mut self, files: &[File], keyring: &Keyring, services: &dyn KeyServices, budget: &Budget) {
        let mut keys = Vec::new();
        for file in files {
            if let Err(unmet) = file.data_key(keyring, &self.resolved(file), budget) {
                keys.extend(first_of_each(file, unmet.ask()));
            }
        }
        self.ask(services, &keys);
    }

    fn ask(&mut self, services: &dyn KeyServices, keys: &[&MasterKey]) {
        let mut wanted: Vec<&MasterKey> = keys.iter().copied().filter(|key| !self.0.contains_key(&id(key))).collect();
        wanted.sort_by_key(|key| id(key));
        wanted.dedup();
        if wanted.is_empty() {
            return;
        }
        for (key, answer) in wanted.iter().zip(services.open(&wanted)) {
            self.0.insert(id(key), answer);
        }
    }

    /// The answers that are about a file.
    fn resolved(&self, file: &File) -> Resolved {
        let mut resolved = Resolved::new();
        for (group, keys) in file.groups().iter().enumerate() {
            for (at, key) in keys.iter().enumerate().filter(|(_, key)| key.is_remote()) {
                let reference = KeyRef { group, key: at };
                match self.0.get(&id(key)) {
                    Some(Ok(part)) => resolved.answered(reference, part.clone()),
                    Some(Err(why)) => resolved.failed(reference, why),
                    None => {}
                }
            }
        }
        resolved
    }
}

/// What tells a key of a service from others, and what it encrypted.
fn id(key: &MasterKey) -> String {
    format!("{} {}", key.name(), key.enc())
}

/// The first key of each group among those that may be asked for.
fn first_of_each<'f>(file: &'f File, ask: &[KeyRef]) -> Vec<&'f MasterKey> {
    let mut groups = HashSet::new();
    let first = ask.iter().filter(|key| groups.insert(key.group));
    first.filter_map(|key| file.groups().get(key.group)?.get(key.key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decryption, Manner, Overlay, render_in};
    use std::sync::{Arc, Mutex};
    use weir_base::{Diagnose, Tree};
    use weir_sops::{Format, Plan, World};

    /// Knows one key; notes how many were asked for at a time.
    struct Service(Mutex<Vec<usize>>);

    impl KeyServices for Service {
        fn open(&self, keys: &[&MasterKey]) -> Vec<Result<Zeroizing<Vec<u8>>, String>> {
            self.0.lock().expect("nobody panics").push(keys.len());
            let answer = |key: &&MasterKey| match key.name().contains("known") {
                true => Ok(Zeroizing::new(vec![7; 32])),
                false => Err("AccessDenied: no kms:Decrypt".to_owned()),
            };
            keys.iter().map(answer).collect()
        }

        fn identity(&self) -> String {
            "test".to_owned()
        }
    }

    #[test]
    fn what_is_decrypted_outside_of_secrets_is_told() {
        let mut tree = Tree::new();
        let secret = secret("a", "arn:aws:kms:eu-west-1:1:key/known");
        tree.insert("secret.yaml", secret.clone().into_bytes()).expect("a good path");
        tree.insert("patch.yaml", secret.into_bytes()).expect("a good path");
        let kustomization = "resources: [secret.yaml]\npatches: [{path: patch.yaml, target: {kind: Secret}}]\n";
        tree.insert("kustomization.yaml", kustomization.as_bytes().to_vec()).expect("a good path");
        let services: Option<Arc<dyn KeyServices>> = Some(Arc::new(Service(Mutex::default())));
        let decryption = Some(Decryption::Keys { keyring: Arc::default(), services, enforce_mac: false });
        let overlay = Overlay { decryption, ..Overlay::default() };
        let build = |reveals| {
            let manner = Manner { reveals, ..Manner::default() };
            render_in(&tree, "", &overlay, manner, &Budget::standard()).map(|rendered| rendered.revealed)
        };
        // apiVersion, kind and name are encrypted as well, since no rule says otherwise.
        let revealed = build(true).expect("is decrypted");
        assert!(revealed.contains(&"one".to_owned()), "{revealed:?}");
        assert_eq!(build(false).expect("is decrypted"), Vec::<String>::new());
    }

    /// A Secret whose data key, 32 sevens, is encrypted by a key of a service.
    fn secret(name: &str, arn: &str) -> String {
        let recipient = "age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm";
        let plan = Plan { groups: vec![vec![MasterKey::age(recipient)]], ..Plan::default() };
        let text = format!("apiVersion: v1\nkind: Secret\nmetadata:\n    name: {name}\nstringData:\n    a: one\n");
        let mut world = World { random: &mut |bytes: &mut [u8]| bytes.fill(7), now: 1_700_000_000 };
        let budget = Budget::standard();
        let sealed =
            weir_sops::encrypt(text.as_bytes(), Format::Yaml, name, &plan, &Keyring::new(), &mut world, &budget);
        let sealed = String::from_utf8(sealed.expect("is encrypted")).expect("is text");
        let from = sealed.find("    age:\n").expect("has the recipient");
        let to = sealed.find("    lastmodified:").expect("has a time");
        let key = format!(
            "    kms:\n        - arn: {arn}\n          created_at: \"2026-01-01T00:00:00Z\"\n          enc: {name}\n"
        );
        format!("{}{key}{}", &sealed[..from], &sealed[to..])
    }

    #[test]
    fn services_are_asked_at_once_and_each_time() {
        let mut tree = Tree::new();
        for name in ["a", "b", "c"] {
            let arn = format!("arn:aws:kms:eu-west-1:1:key/known-{name}");
            tree.insert(&format!("{name}.yaml"), secret(name, &arn).into_bytes()).expect("a good path");
        }
        let service = Arc::new(Service(Mutex::default()));
        let keys = |services: Option<Arc<dyn KeyServices>>| Overlay {
            decryption: Some(Decryption::Keys { keyring: Arc::default(), services, enforce_mac: true }),
            ..Overlay::default()
        };
        let overlay = keys(Some(service.clone()));
        let build =
            |tree: &Tree, overlay: &Overlay| render_in(tree, "", overlay, Manner::default(), &Budget::standard());
        let rendered = build(&tree, &overlay).expect("is decrypted");
        let plain: Vec<_> = rendered.objects.iter().filter_map(|object| object.str_at(&["stringData", "a"])).collect();
        assert_eq!(plain, ["one"; 3]);
        assert_eq!(*service.0.lock().expect("nobody panics"), [3]);
        assert!(!rendered.closure.holds(&tree, "", &overlay), "a right may have been revoked");

        tree.insert("c.yaml", secret("c", "arn:aws:kms:eu-west-1:1:key/other").into_bytes()).expect("a good path");
        let error = build(&tree, &overlay).expect_err("is refused").report().to_string();
        assert!(error.contains("key/other (AccessDenied: no kms:Decrypt)"), "{error}");
        let error = build(&tree, &keys(None)).expect_err("is not asked").report().to_string();
        assert!(error.contains("the service was not asked"), "{error}");
    }
}
