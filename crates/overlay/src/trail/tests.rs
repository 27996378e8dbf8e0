use super::*;

fn peers<const N: usize>() -> [PeerId; N] {
    std::array::from_fn(|_| PeerId::random())
}

fn trail() -> Trail {
    Trail::new(Wants::Record)
}

fn tell(trail: &mut Trail, teller: PeerId, of: &[PeerId]) {
    trail.told(teller, of.iter().map(|peer| (*peer, false)));
}

fn silent(trail: &mut Trail, peers: &[PeerId]) {
    peers.iter().for_each(|peer| trail.given_up(peer));
}

#[test]
fn the_rest_of_what_a_liar_told_is_passed_over_once_three_are_silent() {
    let (mut trail, [liar, other], mirage) = (trail(), peers(), peers::<20>());
    tell(&mut trail, liar, &mirage);
    silent(&mut trail, &mirage[..2]);
    assert_eq!(trail.passes_over(&mirage[3]), Some(false));
    silent(&mut trail, &mirage[2..3]);
    assert!(mirage[3..].iter().all(|peer| trail.passes_over(peer) == Some(true)));
    assert_eq!(trail.passes_over(&other), None, "nobody told of it");

    // Another liar of the same plot says the same.
    tell(&mut trail, other, &mirage);
    assert_eq!(trail.passes_over(&mirage[3]), Some(true));
}

#[test]
fn who_is_there_speaks_for_its_teller() {
    for connected in [false, true] {
        let (mut trail, [teller], told) = (trail(), peers(), peers::<20>());
        if connected {
            // Before anybody told of them.
            trail.there(told[18]);
            trail.told(teller, told.iter().map(|peer| (*peer, *peer == told[19])));
        } else {
            tell(&mut trail, teller, &told);
            trail.there(told[18]);
            trail.there(told[19]);
        }
        silent(&mut trail, &told[..4]);
        assert_eq!(trail.passes_over(&told[10]), Some(false), "two of six are there");
        silent(&mut trail, &told[4..5]);
        assert_eq!(trail.passes_over(&told[10]), Some(true), "two of seven");
        assert_eq!(trail.passes_over(&told[18]), Some(false), "whoever is there is asked");
    }
}

#[test]
fn a_liar_does_not_speak_for_itself_and_one_silent_peer_is_one() {
    let (mut trail, [liar], mirage) = (trail(), peers(), peers::<20>());
    trail.there(liar);
    tell(&mut trail, liar, &[mirage.as_slice(), &[liar]].concat());
    silent(&mut trail, &mirage[..3]);
    assert_eq!(trail.passes_over(&mirage[3]), Some(true));

    let (mut trail, [clumsy, one, another]) = (self::trail(), peers());
    tell(&mut trail, clumsy, &[one, one, one, another]);
    silent(&mut trail, &[one, one]);
    assert_eq!(trail.passes_over(&another), Some(false));
}

#[test]
fn of_whom_an_honest_node_told_too_is_asked() {
    let (mut trail, [liar, honest, elsewhere], told) = (trail(), peers(), peers::<20>());
    tell(&mut trail, liar, &told);
    silent(&mut trail, &told[..3]);
    tell(&mut trail, honest, &[told[4], told[5], elsewhere]);
    assert_eq!(trail.passes_over(&told[3]), Some(true));
    assert_eq!(trail.passes_over(&told[4]), Some(false));
    assert_eq!(trail.passes_over(&elsewhere), Some(false));
}

/// What a put or a set needs is not kept from it.
#[test]
fn nobody_is_passed_over_where_the_nearest_are_wanted() {
    let (mut trail, [liar], mirage) = (Trail::new(Wants::Nearest), peers(), peers::<20>());
    tell(&mut trail, liar, &mirage);
    silent(&mut trail, &mirage[..3]);
    assert_eq!(trail.passes_over(&mirage[3]), Some(false));
}

#[test]
fn a_trail_is_bounded() {
    let mut trail = trail();
    for _ in 0..2 * MAX_PEERS {
        tell(&mut trail, PeerId::random(), &peers::<3>());
        trail.there(PeerId::random());
    }
    assert!(trail.peers.len() <= MAX_PEERS && trail.told.len() <= MAX_PEERS);
    assert!(trail.told.values().map(Vec::len).sum::<usize>() <= MAX_PEERS, "each peer came from one");
}

#[test]
fn hops_count_the_shortest_way() {
    let (mut trail, [first, second, third]) = (trail(), peers());
    assert_eq!(trail.hops(&first), 1);
    tell(&mut trail, first, &[second]);
    tell(&mut trail, second, &[third]);
    assert_eq!((trail.hops(&second), trail.hops(&third)), (2, 3));
    tell(&mut trail, first, &[third]);
    assert_eq!(trail.hops(&third), 2);
}
