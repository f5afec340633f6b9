//! Pattern-defeating quicksort with the very steps of Go's `sort.Sort` (Go 1.19 and later): where a
//! comparison contradicts itself, the result depends on them.

/// At most this many elements are sorted by insertion.
const SHORT: usize = 12;
/// From this many on the pivot is the median of medians.
const LONG: usize = 50;
/// How many swaps the search for the pivot of a long list makes at most.
const MOST_SWAPS: u32 = 12;
/// How many pairs are put right before a list counts as unsorted after all.
const REPAIRS: usize = 5;

type Less<'l, T> = &'l dyn Fn(&T, &T) -> bool;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hint {
    Unknown,
    Increasing,
    Decreasing,
}

pub(super) fn sort<T>(list: &mut [T], less: Less<T>) {
    let limit = usize::BITS - list.len().leading_zeros();
    Sorter { list, less }.range(0, None, limit);
}

struct Sorter<'s, T> {
    list: &'s mut [T],
    less: Less<'s, T>,
}

impl<T> Sorter<'_, T> {
    fn less(&self, a: usize, b: usize) -> bool {
        (self.less)(&self.list[a], &self.list[b])
    }

    fn range(&mut self, start: usize, end: Option<usize>, limit: u32) {
        let (mut a, mut b, mut limit) = (start, end.unwrap_or(self.list.len()), limit);
        let (mut was_balanced, mut was_partitioned) = (true, true);
        loop {
            let length = b - a;
            if length <= SHORT {
                return self.insertion(a, b);
            }
            if limit == 0 {
                return self.heap(a, b);
            }
            if !was_balanced {
                self.scatter(a, b);
                limit -= 1;
            }
            let (mut pivot, mut hint) = self.choose_pivot(a, b);
            if hint == Hint::Decreasing {
                self.list[a..b].reverse();
                pivot = (b - 1) - (pivot - a);
                hint = Hint::Increasing;
            }
            if was_balanced && was_partitioned && hint == Hint::Increasing && self.repair(a, b) {
                return;
            }
            if a > 0 && !self.less(a - 1, pivot) {
                a = self.partition_equal(a, b, pivot);
                continue;
            }
            let (middle, already) = self.partition(a, b, pivot);
            was_partitioned = already;
            let (left, right) = (middle - a, b - middle);
            was_balanced = left.min(right) >= length / 8;
            if left < right {
                self.range(a, Some(middle), limit);
                a = middle + 1;
            } else {
                self.range(middle + 1, Some(b), limit);
                b = middle;
            }
        }
    }

    fn insertion(&mut self, a: usize, b: usize) {
        for i in a + 1..b {
            let mut j = i;
            while j > a && self.less(j, j - 1) {
                self.list.swap(j, j - 1);
                j -= 1;
            }
        }
    }

    fn heap(&mut self, a: usize, b: usize) {
        let length = b - a;
        for root in (0..=(length - 1) / 2).rev() {
            self.sift_down(root, length, a);
        }
        for last in (0..length).rev() {
            self.list.swap(a, a + last);
            self.sift_down(0, last, a);
        }
    }

    fn sift_down(&mut self, from: usize, end: usize, first: usize) {
        let mut root = from;
        loop {
            let mut child = 2 * root + 1;
            if child >= end {
                return;
            }
            if child + 1 < end && self.less(first + child, first + child + 1) {
                child += 1;
            }
            if !self.less(first + root, first + child) {
                return;
            }
            self.list.swap(first + root, first + child);
            root = child;
        }
    }

    /// Moves what is less than the pivot before it; also whether nothing had to be moved.
    fn partition(&mut self, a: usize, b: usize, pivot: usize) -> (usize, bool) {
        self.list.swap(a, pivot);
        let (mut i, mut j) = (a + 1, b - 1);
        while i <= j && self.less(i, a) {
            i += 1;
        }
        while i <= j && !self.less(j, a) {
            j -= 1;
        }
        if i > j {
            self.list.swap(j, a);
            return (j, true);
        }
        loop {
            self.list.swap(i, j);
            i += 1;
            j -= 1;
            while i <= j && self.less(i, a) {
                i += 1;
            }
            while i <= j && !self.less(j, a) {
                j -= 1;
            }
            if i > j {
                break;
            }
        }
        self.list.swap(j, a);
        (j, false)
    }

    /// Moves what equals the pivot to the front.
    fn partition_equal(&mut self, a: usize, b: usize, pivot: usize) -> usize {
        self.list.swap(a, pivot);
        let (mut i, mut j) = (a + 1, b - 1);
        loop {
            while i <= j && !self.less(a, i) {
                i += 1;
            }
            while i <= j && self.less(a, j) {
                j -= 1;
            }
            if i > j {
                return i;
            }
            self.list.swap(i, j);
            i += 1;
            j -= 1;
        }
    }

    /// Sorts a list in which few pairs are out of order; whether it is sorted now.
    fn repair(&mut self, a: usize, b: usize) -> bool {
        let mut i = a + 1;
        for _ in 0..REPAIRS {
            while i < b && !self.less(i, i - 1) {
                i += 1;
            }
            if i == b {
                return true;
            }
            if b - a < LONG {
                return false;
            }
            self.list.swap(i, i - 1);
            if i - a >= 2 {
                let mut j = i - 1;
                while j >= 1 && self.less(j, j - 1) {
                    self.list.swap(j, j - 1);
                    j -= 1;
                }
            }
            if b - i >= 2 {
                let mut j = i + 1;
                while j < b && self.less(j, j - 1) {
                    self.list.swap(j, j - 1);
                    j += 1;
                }
            }
        }
        false
    }

    /// Swaps elements around the middle, by a random number that depends on the length.
    fn scatter(&mut self, a: usize, b: usize) {
        let length = b - a;
        if length < 8 {
            return;
        }
        let mut random = length as u64;
        let modulus = length.next_power_of_two() << usize::from(length.is_power_of_two());
        let middle = a + length / 4 * 2 - 1;
        for i in 0..3 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let mut other = (random as usize) & (modulus - 1);
            if other >= length {
                other -= length;
            }
            self.list.swap(middle + i, a + other);
        }
    }

    fn choose_pivot(&self, a: usize, b: usize) -> (usize, Hint) {
        let length = b - a;
        let mut swaps = 0;
        let (mut i, mut j, mut k) = (a + length / 4, a + length / 4 * 2, a + length / 4 * 3);
        if length >= LONG {
            i = self.median(i - 1, i, i + 1, &mut swaps);
            j = self.median(j - 1, j, j + 1, &mut swaps);
            k = self.median(k - 1, k, k + 1, &mut swaps);
        }
        j = self.median(i, j, k, &mut swaps);
        match swaps {
            0 => (j, Hint::Increasing),
            MOST_SWAPS => (j, Hint::Decreasing),
            _ => (j, Hint::Unknown),
        }
    }

    fn median(&self, a: usize, b: usize, c: usize, swaps: &mut u32) -> usize {
        let (mut a, mut b, mut c) = (a, b, c);
        let mut order = |one: &mut usize, other: &mut usize| {
            if self.less(*other, *one) {
                *swaps += 1;
                std::mem::swap(one, other);
            }
        };
        order(&mut a, &mut b);
        order(&mut b, &mut c);
        order(&mut a, &mut b);
        b
    }
}
