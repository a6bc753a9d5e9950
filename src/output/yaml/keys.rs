//! The order of keys.

use std::cmp::Ordering;

/// go-yaml's order of keys: letters after everything else, runs of digits by their value.
pub(super) fn compare_keys(a: &str, b: &str) -> Ordering {
    // Two letters decide at once, which is the common case.
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    if let (Some(a), Some(b)) = (a.as_bytes().get(same), b.as_bytes().get(same))
        && a.is_ascii_alphabetic()
        && b.is_ascii_alphabetic()
    {
        return a.cmp(b);
    }
    // Equal beginnings decide nothing, but the digits before a difference may.
    let common = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>();
    let (head, tail_a) = a.split_at(common);
    let tail_b = &b[common..];
    let (Some(first_a), Some(first_b)) = (tail_a.chars().next(), tail_b.chars().next()) else {
        return a.chars().count().cmp(&b.chars().count());
    };
    match (first_a.is_alphabetic(), first_b.is_alphabetic()) {
        (true, true) => return first_a.cmp(&first_b),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let digit = |c: &char| c.is_ascii_digit();
    // A zero counts as a digit only where a number that is not zero goes before it.
    let seed = i64::from((first_a == '0' || first_b == '0') && head.chars().rev().take_while(digit).any(|c| c != '0'));
    let number = |tail: &str| {
        tail.chars().take_while(digit).fold((seed, 0usize), |(value, length), c| {
            (value.wrapping_mul(10).wrapping_add(i64::from(u32::from(c) - u32::from('0'))), length + 1)
        })
    };
    let (value_a, length_a) = number(tail_a);
    let (value_b, length_b) = number(tail_b);
    value_a.cmp(&value_b).then(length_a.cmp(&length_b)).then(first_a.cmp(&first_b))
}
