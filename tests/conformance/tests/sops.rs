//! What the real sops encrypts, decrypted to the same bytes; `cargo xtask conformance --rerun` makes files anew.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use weir_base::{Budget, Diagnose};
use weir_conformance::sops::{Case, cases, dice, key_file, keyring, recipients};
use weir_doc::{Dialect, Node, yaml};
use weir_sops::{File, Format, Keyring, Mac, Plan, Resolved, World, encrypt};

fn case(name: &str) -> Case {
    cases().unwrap().into_iter().find(|case| case.name == name).expect("a case")
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What a reader sees of a failure.
fn failure(case: &Case, text: &[u8], held: &[&str]) -> String {
    let budget = Budget::standard();
    let file = match File::parse(text, case.format(), "f", &budget) {
        Ok(file) => file.expect("it has metadata"),
        Err(error) => return error.report().to_string(),
    };
    match file.data_key(&keyring(&names(held)).unwrap(), &Resolved::new(), &budget) {
        Err(unmet) => unmet.report().to_string(),
        Ok(key) => file.decrypt(&key, &budget).expect_err("it should not decrypt").report().to_string(),
    }
}

#[test]
fn files_decrypt_to_the_bytes_of_the_original() {
    let cases = cases().unwrap();
    assert!(cases.len() >= 150, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let expected = std::fs::read(case.expected()).unwrap();
        match case.decrypt(&std::fs::read(case.file()).unwrap()) {
            Err(error) => wrong.push(format!("{}: {error}", case.name)),
            Ok(plain) => {
                let mac = if plain.mac == Mac::Valid { "valid" } else { "mismatch" };
                if *plain.text != expected || mac != case.mac {
                    let found = String::from_utf8_lossy(&plain.text).into_owned();
                    let diff = weir_conformance::diff(&String::from_utf8_lossy(&expected), &found);
                    wrong.push(format!("{} ({mac} MAC):\n{diff}", case.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn what_we_encrypt_decrypts_to_the_same() {
    let budget = Budget::standard();
    for (at, case) in cases().unwrap().iter().enumerate().filter(|(_, case)| case.version.is_empty()) {
        let mut random = dice(at as u64 + 1);
        let mut world = World { random: &mut random, now: 1_700_000_000 };
        let plain = std::fs::read(case.plain()).unwrap();
        let keys = keyring(&[]).unwrap();
        let made = encrypt(&plain, case.format(), &case.name, &case.plan().unwrap(), &keys, &mut world, &budget);
        let found = case.decrypt(&made.unwrap_or_else(|error| panic!("{}: {error}", case.name))).unwrap();
        assert_eq!(*found.text, std::fs::read(case.expected()).unwrap(), "{}", case.name);
    }
}

#[test]
fn a_failure_names_what_is_wanted_and_what_is_held() {
    let one = case("key-age-b-secret-yaml");
    let text = std::fs::read(one.file()).unwrap();
    let wanted = weir_conformance::sops::recipient("age-b").unwrap();
    let held = weir_conformance::sops::recipient("age-a").unwrap();
    let line = String::from_utf8_lossy(&text).lines().position(|line| line == "sops:").unwrap() + 1;
    assert_eq!(
        failure(&one, &text, &["age-a"]),
        format!(
            "f:{line}: cannot get the data key: it wants any of {wanted} (no held key fits); held are {held} \
             (add the private key of one of them, or encrypt the file to a key that is held)"
        )
    );
    assert!(failure(&one, &text, &[]).contains("; no private key is held ("));

    let many = case("shamir-2of3-secret-yaml");
    let found = failure(&many, &std::fs::read(many.file()).unwrap(), &["age-b"]);
    assert!(found.contains("1 of 3 key groups open, 2 are needed; group 1 wants any of "), "{found}");
    assert!(
        found.contains(&format!("; group 3 wants any of {}", recipients(&["age-c"]).unwrap()[0].name())),
        "{found}"
    );

    let pgp = case("key-pgp-ecc-secret-yaml");
    let found = failure(&pgp, &std::fs::read(pgp.file()).unwrap(), &["pgp-rsa"]);
    assert!(
        found.contains("any of 8B460A4BAED6D5683B3E6138390F94C4895461E4 (no held key fits); held are D726F956"),
        "{found}"
    );
}

#[test]
fn a_file_that_was_cut_or_changed_is_found() {
    let one = case("opt-encrypted-regex-secret-yaml");
    let text = String::from_utf8(std::fs::read(one.file()).unwrap()).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    // Values that are not encrypted, their order and their keys are covered by the MAC only.
    for (from, to) in [("name: db", "name: dc"), ("app: db", "app: dc")] {
        assert_eq!(one.decrypt(changed(from, to).as_bytes()).unwrap().mac, Mac::Mismatch, "{from}");
    }
    let without: String =
        text.lines().filter(|line| !line.contains(" mac: ")).map(|line| format!("{line}\n")).collect();
    assert_eq!(one.decrypt(without.as_bytes()).unwrap().mac, Mac::Absent);
    // An encrypted value opens at its place only.
    let line = |text: &str, what: &str| text.lines().position(|line| line.contains(what)).unwrap() + 1;
    let moved = changed("username:", "user:");
    assert_eq!(
        failure(&one, moved.as_bytes(), &["age-a"]),
        format!(
            "f:{}: cannot decrypt 'stringData.user': it does not belong to this data key at this place (the value, its \
             key or a key above it was changed after it was encrypted: restore it, or encrypt the file again)",
            line(&moved, "user:")
        )
    );
    let plain = changed("username: ENC[AES256_GCM,", "username: ENC[AES256_GCN,");
    let found = failure(&one, plain.as_bytes(), &["age-a"]);
    assert!(found.contains("'stringData.username': it is not in the form ENC[AES256_GCM,...]"), "{found}");
    // Cut off within the metadata.
    let cut = &text[..text.find("lastmodified").unwrap()];
    let found = failure(&one, cut.as_bytes(), &["age-a"]);
    assert!(found.contains("the sops metadata cannot be read: lastmodified is not a time"), "{found}");
    let json = std::fs::read(case("plain-all-json").file()).unwrap();
    let found = failure(&case("plain-all-json"), &json[..json.len() / 2], &["age-a"]);
    assert!(found.contains("not a valid json file: the file ends within a string"), "{found}");
    let half = text.replace("-----END AGE ENCRYPTED FILE-----", "");
    assert!(failure(&one, half.as_bytes(), &["age-a"]).contains("(it is not an armored age file)"));
}

#[test]
fn every_prefix_ends_in_an_answer() {
    for name in ["plain-odd-yaml", "plain-all-json", "plain-all-ini", "plain-all-env", "key-pq-secret-yaml"] {
        let case = case(name);
        let text = std::fs::read(case.file()).unwrap();
        for end in (0..text.len()).step_by(61) {
            let _answer = case.decrypt(&text[..end]);
        }
    }
}

#[test]
fn keys_that_cannot_be_loaded_are_named_without_being_shown() {
    let mut keyring = Keyring::new();
    let secret = std::fs::read_to_string(key_file("age-a")).unwrap();
    let secret = secret.lines().last().unwrap();
    let error = keyring.add_age("team.agekey", &secret.as_bytes()[..70]).unwrap_err().report().to_string();
    assert_eq!(error, "team.agekey: line 1 is not an age identity (give the key as it was generated)");
    assert!(keyring.add_pgp("team.asc", b"nonsense").unwrap_err().to_string().starts_with("team.asc: "));
    assert!(keyring.add_age("x.agekey", b"# only a remark\n").unwrap_err().to_string().contains("no age identity"));
    keyring.add_age("team.agekey", secret.as_bytes()).unwrap();
    assert!(!format!("{keyring:?}").contains("SECRET"));
}

#[test]
fn rotation_and_new_keys_keep_the_values() {
    let budget = Budget::standard();
    let one = case("many-age-a-secret-yaml");
    let file = File::parse(&std::fs::read(one.file()).unwrap(), Format::Yaml, "f", &budget).unwrap().unwrap();
    let keys = keyring(&names(&["age-a"])).unwrap();
    let key = file.data_key(&keys, &Resolved::new(), &budget).unwrap();
    let mut random = dice(7);
    let mut world = World { random: &mut random, now: 1_800_000_000 };
    let expected = std::fs::read(one.expected()).unwrap();

    let rotated = file.rotate(&key, &keys, false, &mut world, &budget).unwrap();
    assert_eq!(*one.decrypt(&rotated).unwrap().text, expected);

    let groups = [recipients(&["age-b", "pgp-nist"]).unwrap(), recipients(&["pq"]).unwrap()];
    let updated = file.update_keys(&key, &groups, 0, &keys, &mut world).unwrap().expect("a change");
    let other = Case { held: names(&["pgp-nist", "pq"]), ..one.clone() };
    let plain = other.decrypt(&updated).unwrap();
    assert_eq!((&*plain.text, plain.mac), (&expected, Mac::Valid));
    assert!(one.decrypt(&updated).is_err());
    assert!(file.update_keys(&key, file.groups(), 0, &keys, &mut world).unwrap().is_none());
}

#[test]
fn an_object_is_decrypted_in_its_place() {
    let budget = Budget::standard();
    let one = case("opt-encrypted-regex-secret-yaml");
    let text = std::fs::read(one.file()).unwrap();
    let file = "apps/db.yaml".into();
    let mut node = yaml::parse_all(&text, Some(&file), Dialect::Sigs, &budget).unwrap().remove(0);
    let sealed = File::of_node(&node, "", &budget).unwrap().expect("it has a MAC");
    let key = sealed.data_key(&keyring(&names(&["age-a"])).unwrap(), &Resolved::new(), &budget).unwrap();
    assert_eq!(sealed.decrypt_node(&mut node, &key, &budget).unwrap(), Mac::Valid);
    assert_eq!(node.str_at(&["stringData", "username"]), Some("admin"));
    assert_eq!(node.str_at(&["metadata", "name"]), Some("db"));
    assert!(node.get("sops").is_none());
    let at = &node.path(&["stringData", "username"]).unwrap().meta.at;
    assert_eq!(
        at.line as usize,
        String::from_utf8_lossy(&text).lines().position(|l| l.contains("username")).unwrap() + 1
    );
    assert!(File::of_node(&Node::map(), "", &budget).unwrap().is_none());
}

#[test]
fn lines_lead_back_to_the_encrypted_file() {
    let one = case("plain-secret-yaml");
    let text = String::from_utf8(std::fs::read(one.file()).unwrap()).unwrap();
    let plain = one.decrypt(text.as_bytes()).unwrap();
    let line = |text: &str, what: &str| text.lines().position(|line| line.contains(what)).unwrap() as u32 + 1;
    let printed = String::from_utf8(plain.text.to_vec()).unwrap();
    for what in ["kind:", "username:", "config.json:", "blob:"] {
        let origin = plain.lines.origin(line(&printed, what)).expect("known");
        assert_eq!(origin.line, line(&text, what), "{what}");
    }
}

#[test]
fn a_tab_before_lines_is_not_lost() {
    // The original prints null for such a value.
    let budget = Budget::standard();
    let mut random = dice(3);
    let mut world = World { random: &mut random, now: 0 };
    let plan = Plan { groups: vec![recipients(&["age-a"]).unwrap()], ..Plan::default() };
    let text = b"a: \"\\tone\\ntwo\"\n";
    let made = encrypt(text, Format::Yaml, "f", &plan, &keyring(&[]).unwrap(), &mut world, &budget).unwrap();
    let one = Case { held: names(&["age-a"]), ..case("plain-secret-yaml") };
    assert_eq!(one.decrypt(&made).unwrap().text.as_slice(), text);
}
