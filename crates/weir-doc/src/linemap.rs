use weir_base::Origin;

/// Where each line of a produced text comes from. A text stage (substitution, a template,
/// decryption) returns one with its bytes; parsing the bytes again composes the two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineMap {
    lines: Vec<Origin>,
}

impl LineMap {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the origin of the next line.
    pub fn push(&mut self, origin: Origin) {
        self.lines.push(origin);
    }

    /// The origin of a line, counted from 1.
    pub fn origin(&self, line: u32) -> Option<&Origin> {
        self.lines.get(line.checked_sub(1)? as usize).filter(|origin| origin.is_known())
    }

    /// Rewrites the places in `node`, read from the produced text, to where the text came from.
    pub fn compose(&self, node: &mut crate::Node) {
        if let Some(origin) = self.origin(node.meta.at.line) {
            node.meta.at = origin.clone();
        }
        match &mut node.value {
            crate::Value::Seq(items) => items.iter_mut().for_each(|item| self.compose(item)),
            crate::Value::Map(map) => map.values_mut().for_each(|item| self.compose(item)),
            _ => {}
        }
    }
}
