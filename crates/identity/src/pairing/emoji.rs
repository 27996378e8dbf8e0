//! The 64 emoji of the Matrix specification (client-server API, "SAS method: emoji"), chosen there to look and sound
//! different from one another. The English names are Matrix's; it has no Korean ones, so those are ours.

/// One of the emoji that two people compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emoji {
    /// The emoji itself, with a variation selector where Matrix has one.
    pub symbol: &'static str,
    /// Its name in English, to say aloud.
    pub english: &'static str,
    /// Its name in Korean.
    pub korean: &'static str,
}

const fn emoji(symbol: &'static str, english: &'static str, korean: &'static str) -> Emoji {
    Emoji { symbol, english, korean }
}

/// The emoji for each index of six bits.
pub static EMOJI: [Emoji; 64] = [
    emoji("🐶", "Dog", "개"),
    emoji("🐱", "Cat", "고양이"),
    emoji("🦁", "Lion", "사자"),
    emoji("🐎", "Horse", "말"),
    emoji("🦄", "Unicorn", "유니콘"),
    emoji("🐷", "Pig", "돼지"),
    emoji("🐘", "Elephant", "코끼리"),
    emoji("🐰", "Rabbit", "토끼"),
    emoji("🐼", "Panda", "판다"),
    emoji("🐓", "Rooster", "수탉"),
    emoji("🐧", "Penguin", "펭귄"),
    emoji("🐢", "Turtle", "거북이"),
    emoji("🐟", "Fish", "물고기"),
    emoji("🐙", "Octopus", "문어"),
    emoji("🦋", "Butterfly", "나비"),
    emoji("🌷", "Flower", "꽃"),
    emoji("🌳", "Tree", "나무"),
    emoji("🌵", "Cactus", "선인장"),
    emoji("🍄", "Mushroom", "버섯"),
    emoji("🌏", "Globe", "지구"),
    emoji("🌙", "Moon", "달"),
    emoji("☁️", "Cloud", "구름"),
    emoji("🔥", "Fire", "불"),
    emoji("🍌", "Banana", "바나나"),
    emoji("🍎", "Apple", "사과"),
    emoji("🍓", "Strawberry", "딸기"),
    emoji("🌽", "Corn", "옥수수"),
    emoji("🍕", "Pizza", "피자"),
    emoji("🎂", "Cake", "케이크"),
    emoji("❤️", "Heart", "하트"),
    emoji("😀", "Smiley", "웃는 얼굴"),
    emoji("🤖", "Robot", "로봇"),
    emoji("🎩", "Hat", "모자"),
    emoji("👓", "Glasses", "안경"),
    emoji("🔧", "Spanner", "렌치"),
    emoji("🎅", "Santa", "산타"),
    emoji("👍", "Thumbs Up", "엄지"),
    emoji("☂️", "Umbrella", "우산"),
    emoji("⌛", "Hourglass", "모래시계"),
    emoji("⏰", "Clock", "시계"),
    emoji("🎁", "Gift", "선물"),
    emoji("💡", "Light Bulb", "전구"),
    emoji("📕", "Book", "책"),
    emoji("✏️", "Pencil", "연필"),
    emoji("📎", "Paperclip", "클립"),
    emoji("✂️", "Scissors", "가위"),
    emoji("🔒", "Lock", "자물쇠"),
    emoji("🔑", "Key", "열쇠"),
    emoji("🔨", "Hammer", "망치"),
    emoji("☎️", "Telephone", "전화기"),
    emoji("🏁", "Flag", "깃발"),
    emoji("🚂", "Train", "기차"),
    emoji("🚲", "Bicycle", "자전거"),
    emoji("✈️", "Aeroplane", "비행기"),
    emoji("🚀", "Rocket", "로켓"),
    emoji("🏆", "Trophy", "트로피"),
    emoji("⚽", "Ball", "공"),
    emoji("🎸", "Guitar", "기타"),
    emoji("🎺", "Trumpet", "트럼펫"),
    emoji("🔔", "Bell", "종"),
    emoji("⚓", "Anchor", "닻"),
    emoji("🎧", "Headphones", "헤드폰"),
    emoji("📁", "Folder", "폴더"),
    emoji("📌", "Pin", "압정"),
];

#[cfg(test)]
mod tests {
    use super::{EMOJI, Emoji};
    use std::collections::HashSet;

    #[test]
    fn no_two_emoji_share_a_symbol_or_a_name() {
        let names: [fn(&Emoji) -> &'static str; 3] = [|e| e.symbol, |e| e.english, |e| e.korean];
        for name in names {
            assert_eq!(EMOJI.iter().map(name).collect::<HashSet<_>>().len(), 64);
        }
    }
}
