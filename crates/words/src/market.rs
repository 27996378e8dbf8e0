use crate::{Lang, Say, plain};

/// Finding shops in the DHT, and being found there.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Market<'a> {
    /// Asking.
    Asking {
        /// Shards, of all categories.
        shards: usize,
        /// Directories.
        directories: usize,
    },
    /// One shop.
    Shop {
        /// Its name, or its DID.
        name: &'a str,
        /// Its categories.
        categories: &'a str,
        /// What it says of itself.
        description: &'a str,
        /// Its DID.
        did: &'a str,
        /// Where it takes offers, or nothing.
        endpoint: &'a str,
    },
    /// Where one shop was found.
    FoundAt {
        /// The places, joined.
        places: &'a str,
        /// The work that it did to stay there, in zero bits; 0 in directories only.
        work: u8,
    },
    /// Since when a directory lists a shop.
    ListedSince {
        /// The date.
        date: &'a str,
    },
    /// What the DHT answered for one category.
    Dht {
        /// The category.
        category: &'a str,
        /// Shards that somebody answered for.
        shards: usize,
        /// Nodes that answered.
        answered: usize,
        /// Nodes asked.
        asked: usize,
        /// Entries that hold.
        entries: usize,
    },
    /// Invalid entries among the answers.
    Invalid {
        /// How many.
        invalid: usize,
        /// The nodes that gave them, joined, or nothing.
        nodes: &'a str,
    },
    /// A directory answered.
    Directory {
        /// Its address.
        url: &'a str,
        /// Entries that hold.
        entries: usize,
    },
    /// The DHT could not be asked.
    NoDht {
        /// Why.
        reason: &'a str,
    },
    /// Shops of the category that have none of the words besides.
    Elsewhere {
        /// How many.
        shops: usize,
        /// The words.
        near: &'a str,
    },
    /// Nothing fits.
    Nothing {
        /// What was asked for.
        query: &'a str,
    },
    /// Nobody could be asked.
    NobodyAnswered,
    /// What was typed is no question.
    BadQuery {
        /// What is wrong with it.
        problem: &'a str,
    },
    /// The own listing is in the DHT.
    Published {
        /// Under which category.
        category: &'a str,
        /// Nodes that keep it.
        stored: usize,
    },
    /// The own listing is not in the DHT yet.
    NotPublished {
        /// Under which category.
        category: &'a str,
        /// Why.
        reason: &'a str,
    },
}

impl Say for Market<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Asking { shards, directories } => say!(lang,
                ko: "DHT {}조각과 디렉터리 {}곳에 묻고 있어요…", shards, directories;
                en: "Asking {} shard(s) of the DHT and {} directories…", shards, directories),
            Self::Shop { name, categories, description, did, endpoint } => {
                let endpoint = if endpoint.is_empty() { String::new() } else { format!("\n  {}", plain(endpoint)) };
                format!("{} [{}]\n  {}\n  {did}{endpoint}", plain(name), plain(categories), plain(description))
            }
            Self::FoundAt { places, work: 0 } => {
                say!(lang, ko: "찾은 곳: {}", plain(places); en: "Found in {}", plain(places))
            }
            Self::FoundAt { places, work } => say!(lang,
                ko: "찾은 곳: {}(들인 일 {}비트)", plain(places), work;
                en: "Found in {} ({} bits of work)", plain(places), work),
            Self::ListedSince { date } => {
                say!(lang, ko: "디렉터리에 {}부터 올라와 있음", date; en: "Listed in a directory since {}", date)
            }
            Self::Dht { category, shards, answered, asked, entries } => say!(lang,
                ko: "DHT ‘{}’: {}조각, 노드 {}곳 중 {}곳이 답함, 항목 {}개를 확인함", plain(category), shards, asked, answered, entries;
                en: "DHT “{0}”: {1} shard(s), {3} of {2} node(s) answered, {4} verified", plain(category), shards, asked, answered, entries),
            Self::Invalid { invalid, nodes: "" } => say!(lang,
                ko: "맞지 않는 항목 {}개를 뺐어요.", invalid;
                en: "{} invalid entries were left out.", invalid),
            Self::Invalid { invalid, nodes } => say!(lang,
                ko: "조심하세요: 서명이나 자리가 맞지 않는 항목 {}개를 뺐어요. 준 노드: {}", invalid, plain(nodes);
                en: "Beware: {} invalid entries were left out. Given by {}", invalid, plain(nodes)),
            Self::Directory { url, entries } => say!(lang,
                ko: "디렉터리 {}: 항목 {}개를 확인함", plain(url), entries;
                en: "Directory {}: {} verified", plain(url), entries),
            Self::NoDht { reason } => say!(lang,
                ko: "DHT에는 묻지 못했어요: {}", plain(reason);
                en: "The DHT was not asked: {}", plain(reason)),
            Self::Elsewhere { shops, near } => say!(lang,
                ko: "‘{1}’에 맞지 않는 {0}곳은 뺐어요.", shops, plain(near);
                en: "{} more do not fit “{}” and were left out.", shops, plain(near)),
            Self::Nothing { query } => say!(lang,
                ko: "‘{}’에 맞는 곳을 찾지 못했어요. 다른 낱말로 찾거나 `--directory`로 디렉터리를 더해 보세요.", plain(query);
                en: "Nothing fits “{}”. Try another word, or add a directory with --directory.", plain(query)),
            Self::NobodyAnswered => say!(lang,
                ko: "아무도 답하지 않았어요. 네트워크를 확인하고 다시 해 주세요.";
                en: "Nobody answered. Check the network, then try again."),
            Self::BadQuery { problem } => say!(lang,
                ko: "이렇게는 찾을 수 없어요: {}", plain(problem);
                en: "This cannot be looked for: {}", plain(problem)),
            Self::Published { category, stored } => say!(lang,
                ko: "DHT의 ‘{}’에서 찾을 수 있어요(노드 {}곳). 끄면 세 시간 안에 내려가요.", plain(category), stored;
                en: "Found in the DHT under “{}” ({} node(s)); gone within three hours after this stops.", plain(category), stored),
            Self::NotPublished { category, reason } => say!(lang,
                ko: "DHT의 ‘{}’에 아직 올리지 못했어요({}). 다시 해 볼게요.", plain(category), plain(reason);
                en: "Not in the DHT under “{}” yet ({}). It is tried again.", plain(category), plain(reason)),
        }
    }
}
