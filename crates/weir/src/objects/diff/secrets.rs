//! What a Secret holds is not shown: not where it stands, and not where a build put it.

use super::fields::{Field, fields};
use weir_doc::{Node, Value};
use weir_object::ObjectId;

const MASK: &str = "***";
/// Shorter values are everywhere, and no secret.
const SHORTEST: usize = 3;
/// A copy of the object that kubectl keeps.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Values that must not be shown.
#[derive(Debug, Default)]
pub(super) struct Hidden(Vec<String>);

impl Hidden {
    pub fn new(secrets: &[String]) -> Self {
        // A build removes the line breaks.
        let mut texts: Vec<String> =
            secrets.iter().flat_map(|text| [text.clone(), text.replace('\n', ""), text.trim().to_owned()]).collect();
        texts.retain(|text| text.len() >= SHORTEST);
        // One may be a part of another.
        texts.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then(one.cmp(other)));
        texts.dedup();
        Self(texts)
    }

    pub fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
    }

    fn node(&self, node: &Node) -> Node {
        match &node.value {
            Value::String(text) => Node::string(self.text(text)),
            Value::Seq(entries) => Node::from(entries.iter().map(|entry| self.node(entry)).collect::<Vec<_>>()),
            Value::Map(map) => {
                let mut out = Node::map();
                for (key, value) in map.iter() {
                    out.set(self.text(key.as_str()), self.node(value));
                }
                out
            }
            _ => node.clone(),
        }
    }

    /// Where one side holds a secret, the other may hold what the secret was before.
    fn field(&self, Field { path, before, after, origin }: Field) -> Field {
        let (old, new) = (before.as_ref().map(|node| self.node(node)), after.as_ref().map(|node| self.node(node)));
        let (hides_old, hides_new) = (old != before, new != after);
        let side = |own: Option<Node>, is_clean: bool| match own {
            Some(Node { value: Value::String(_), .. }) if is_clean => Some(Node::string(MASK)),
            own => own,
        };
        Field {
            path: self.text(&path),
            before: side(old, !hides_old && hides_new),
            after: side(new, !hides_new && hides_old),
            origin,
        }
    }

    /// The differences between two states of an object, as they may be shown.
    pub fn fields(&self, object: &ObjectId, live: &Node, wanted: &Node, built: Option<&Node>) -> Vec<Field> {
        let (mut live, mut wanted) = (live.clone(), wanted.clone());
        if object.group.is_empty() && object.kind == "Secret" {
            for key in ["data", "stringData"] {
                mask_map(&mut live, &mut wanted, &[key]);
            }
        }
        mask_one(&mut live, &mut wanted, &["metadata", "annotations"], LAST_APPLIED);
        fields(&live, &wanted, built).into_iter().map(|field| self.field(field)).collect()
    }
}

fn mask_map(live: &mut Node, wanted: &mut Node, path: &[&str]) {
    let keys_of = |node: &Node| -> Vec<String> {
        let map = node.path(path).and_then(Node::as_map);
        map.into_iter().flat_map(|map| map.iter()).map(|(key, _)| key.as_str().to_owned()).collect()
    };
    let mut keys = keys_of(live);
    keys.extend(keys_of(wanted));
    keys.iter().for_each(|key| mask_one(live, wanted, path, key));
}

/// As fluxcd/pkg/ssa: equal values stay equal, others stay apart.
fn mask_one(live: &mut Node, wanted: &mut Node, path: &[&str], key: &str) {
    let (Some(before), Some(after)) = (
        live.path_mut(path).map(|map| map.get_mut(key).map(std::mem::take)),
        wanted.path_mut(path).map(|map| map.get_mut(key).map(std::mem::take)),
    ) else {
        // One of them has no such map: there is nothing to tell apart.
        for side in [live, wanted] {
            if let Some(value) = side.path_mut(path).and_then(|map| map.get_mut(key)) {
                *value = Node::string(MASK);
            }
        }
        return;
    };
    let differ = before.is_some() && after.is_some() && before != after;
    for (side, value, word) in [(live, before, "before"), (wanted, after, "after")] {
        if let (Some(_), Some(place)) = (value, side.path_mut(path).and_then(|map| map.get_mut(key))) {
            *place = Node::string(if differ { format!("{MASK} ({word})") } else { MASK.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(json: &str) -> Node {
        weir_doc::from_json(json.as_bytes()).expect("valid")
    }

    fn shown(hidden: &[&str], kind: &str, live: &str, wanted: &str) -> Vec<String> {
        let object =
            ObjectId { group: String::new(), kind: kind.to_owned(), namespace: "a".to_owned(), name: "b".to_owned() };
        let hidden = Hidden::new(&hidden.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        let text = |node: Option<Node>| {
            node.map_or_else(|| "-".to_owned(), |node| weir_doc::emit::to_yaml(&node).trim().to_owned())
        };
        let fields = hidden.fields(&object, &node(live), &node(wanted), None);
        fields.into_iter().map(|field| format!("{} {} {}", field.path, text(field.before), text(field.after))).collect()
    }

    #[test]
    fn a_secret_shows_which_keys_differ() {
        let live = r#"{"data":{"same":"x","new":"eA==","gone":"eQ=="},"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"eA=="}}}"#;
        assert_eq!(
            shown(&[], "Secret", live, r#"{"data":{"same":"x","new":"eg==","more":"eg=="}}"#),
            ["data.gone '***' -", "data.more - '***'", "data.new '*** (before)' '*** (after)'", "metadata '***' -",]
                .map(|line| line.replace(
                    "metadata '***' -",
                    "metadata annotations:\n  kubectl.kubernetes.io/last-applied-configuration: '***' -"
                ))
        );
        assert_eq!(shown(&[], "Secret", r#"{"data":{"a":"eA=="}}"#, "{}"), ["data a: '***' -"]);
    }

    #[test]
    fn a_secret_is_hidden_where_a_build_put_it() {
        let live = r#"{"data":{"url":"https://me:hunter1@host","other":"a"}}"#;
        let wanted = r#"{"data":{"url":"https://me:hunter2@host","other":"b"}}"#;
        assert_eq!(
            shown(&["hunter2"], "ConfigMap", live, wanted),
            ["data.other a b", "data.url '***' https://me:***@host"]
        );
    }
}
