//! The example of `docs/spec/directory.md`.

use pumasi_discovery::{Entry, SignedOperation};
use pumasi_units::Timestamp;

#[test]
fn the_example_of_the_specification_holds() {
    let spec = include_str!("../../../../docs/spec/directory.md");
    let (_, example) = spec.split_once("```json entry\n").expect("the example is there");
    let (example, _) = example.split_once("\n```").expect("it ends");
    let entry: Entry = serde_json::from_str(example).unwrap();
    for proof in [Some(&entry.proof), entry.heartbeat.as_ref()].into_iter().flatten() {
        let operation = SignedOperation::verify(proof).unwrap();
        assert_eq!(operation.check_stamp(8), Ok(()));
    }
    let verified = entry.verify(Timestamp(1_795_251_659_999)).unwrap();
    assert_eq!((verified.sequence(), verified.listing().categories.len()), (2, 2));
}
