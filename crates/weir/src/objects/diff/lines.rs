//! Two texts line by line; pure.

/// Lines that are shown around a difference.
const CONTEXT: usize = 2;
/// Above so many comparisons the texts are shown whole.
const LIMIT: usize = 4_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'t> {
    Same(&'t str),
    Removed(&'t str),
    Added(&'t str),
    /// Lines that are the same, left out.
    Skipped,
}

/// What was removed and added, with a few lines around.
pub(super) fn lines<'t>(before: &'t str, after: &'t str) -> Vec<Line<'t>> {
    let (one, other): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let shorter = one.len().min(other.len());
    let head = (0..shorter).take_while(|at| one[*at] == other[*at]).count();
    let is_same = |back: &usize| one[one.len() - 1 - back] == other[other.len() - 1 - back];
    let tail = (0..shorter - head).take_while(is_same).count();
    let mut all: Vec<Line> = one[..head].iter().map(|line| Line::Same(line)).collect();
    all.extend(between(&one[head..one.len() - tail], &other[head..other.len() - tail]));
    all.extend(one[one.len() - tail..].iter().map(|line| Line::Same(line)));
    folded(all)
}

/// By the longest common subsequence.
fn between<'t>(one: &[&'t str], other: &[&'t str]) -> Vec<Line<'t>> {
    let (n, m) = (one.len(), other.len());
    if n.saturating_mul(m) > LIMIT {
        let removed = one.iter().map(|line| Line::Removed(line));
        return removed.chain(other.iter().map(|line| Line::Added(line))).collect();
    }
    // Of the rests from each pair of lines on.
    let mut longest = vec![0_u32; (n + 1) * (m + 1)];
    let at = |i: usize, j: usize| i * (m + 1) + j;
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            longest[at(i, j)] = match one[i] == other[j] {
                true => longest[at(i + 1, j + 1)] + 1,
                false => longest[at(i + 1, j)].max(longest[at(i, j + 1)]),
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < n || j < m {
        if i < n && j < m && one[i] == other[j] {
            out.push(Line::Same(one[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == m || (i < n && longest[at(i + 1, j)] >= longest[at(i, j + 1)]) {
            out.push(Line::Removed(one[i]));
            i += 1;
        } else {
            out.push(Line::Added(other[j]));
            j += 1;
        }
    }
    out
}

/// Leaves out the lines that are far from every difference.
fn folded(all: Vec<Line<'_>>) -> Vec<Line<'_>> {
    let differs: Vec<usize> = (0..all.len()).filter(|at| !matches!(all[*at], Line::Same(_))).collect();
    let is_near = |at: usize| {
        let next = differs.partition_point(|known| *known < at);
        let near = |place: Option<&usize>| place.is_some_and(|known| known.abs_diff(at) <= CONTEXT);
        near(differs.get(next)) || near(next.checked_sub(1).and_then(|before| differs.get(before)))
    };
    let mut out = Vec::new();
    for (at, line) in all.iter().enumerate() {
        match is_near(at) {
            true => out.push(*line),
            false if out.last() != Some(&Line::Skipped) => out.push(Line::Skipped),
            false => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use Line::{Added, Removed, Same, Skipped};

    #[test]
    fn what_is_far_is_left_out() {
        let before = "a\nb\nc\nd\ne\nf\ng\n";
        assert_eq!(
            lines(before, "a\nb\nc\nX\ne\nf\ng\n"),
            [Skipped, Same("b"), Same("c"), Removed("d"), Added("X"), Same("e"), Same("f"), Skipped]
        );
        assert_eq!(lines("a\nb\n", "b\nc\n"), [Removed("a"), Same("b"), Added("c")]);
        assert_eq!(lines("", "x\n"), [Added("x")]);
    }
}
