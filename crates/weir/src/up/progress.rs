//! A line per object: with a spinner on a terminal, plain lines otherwise.

use super::fleet::{Row, State};
use super::tree::short;
use crate::output::Output;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::time::Duration;

const TICK: Duration = Duration::from_millis(100);

pub struct Progress<'o> {
    output: &'o Output,
    enabled: bool,
    bars: Option<(MultiProgress, HashMap<String, ProgressBar>)>,
    /// The last state that was printed, per object.
    printed: HashMap<String, State>,
}

impl<'o> Progress<'o> {
    pub fn new(output: &'o Output, enabled: bool) -> Self {
        let bars = (enabled && output.is_terminal()).then(|| (MultiProgress::new(), HashMap::new()));
        Self { output, enabled, bars, printed: HashMap::new() }
    }

    pub fn row(&mut self, row: &Row) {
        if !self.enabled {
            return;
        }
        match &mut self.bars {
            Some((all, bars)) => {
                let bar = bars.entry(row.id()).or_insert_with(|| {
                    let bar = all.add(ProgressBar::new_spinner());
                    bar.enable_steady_tick(TICK);
                    bar
                });
                let template = match row.state {
                    State::Working => "{spinner} {wide_msg}".to_owned(),
                    state => format!("{} {{wide_msg}}", mark(state)),
                };
                if let Ok(style) = ProgressStyle::with_template(&template) {
                    bar.set_style(style);
                }
                let message = format!("{}  {}", row.id(), short(first_line(&row.message)));
                if row.state == State::Working {
                    bar.set_message(message);
                } else {
                    bar.finish_with_message(message);
                }
            }
            None => {
                let changed = self.printed.insert(row.id(), row.state) != Some(row.state);
                // Steps on the way are for the eye; a log shows what was reached.
                if changed && row.state != State::Working {
                    let line = format!("{} {}  {}", mark(row.state), row.id(), short(first_line(&row.message)));
                    self.output.error(&line);
                }
            }
        }
    }

    /// Ends drawing, so that something else can be printed; the next lines are plain.
    pub fn pause(&mut self) {
        if let Some((_, bars)) = self.bars.take() {
            for bar in bars.values().filter(|bar| !bar.is_finished()) {
                bar.abandon();
            }
        }
    }
}

pub fn mark(state: State) -> &'static str {
    match state {
        State::Ready => "✔",
        State::Working => "…",
        State::Failed | State::Stalled => "✗",
        State::Suspended => "⏸",
    }
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}
