//! Categories as keys of the DHT, in Korean and English.

use crate::text::{Plan, QueryError, category_key, without_particle};
use pumasi_crypto::hash::sha256;
use pumasi_identity::Did;

/// Into how many sets one category is divided: a popular one is spread over so many neighbourhoods of the DHT.
pub const SHARDS: u8 = 8;
/// Categories that one query asks for, at most.
pub const MAX_ASKED: usize = 4;

const PLACE: &[u8] = b"pumasi/listed/place/1";
const SHARD: &[u8] = b"pumasi/listed/shard/1";

/// Words for one kind of shop; the first is the one that is hashed. The table is part of the specification
/// (`docs/spec/find.md` §2): who changes it is not found by those who did not.
const SYNONYMS: &[&[&str]] = &[
    &["restaurant", "식당", "음식점", "밥집", "레스토랑", "맛집", "diner", "eatery"],
    &["korean food", "한식", "한식당", "한식집", "korean restaurant"],
    &["chinese food", "중식", "중국집", "중식당", "중국음식", "chinese restaurant"],
    &["japanese food", "일식", "일식당", "일식집", "japanese restaurant"],
    &["western food", "양식", "양식당", "western restaurant"],
    &["snack bar", "분식", "분식집", "김밥집"],
    &["chicken", "치킨", "치킨집", "통닭", "fried chicken"],
    &["pizza", "피자", "피자집", "pizzeria"],
    &["barbecue", "고깃집", "고기집", "삼겹살", "bbq"],
    &["cafe", "카페", "커피", "커피숍", "커피집", "찻집", "다방", "café", "coffee", "coffee shop", "coffee house"],
    &["bakery", "빵집", "베이커리", "제과점", "빵"],
    &["bar", "술집", "주점", "호프", "호프집", "pub"],
    &["convenience store", "편의점"],
    &["grocery", "슈퍼마켓", "슈퍼", "마트", "식료품", "식료품점", "grocery store", "supermarket"],
    &["market", "시장", "전통시장", "재래시장"],
    &["butcher", "정육점", "푸줏간", "butcher shop"],
    &["fruit", "과일", "과일가게", "과일집", "fruit shop"],
    &["farm", "농장", "농원", "농가"],
    &["florist", "꽃집", "꽃가게", "화원", "flower shop"],
    &["pharmacy", "약국", "drugstore", "chemist"],
    &["hospital", "병원", "종합병원"],
    &["clinic", "의원", "클리닉", "doctor"],
    &["dentist", "치과", "치과의원", "dental clinic"],
    &["veterinarian", "동물병원", "수의사", "vet", "animal hospital"],
    &["pet shop", "애견샵", "펫샵", "반려동물", "pet store"],
    &["hair salon", "미용실", "미장원", "헤어샵", "헤어", "hairdresser", "hair shop"],
    &["barber", "이발소", "이발관", "바버샵", "barbershop", "barber shop"],
    &["nail salon", "네일샵", "네일", "네일아트", "nails"],
    &["laundry", "세탁소", "빨래방", "세탁", "dry cleaner", "laundromat"],
    &["tailor", "수선집", "옷수선", "양복점", "양장점"],
    &["clothing", "옷가게", "옷", "의류", "의류점", "clothes", "clothes shop", "clothing store"],
    &["shoes", "신발", "신발가게", "구두", "shoe shop", "shoe store"],
    &["bookstore", "서점", "책방", "bookshop", "book shop", "book store", "books"],
    &["stationery", "문구점", "문방구", "문구", "stationery shop"],
    &["hardware store", "철물점", "hardware shop"],
    &["electronics", "전자제품", "전자상가", "전파사", "electronics store"],
    &["phone repair", "휴대폰수리", "핸드폰수리", "휴대폰 수리"],
    &["computer repair", "컴퓨터수리", "컴퓨터 수리"],
    &["car repair", "카센터", "정비소", "자동차정비", "자동차 정비", "mechanic", "garage"],
    &["bicycle", "자전거", "자전거포", "자전거가게", "bike", "bike shop", "bicycle shop"],
    &["taxi", "택시", "cab"],
    &["delivery", "배달", "택배", "퀵서비스", "courier"],
    &["moving", "이사", "이삿짐", "이삿짐센터", "mover"],
    &["cleaning", "청소", "청소업체", "cleaner"],
    &["plumber", "배관", "배관공", "설비", "plumbing"],
    &["electrician", "전기공사", "전기", "전기기사"],
    &["carpenter", "목수", "목공", "목공소", "carpentry"],
    &["interior", "인테리어", "실내장식", "interior design"],
    &["real estate", "부동산", "공인중개사", "realtor"],
    &["lawyer", "변호사", "법률사무소", "attorney", "law firm"],
    &["accountant", "회계사", "세무사", "accounting"],
    &["academy", "학원", "교습소", "cram school"],
    &["tutor", "과외", "튜터", "tutoring"],
    &["gym", "헬스장", "헬스클럽", "헬스", "피트니스", "fitness", "fitness center"],
    &["photographer", "사진관", "사진", "사진사", "스튜디오", "photo studio"],
    &["karaoke", "노래방", "코인노래방"],
    &["internet cafe", "피시방", "pc방", "pc bang"],
    &["hotel", "호텔"],
    &["motel", "모텔", "여관"],
    &["guesthouse", "게스트하우스", "민박", "펜션", "guest house"],
    &["programmer", "개발자", "프로그래머", "developer"],
    &["translator", "번역", "번역가", "통역", "translation"],
];

/// The table of synonyms, a group a line; the first word of each is the canonical one.
#[must_use]
pub fn synonyms() -> &'static [&'static [&'static str]] {
    SYNONYMS
}

/// The group that a category key belongs to: as it stands, or without the `s` of an English plural.
fn known(key: &str) -> Option<&'static str> {
    let find = |key: &str| SYNONYMS.iter().find(|group| group.contains(&key)).map(|group| group[0]);
    let singular = || key.strip_suffix('s').filter(|word| word.is_ascii()).and_then(find);
    find(key).or_else(singular)
}

/// The word that is hashed for a category: its key (NFC, lower case, one space between words), or the first word of the
/// group of synonyms that it is in. Empty when it says nothing.
#[must_use]
pub fn canonical(category: &str) -> String {
    let key = category_key(category);
    known(&key).map_or(key, str::to_owned)
}

/// Under which id of the namespace of listings the shops of a canonical category in one shard are kept.
#[must_use]
pub fn place(category: &str, shard: u8) -> [u8; 32] {
    sha256(&[PLACE, category.as_bytes(), &[0, shard]]).0
}

/// The shard of a DID: not for its owner to choose.
#[must_use]
pub fn shard(did: &Did) -> u8 {
    sha256(&[SHARD, did.public()]).0[0] % SHARDS
}

/// What a person asks for, as categories of the DHT and as words that a shop must have besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The canonical categories to ask for, 1 to [`MAX_ASKED`]; the best guess first.
    pub categories: Vec<String>,
    /// What a listing must have in its name, description or categories.
    pub near: Plan,
}

impl Query {
    /// Reads what a person typed: `식당`, `식당에서`, `강남구 식당`, `coffee shop`; and where or what besides.
    ///
    /// The whole is a category; a particle at its end is cut off as well. In several words each that is a known category
    /// is one, and the other words are what a shop must have besides; where none is known, each is taken for a category.
    ///
    /// # Errors
    /// [`QueryError`] for what is too long; [`QueryError::Empty`] without a letter or digit.
    pub fn new(query: &str, near: Option<&str>) -> Result<Self, QueryError> {
        Plan::new(query)?; // the bounds
        let whole = category_key(query);
        if whole.is_empty() {
            return Err(QueryError::Empty);
        }
        let words: Vec<&str> = whole.split(' ').collect();
        let mut categories = Vec::new();
        let mut besides = Vec::new();
        if words.len() == 1 || is_known(&whole) {
            add(&mut categories, &whole);
        } else {
            let (kinds, others): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| is_known(word));
            if kinds.is_empty() {
                add(&mut categories, &whole);
                words.iter().for_each(|word| add(&mut categories, word));
            } else {
                kinds.iter().for_each(|word| add(&mut categories, word));
                besides = others;
            }
        }
        categories.truncate(MAX_ASKED);
        besides.extend(near);
        Ok(Self { categories, near: Plan::new(&besides.join(" "))? })
    }

    /// Every id to ask for, the best guess first.
    pub fn places(&self) -> impl Iterator<Item = (&str, [u8; 32])> {
        self.categories
            .iter()
            .flat_map(|category| (0..SHARDS).map(move |shard| (category.as_str(), place(category, shard))))
    }
}

fn is_known(word: &str) -> bool {
    known(word).is_some() || without_particle(word).is_some_and(|word| known(&word).is_some())
}

/// A word as it stands and, if it can have a particle, without that. Where only one of the two is known, that one: nobody
/// lists a shop under the other.
fn add(categories: &mut Vec<String>, word: &str) {
    let bare = without_particle(word);
    let mut forms = vec![word];
    match bare.as_deref() {
        Some(bare) if known(word).is_none() && known(bare).is_some() => forms = vec![bare],
        Some(bare) if known(word).is_none() => forms.push(bare),
        _ => {}
    }
    for form in forms {
        let category = canonical(form);
        if !category.is_empty() && !categories.contains(&category) {
            categories.push(category);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn asks(query: &str) -> Vec<String> {
        Query::new(query, None).unwrap().categories
    }

    #[test]
    fn either_language_asks_for_the_same_category() {
        for word in [
            "식당",
            "음식점",
            "Restaurant",
            "RESTAURANTS",
            " 식당 ",
            "식당에서",
            "식당을",
            "\u{1109}\u{1175}\u{11a8}\u{1103}\u{1161}\u{11bc}",
        ] {
            assert_eq!(asks(word), ["restaurant"], "{word}");
        }
        for word in ["카페", "cafe", "Café", "Cafe\u{301}", "coffee  shop", "카페에서"] {
            assert_eq!(asks(word), ["cafe"], "{word}");
        }
    }

    #[test]
    fn what_no_table_knows_is_asked_for_as_it_is_and_without_its_particle() {
        assert_eq!(asks("두부공방"), ["두부공방"]);
        assert_eq!(asks("두부공방에서"), ["두부공방에서", "두부공방"]);
        // "치과" ends like a particle and is a word of the table.
        assert_eq!(asks("치과"), ["dentist"]);
        assert_eq!(asks("소아과"), ["소아과", "소아"]);
        assert_eq!(asks("blue door"), ["blue door", "blue", "door"]);
    }

    #[test]
    fn the_other_words_are_what_a_shop_must_have_besides() {
        let query = Query::new("강남구 식당", Some("역삼동")).unwrap();
        assert_eq!(query.categories, ["restaurant"]);
        assert_eq!(query.near, Plan::new("강남구 역삼동").unwrap());
        assert_eq!(Query::new("a b c d e f g", None).unwrap().categories.len(), MAX_ASKED);
        assert_eq!(Query::new(" !? ", None), Err(QueryError::Empty));
        assert_eq!(Query::new(&"가".repeat(101), None), Err(QueryError::TooLong(101)));
    }

    #[test]
    fn no_word_is_in_two_groups_and_each_is_written_as_a_key() {
        let mut seen = BTreeSet::new();
        for word in SYNONYMS.iter().copied().flatten() {
            assert_eq!(category_key(word), *word);
            assert!(seen.insert(*word), "{word}");
            assert!(word.chars().count() <= crate::bounds::MAX_CATEGORY, "{word}");
        }
        for group in SYNONYMS {
            assert_eq!(canonical(group[0]), group[0]);
            assert_eq!(canonical(&canonical(group[1])), group[0]);
        }
    }

    #[test]
    fn a_place_is_one_category_and_shard() {
        let places: BTreeSet<[u8; 32]> = ["cafe", "restaurant", "cafe\0"]
            .iter()
            .flat_map(|word| (0..SHARDS).map(|shard| place(word, shard)))
            .collect();
        assert_eq!(places.len(), 3 * usize::from(SHARDS));
        let query = Query::new("식당", None).unwrap();
        assert_eq!(query.places().count(), usize::from(SHARDS));
        let did = Did::from_ed25519([7; 32]);
        assert!(query.places().any(|(_, id)| id == place("restaurant", shard(&did))));
    }
}
