//! What cel-go computes when it makes a program of an expression: conversions of constants and
//! constant patterns. Where these fail, the expression is refused as a whole.

use super::Evaluator;
use crate::ast::{Expr, Kind};
use crate::error::{CelError, Fault};
use crate::functions::Function;
use crate::functions::regex::Pattern;
use crate::value::{Type, Value};
use crate::{Program, Variables};
use std::collections::HashMap;
use weir_base::Budget;

/// Steps and bytes for all constants of an expression, which has at most 100,000 characters.
const STEPS: u64 = 2_000_000;
const BYTES: u64 = 64 << 20;

/// The compiled patterns of a program, by the calls of `matches` that have them.
pub(crate) fn plan(program: &Program) -> Result<HashMap<u32, Pattern>, CelError> {
    let budget = Budget::new(STEPS, BYTES);
    let variables = Variables::new();
    let evaluator = Evaluator { program, variables: &variables, budget: &budget };
    let mut patterns = HashMap::new();
    visit(&evaluator, &program.root, &mut patterns).map_err(|(at, fault)| match fault {
        Fault::Error { message, .. } => CelError::Plan { at: program.position(at), message },
        Fault::Exhausted(cause) => CelError::Exhausted { at: program.position(at), cause },
    })?;
    Ok(patterns)
}

fn visit<'v>(
    evaluator: &Evaluator<'_, 'v>,
    expr: &'v Expr,
    patterns: &mut HashMap<u32, Pattern>,
) -> Result<(), (u32, Fault)> {
    for child in expr.children() {
        visit(evaluator, child, patterns)?;
    }
    let constant = |expr: &'v Expr| evaluator.value(expr, None);
    let failed = |fault| (expr.at, fault);
    match &expr.kind {
        Kind::Call { entry, .. } if entry.function.is_conversion() && expr.is_constant() => {
            constant(expr).map_err(failed)?;
        }
        Kind::Call { entry, args, .. } if entry.function == Function::Matches => {
            if let [_, pattern] = args.as_slice()
                && pattern.is_constant()
                && let Ok(Value::String(text)) = constant(pattern)
            {
                patterns.insert(expr.id, Pattern::new(&text, evaluator.budget).map_err(failed)?);
            }
        }
        Kind::Index { index, .. } if index.is_constant() => {
            let kind = constant(index).map_err(failed)?.kind();
            if !matches!(kind, Type::Bool | Type::Int | Type::Uint | Type::Double | Type::String) {
                return Err(failed(Fault::new(format!("a value of type {} is no key", kind.name()))));
            }
        }
        _ => {}
    }
    Ok(())
}
