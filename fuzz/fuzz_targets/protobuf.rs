//! Protobuf bodies: any bytes are decoded without a panic, with and without the envelope.

#![no_main]

use kctl::object::protobuf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let _ = protobuf::decode(input);
    // The envelope of a Pod, a Deployment and a List of anything around the bytes.
    for (version, kind) in
        [("v1", "Pod"), ("apps/v1", "Deployment"), ("v1", "Node"), ("v1", "DeleteOptions"), ("v1", "List")]
    {
        let mut meta = Vec::new();
        field(&mut meta, 1, version.as_bytes());
        field(&mut meta, 2, kind.as_bytes());
        let mut bytes = b"k8s\0".to_vec();
        field(&mut bytes, 1, &meta);
        field(&mut bytes, 2, input);
        if let Ok(object) = protobuf::decode(&bytes) {
            assert!(object.is_object());
        }
    }
});

/// A length-delimited field.
fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}
