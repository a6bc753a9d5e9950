//! Base64 as Go decodes it (`base64.StdEncoding`): line breaks do not count, padding must be there,
//! left-over bits are not looked at.

use std::fmt;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const STANDARD: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

/// The byte of a text at which it is no base64 (`base64.CorruptInputError`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorruptInput(pub usize);

impl fmt::Display for CorruptInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "illegal base64 data at input byte {}", self.0)
    }
}

impl std::error::Error for CorruptInput {}

/// Decodes a text.
///
/// # Errors
/// Where it is no base64.
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, CorruptInput> {
    let text = text.as_ref();
    if !text.iter().any(|byte| is_break(*byte)) {
        return STANDARD.decode(text).map_err(|_| fault(text));
    }
    let encoded: Vec<u8> = text.iter().copied().filter(|byte| !is_break(*byte)).collect();
    STANDARD.decode(encoded).map_err(|_| fault(text))
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Where Go's decoder finds fault: at the first byte that is no digit, or where the padding breaks.
fn fault(text: &[u8]) -> CorruptInput {
    let encoded: Vec<(usize, u8)> = text.iter().copied().enumerate().filter(|(_, byte)| !is_break(*byte)).collect();
    let place = |index: usize| encoded.get(index).map_or(text.len(), |(place, _)| *place);
    let byte = |index: usize| encoded.get(index).map(|(_, byte)| *byte);
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let Some(stop) = encoded.iter().position(|(_, byte)| !is_digit(*byte)) else {
        // All digits, of which the last ones make no whole group.
        return CorruptInput(text.len() - encoded.len() % 4);
    };
    CorruptInput(match (byte(stop), stop % 4, byte(stop + 1)) {
        (Some(b'='), 2, None) => text.len(),
        (Some(b'='), 2, Some(b'=')) => place(stop + 2),
        (Some(b'='), 2, Some(_)) => place(stop + 1).saturating_sub(1),
        (Some(b'='), 3, _) => place(stop + 1),
        _ => place(stop),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decodes_as_go_does() {
        for (text, want) in [
            ("", Ok("")),
            ("YQ==", Ok("a")),
            ("YR==", Ok("a")),
            ("Y\r\nW\nJj\n", Ok("abc")),
            ("YQ", Err(0)),
            ("abcde", Err(4)),
            ("a GV", Err(1)),
            ("!", Err(0)),
            ("YQ=", Err(3)),
            ("YWI=x", Err(4)),
        ] {
            assert_eq!(decode(text), want.map(|text| text.as_bytes().to_vec()).map_err(CorruptInput), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(bytes in prop::collection::vec(any::<u8>(), 0..40), line in 1usize..9) {
            let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
            let lines: Vec<&str> = text.as_bytes().chunks(line).map(|l| std::str::from_utf8(l).unwrap()).collect();
            prop_assert_eq!(decode(lines.join("\r\n")), Ok(bytes));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[A-Za-c+=/!\r\n]{0,12}") {
            if let Err(CorruptInput(at)) = decode(&text) {
                prop_assert!(at <= text.len());
            }
        }
    }
}
