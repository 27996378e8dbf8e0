use crate::common::{alice, bob, somebody};
use pumasi_identity::safety_number;

#[test]
fn both_people_see_the_same_sixty_digits() {
    let (alice, bob) = (alice(), bob());
    let number = safety_number(alice.did(), bob.did());
    assert_eq!(number, safety_number(bob.did(), alice.did()));
    let text = number.to_string();
    assert_eq!(text.chars().filter(char::is_ascii_digit).count(), 60);
    assert_eq!(text.split(' ').map(str::len).collect::<Vec<_>>(), [5; 12]);
}

#[test]
fn an_impostor_changes_the_number() {
    let (alice, bob, mallory) = (alice(), bob(), somebody(0x66, "Bob"));
    assert_ne!(safety_number(alice.did(), bob.did()), safety_number(alice.did(), mallory.did()));
}
