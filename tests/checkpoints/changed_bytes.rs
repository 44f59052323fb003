//! A changed byte, with a checksum that is right, is refused, or read and written as it is.

use rangebar_polars::checkpoint::chains::Saved;
use rangebar_polars::error::Error;
use std::path::Path;

/// The bytes before those that the checksum is of.
const HEADER: usize = 9;

fn golden() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let is_saved =
        |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension != "md");
    paths.filter(is_saved).map(|path| std::fs::read(path).unwrap()).collect()
}

fn written(saved: &Saved) -> Vec<u8> {
    match saved {
        Saved::One(state) => state.to_bytes().unwrap(),
        Saved::Several(chains) => chains.to_bytes().unwrap(),
    }
}

#[test]
fn a_golden_file_with_a_changed_byte_is_refused_or_read_as_it_is() {
    let (mut refused, mut read) = (0, 0);
    for bytes in golden() {
        for place in HEADER..bytes.len() {
            for changed in [0, 1, 0x7f, 0x80, 0xff, bytes[place] ^ 1] {
                let mut bytes = bytes.clone();
                bytes[place] = changed;
                let sum = crc32fast::hash(&bytes[HEADER..]).to_le_bytes();
                bytes[HEADER - 4..HEADER].copy_from_slice(&sum);
                match Saved::from_bytes(&bytes) {
                    Ok(saved) => {
                        assert_eq!(written(&saved), bytes);
                        read += 1;
                    }
                    Err(Error::CheckpointDamaged { .. } | Error::CheckpointVersion { .. }) => {
                        refused += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
    assert!(refused > 1_000 && read > 100, "{refused} refused, {read} read");
}
