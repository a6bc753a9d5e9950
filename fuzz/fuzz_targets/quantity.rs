//! Quantities: any text is read without a panic, and its canonical form means the same.

#![no_main]

use kctl::object::quantity::{Quantity, canonical};
use kctl::object::time;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (left, right) = input.split_once(' ').unwrap_or((input, "1500m"));
    canonical(input);
    if let Some(time) = time::parse_rfc3339(input) {
        time::age(Some(time), kctl::object::Timestamp::UNIX_EPOCH);
        time::rfc3339(time);
    } else {
        time::rfc3339_error(input);
    }
    let Ok(quantity) = Quantity::parse(left) else { return };
    let text = quantity.to_string();
    let again = Quantity::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(again.to_string(), text);
    assert_eq!((again.value(), again.milli_value()), (quantity.value(), quantity.milli_value()), "{text}");
    assert_eq!(canonical(left), text);
    let Ok(other) = Quantity::parse(right) else { return };
    let (sum, difference) = (quantity.plus(other), quantity.minus(other));
    let _ = (sum.to_string(), difference.to_string(), sum.sign(), difference.as_f64(), quantity.is_whole());
    assert_eq!(quantity.cmp(&other), other.cmp(&quantity).reverse());
});
