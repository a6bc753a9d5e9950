//! Fields that are a number or a percentage (`intstr.IntOrString`): `maxSurge: 25%`, `targetPort: http`.

use super::Object;

/// The number that a count or percentage of `total` stands for; a percentage is rounded up or down.
/// A string that is no percentage is an error, in the words of `GetScaledValueFromIntOrPercent`.
pub fn scaled(value: &Object, total: i64, round_up: bool) -> Result<i64, String> {
    match value {
        Object::Number(number) => Ok(number.as_i64().unwrap_or(0)),
        Object::String(text) => {
            let Some(digits) = text.strip_suffix('%') else {
                return Err("invalid value for IntOrString: invalid type: string is not a percentage".to_owned());
            };
            let percent: i64 =
                digits.parse().map_err(|_| {
                    format!("invalid value for IntOrString: invalid value {text:?}: strconv.Atoi: parsing {digits:?}: invalid syntax")
                })?;
            let product = i128::from(percent) * i128::from(total);
            let rounded = if round_up { -(-product).div_euclid(100) } else { product.div_euclid(100) };
            Ok(i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX }))
        }
        Object::Null => Err("nil value for IntOrString".to_owned()),
        _ => Err("invalid value for IntOrString: invalid type: neither int nor percentage".to_owned()),
    }
}

/// The value as a number or a text becomes one, as clients read flags: `80` is a number, `http` a text.
pub fn parse(text: &str) -> Object {
    text.parse::<i32>().map_or_else(|_| text.into(), Object::from)
}

/// The value as text; nothing is empty.
pub fn to_text(value: &Object) -> String {
    match value {
        Object::String(text) => text.clone(),
        Object::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scales() {
        for (value, total, up, down) in [
            (json!(3), 10, 3, 3),
            (json!("25%"), 3, 1, 0),
            (json!("25%"), 10, 3, 2),
            (json!("100%"), 7, 7, 7),
            (json!("0%"), 7, 0, 0),
            (json!("150%"), 3, 5, 4),
        ] {
            assert_eq!(scaled(&value, total, true), Ok(up), "{value} of {total} up");
            assert_eq!(scaled(&value, total, false), Ok(down), "{value} of {total} down");
        }
        for bad in [json!("5"), json!("%"), json!("a%"), json!(null), json!([])] {
            assert!(scaled(&bad, 1, true).is_err(), "{bad}");
        }
        assert!(scaled(&json!("9223372036854775807%"), i64::MAX, true).is_ok());
    }

    #[test]
    fn reads_flags() {
        assert_eq!(parse("80"), json!(80));
        assert_eq!(parse("http"), json!("http"));
        assert_eq!(to_text(&parse("25%")), "25%");
    }
}
