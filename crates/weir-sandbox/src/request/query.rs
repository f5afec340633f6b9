use super::percent_decode;
use crate::status::ApiError;
use std::collections::HashMap;

/// The parameters of a request that this server knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    values: HashMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

impl Query {
    /// Of a parameter given twice the first counts.
    pub fn parse(query: &str) -> Self {
        let mut values = HashMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            values.entry(percent_decode(key, true)).or_insert_with(|| percent_decode(value, true));
        }
        Query { values }
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A flag is set by any value but `0` and `false`, as in the original.
    pub fn flag(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| !matches!(value.to_lowercase().as_str(), "0" | "false"))
    }

    pub fn number(&self, key: &str) -> Result<Option<i64>, ApiError> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| ApiError::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")))
        };
        self.get(key).map(parse).transpose()
    }

    pub fn watch(&self) -> bool {
        self.flag("watch")
    }

    pub fn dry_run(&self) -> Result<bool, ApiError> {
        match self.get("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => Err(ApiError::bad_request(format!("Invalid value: {other:?}: supported values: \"All\""))),
        }
    }

    /// The default has been Warn since 1.27.
    pub fn field_validation(&self) -> Result<FieldValidation, ApiError> {
        match self.get("fieldValidation") {
            Some("Strict") => Ok(FieldValidation::Strict),
            Some("Warn") | None => Ok(FieldValidation::Warn),
            Some("Ignore") => Ok(FieldValidation::Ignore),
            Some(other) => Err(ApiError::bad_request(format!(
                "fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
            ))),
        }
    }
}
