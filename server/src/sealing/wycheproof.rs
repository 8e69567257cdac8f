//! Project Wycheproof's vectors for AES-256-GCM, run through the code that opens blobs.

use super::*;

const VECTORS: &str = include_str!("wycheproof_aes_256_gcm.tsv");

struct Vector<'a> {
    id: &'a str,
    is_valid: bool,
    key: Key,
    iv: &'a str,
    associated_data: Vec<u8>,
    message: Vec<u8>,
    ciphertext: &'a str,
    tag: &'a str,
}

impl<'a> Vector<'a> {
    fn parse(line: &'a str) -> Self {
        let columns: Vec<_> = line.split('\t').collect();
        let [id, result, key, iv, associated_data, message, ciphertext, tag] = columns[..] else {
            panic!("{line}")
        };
        assert!(["valid", "invalid"].contains(&result), "{line}");
        Self {
            id,
            is_valid: result == "valid",
            key: Key::new(hex::decode(key).unwrap().try_into().unwrap()),
            iv,
            associated_data: hex::decode(associated_data).unwrap(),
            message: hex::decode(message).unwrap(),
            ciphertext,
            tag,
        }
    }

    /// Parses and decrypts the vector as a blob with hexadecimal parts.
    fn open(&self) -> Option<Vec<u8>> {
        let Self { iv, ciphertext, tag, .. } = self;
        let blob = blob_form::parse(&format!("{iv}:{tag}:{ciphertext}"))?;
        decrypt(&self.key, blob.parts, &self.associated_data)
    }
}

fn vectors() -> impl Iterator<Item = Vector<'static>> {
    VECTORS.lines().filter(|line| !line.starts_with('#')).map(Vector::parse)
}

#[test]
fn opens_only_valid_vectors_with_an_iv_of_96_bits() {
    let (mut opened, mut refused) = (0, 0);
    for vector in vectors().filter(|vector| vector.iv.len() == 2 * IV_BYTES) {
        let plaintext = vector.open();
        let expected = vector.is_valid.then_some(&vector.message);
        assert_eq!(plaintext.as_ref(), expected, "vector {}", vector.id);
        if vector.is_valid { opened += 1 } else { refused += 1 }
    }
    assert_eq!((opened, refused), (39, 27));
}

#[test]
fn rejects_vectors_with_an_iv_of_another_size() {
    let mut refused = 0;
    for Vector { id, iv, tag, ciphertext, .. } in vectors().filter(|vector| vector.iv.len() != 2 * IV_BYTES) {
        let blob = format!("{iv}:{tag}:{ciphertext}");
        assert!(blob_form::parse(&blob).is_none(), "vector {id}");
        refused += 1;
    }
    assert_eq!(refused, 39);
}

#[test]
fn rejects_a_shortened_tag() {
    let vector = vectors().find(|vector| vector.iv.len() == 2 * IV_BYTES && vector.is_valid).unwrap();
    let Vector { iv, ciphertext, .. } = &vector;
    assert!(vector.open().is_some());
    for bytes in 0..TAG_BYTES {
        let tag = &vector.tag[..2 * bytes];
        assert!(blob_form::parse(&format!("{iv}:{tag}:{ciphertext}")).is_none(), "{bytes} bytes");
    }
}
