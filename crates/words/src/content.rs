use crate::{Lang, Say, count, josa, plain, span};
use std::time::Duration;

/// Files that are shared and fetched.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Content<'a> {
    /// The file is being read, to find its address.
    Hashing {
        /// Bytes read.
        done: u64,
        /// Bytes in all.
        of: u64,
    },
    /// The file is offered under this link.
    Sharing {
        /// Its name.
        name: &'a str,
        /// Bytes.
        size: u64,
        /// The link.
        link: &'a str,
        /// Whether the link holds a key.
        private: bool,
    },
    /// Nodes of the DHT say that it is here.
    Announced {
        /// How many.
        nodes: usize,
    },
    /// Nobody says so yet.
    NotAnnounced,
    /// The file has changed since.
    Changed {
        /// Its path.
        path: &'a str,
    },
    /// It is not offered any more.
    Stopped {
        /// Bytes that others got, about.
        served: u64,
    },
    /// What was fetched before is being checked.
    Checking,
    /// So much is here from before.
    Resumed {
        /// Bytes.
        bytes: u64,
        /// Bytes in all.
        of: u64,
    },
    /// Providers are being looked for.
    Looking,
    /// How far it is.
    Progress {
        /// Bytes.
        bytes: u64,
        /// Bytes in all.
        of: u64,
        /// Bytes in a second.
        rate: u64,
        /// How many give it now.
        providers: usize,
        /// How long it will take, if that can be told.
        left: Option<Duration>,
    },
    /// A node is not asked any more.
    Dropped {
        /// Its name.
        node: &'a str,
        /// Why.
        why: ProviderTrouble,
    },
    /// Everything is here and becomes durable.
    Finishing,
    /// The file is here.
    Fetched {
        /// Where.
        path: &'a str,
        /// Bytes.
        size: u64,
        /// How long the fetching took.
        took: Duration,
        /// From how many nodes.
        providers: usize,
    },
    /// Nobody who has it can be found.
    NoProvider {
        /// Bytes that are here.
        got: u64,
        /// Bytes in all.
        of: u64,
    },
    /// Stopped by the person.
    Interrupted {
        /// Bytes that are here.
        got: u64,
        /// Bytes in all.
        of: u64,
    },
    /// There is a file of that name.
    Exists {
        /// Where.
        path: &'a str,
    },
    /// What was begun there is of another link.
    OtherPart {
        /// Where.
        path: &'a str,
    },
    /// Another process is writing there.
    Held {
        /// Where.
        path: &'a str,
    },
    /// The key of the link does not open it.
    WrongKey,
    /// The disk lost something.
    Damaged,
    /// No room.
    DiskFull {
        /// Where.
        path: &'a str,
    },
    /// The file is not the one of the link.
    OtherFile {
        /// Its path.
        path: &'a str,
    },
    /// A file goes with a payment or a request.
    Attached {
        /// Its name.
        name: &'a str,
    },
    /// Memo and link together are too long.
    AttachmentTooLong {
        /// Characters that the memo may have.
        room: usize,
    },
    /// A file came with a payment.
    Came {
        /// Its name.
        name: &'a str,
        /// Bytes.
        size: u64,
        /// The link.
        link: &'a str,
    },
    /// What was attached is offered.
    Offering {
        /// How many files.
        files: usize,
    },
    /// Nothing was attached.
    NothingAttached,
}

/// Why a node is not asked any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderTrouble {
    /// It sent what does not belong to the file.
    Lied,
    /// It does not have it.
    NotThere,
    /// It had too much to do.
    Busy,
    /// It does not answer.
    Silent,
}

impl Say for ProviderTrouble {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Lied => say!(lang,
                ko: "이 파일의 것이 아닌 조각을 보냈어요. 그 조각은 버렸어요";
                en: "sent a piece that does not belong to the file, which was thrown away"),
            Self::NotThere => say!(lang, ko: "이 파일을 갖고 있지 않아요"; en: "does not have the file"),
            Self::Busy => say!(lang, ko: "계속 바빠요"; en: "is too busy"),
            Self::Silent => say!(lang, ko: "답하지 않아요"; en: "does not answer"),
        }
    }
}

/// A number of bytes as people write it, in powers of ten: `512 B`, `1.5 kB`, `1.1 GB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        // 999.95 would be written 1000.0.
        if value < 999.95 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1_000.0;
    }
    format!("{value:.1} TB")
}

impl Say for Content<'_> {
    fn say(&self, lang: Lang) -> String {
        match *self {
            Self::Hashing { done, of } => say!(lang,
                ko: "파일을 읽어 주소를 셈하는 중 {} / {}", size(done), size(of);
                en: "Reading the file to find its address, {} of {}", size(done), size(of)),
            Self::Sharing { name, size: bytes, link, private } => {
                let who = if private {
                    say!(lang,
                        ko: "이 링크에 열쇠가 들어 있어요. 링크를 받은 사람만 읽을 수 있고, 그 밖에는 암호문만 보여요.";
                        en: "The link holds the key: whoever has the link can read the file, everyone else sees ciphertext.")
                } else {
                    say!(lang,
                        ko: "링크를 아는 사람은 누구나 받을 수 있어요.";
                        en: "Whoever has the link can fetch it.")
                };
                say!(lang,
                    ko: "{} 파일({})을 내놓았어요. {} 이 명령이 켜져 있는 동안 받을 수 있어요.\n{}", plain(name), size(bytes), who, link;
                    en: "Sharing {} ({}). {} It can be fetched while this runs.\n{}", plain(name), size(bytes), who, link)
            }
            Self::Announced { nodes } => say!(lang,
                ko: "이제 찾을 수 있어요. 노드 {}가 이 컴퓨터를 알려 줘요.", count(nodes as u64, "개", "", "", lang);
                en: "It can be found now, by way of {}.", count(nodes as u64, "", "node", "nodes", lang)),
            Self::NotAnnounced => say!(lang,
                ko: "아직 네트워크에 알리지 못했어요. 다시 해 보고 있어요…";
                en: "The network has not been told yet; trying again…"),
            Self::Changed { path } => say!(lang,
                ko: "{} 파일이 바뀌어서 더는 내놓지 않아요. 바뀐 것은 아무에게도 보내지 않았어요. `pumasi share`로 다시 내놓으세요.", plain(path);
                en: "{} has changed and is not offered any more; nothing of the new text was sent. Share it again with `pumasi share`.", plain(path)),
            Self::Stopped { served } => say!(lang,
                ko: "그만 내놓아요. 그동안 {} 정도를 보냈어요.", size(served);
                en: "Not shared any more. About {} were sent.", size(served)),
            Self::Checking => {
                say!(lang, ko: "전에 받은 것을 확인하고 있어요…"; en: "Checking what is here from before…")
            }
            Self::Resumed { bytes, of } => say!(lang,
                ko: "전에 받은 {}에서 이어서 받아요. 모두 {}예요.", size(bytes), size(of);
                en: "Going on from {} of {}.", size(bytes), size(of)),
            Self::Looking => say!(lang, ko: "가진 사람을 찾고 있어요…"; en: "Looking for those who have it…"),
            Self::Progress { bytes, of, rate, providers, left } => {
                let left = left.map_or_else(
                    String::new,
                    |left| say!(lang, ko: ", {} 남음", span(left, lang); en: ", {} left", span(left, lang)),
                );
                say!(lang,
                    ko: "{} / {}, 초당 {}, {}에서{}", size(bytes), size(of), size(rate), count(providers as u64, "곳", "", "", lang), left;
                    en: "{} of {}, {}/s from {}{}", size(bytes), size(of), size(rate), count(providers as u64, "", "provider", "providers", lang), left)
            }
            Self::Dropped { node, why } => say!(lang,
                ko: "노드 {}: {}. 이제 묻지 않아요.", plain(node), why.say(lang);
                en: "Node {} {}; it is not asked any more.", plain(node), why.say(lang)),
            Self::Finishing => say!(lang,
                ko: "다 왔어요. 전체를 확인하고 디스크에 적고 있어요…";
                en: "All of it is here; checking the whole and writing it down…"),
            Self::Fetched { path, size: bytes, took, providers } => say!(lang,
                ko: "{}에 받았어요: {}, {}, {}에서. 조각마다 확인했어요.", plain(path), size(bytes), span(took, lang), count(providers as u64, "곳", "", "", lang);
                en: "Fetched {}: {} in {} from {}, every piece checked.", plain(path), size(bytes), span(took, lang), count(providers as u64, "", "provider", "providers", lang)),
            Self::NoProvider { got, of } => say!(lang,
                ko: "지금은 이 파일을 내놓는 사람을 찾지 못했어요. 받은 것({} / {})은 그대로 있어요. 내놓는 쪽이 켜져 있는지 물어보고, 같은 명령으로 이어서 받으세요.", size(got), size(of);
                en: "Nobody who offers it can be found now. What has come ({} of {}) is kept. Ask whether the sharer is running; the same command goes on.", size(got), size(of)),
            Self::Interrupted { got, of } => say!(lang,
                ko: "멈췄어요. 받은 것({} / {})은 그대로 있어요. 같은 명령으로 이어서 받으세요.", size(got), size(of);
                en: "Stopped. What has come ({} of {}) is kept; the same command goes on.", size(got), size(of)),
            Self::Exists { path } => say!(lang,
                ko: "{} 파일이 이미 있어서 건드리지 않았어요. 다른 곳에 받으려면 `--to`, 바꾸려면 `--force`를 쓰세요.", plain(path);
                en: "{} is there already and was left alone. Use --to for another place, or --force to replace it.", plain(path)),
            Self::OtherPart { path } => say!(lang,
                ko: "{} 파일은 다른 링크로 받다 만 것이라 건드리지 않았어요. 그것을 지우거나 `--to`로 다른 곳에 받으세요.", plain(path);
                en: "{} was begun with another link and was left alone. Remove it, or use --to for another place.", plain(path)),
            Self::Held { path } => say!(lang,
                ko: "다른 프로세스가 {}에 받고 있어요.", plain(path);
                en: "Another process is fetching to {}.", plain(path)),
            Self::WrongKey => say!(lang,
                ko: "링크의 열쇠로 열리지 않아요. 링크를 끝까지 복사했는지 보세요. 아무것도 적지 않았어요.";
                en: "The key of the link does not open the file. Was the whole link copied? Nothing was written."),
            Self::Damaged => say!(lang,
                ko: "디스크에 적힌 것이 받은 것과 달라서 버렸어요. 디스크를 살펴보고 다시 받으세요.";
                en: "What the disk holds is not what was fetched, so it was thrown away. Check the disk and fetch it again."),
            Self::DiskFull { path } => say!(lang,
                ko: "{} 있는 디스크가 가득 찼어요. 받은 것은 그대로 있어요. 자리를 비우고 같은 명령으로 이어서 받으세요.", josa::i(&plain(path));
                en: "The disk that holds {} is full. What has come is kept. Free some space; the same command goes on.", plain(path)),
            Self::OtherFile { path } => say!(lang,
                ko: "{} 파일은 그 링크의 파일이 아니에요. 바뀌었다면 새 링크로 내놓으세요.", plain(path);
                en: "{} is not the file of that link. If it has changed, share it under a new link.", plain(path)),
            Self::Attached { name } => say!(lang,
                ko: "{} 파일을 붙였어요. 암호화된 채로, 여기서 `pumasi listen`이나 `pumasi share --attached`가 켜져 있는 동안 받을 수 있어요.", plain(name);
                en: "{} is attached. It is encrypted, and can be fetched while `pumasi listen` or `pumasi share --attached` runs here.", plain(name)),
            Self::AttachmentTooLong { room } => say!(lang,
                ko: "파일을 붙이면 메모는 {}자까지 쓸 수 있어요. 아무것도 보내지 않았어요.", room;
                en: "With an attachment the memo may have {} characters. Nothing was sent.", room),
            Self::Came { name, size: bytes, link } => say!(lang,
                ko: "{} 파일({})이 붙어 있어요. 받으려면: pumasi fetch '{}'", plain(name), size(bytes), plain(link);
                en: "{} ({}) is attached. To get it: pumasi fetch '{}'", plain(name), size(bytes), plain(link)),
            Self::Offering { files } => say!(lang,
                ko: "붙인 파일 {}를 받을 수 있게 내놓고 있어요.", count(files as u64, "개", "", "", lang);
                en: "Offering {} that went with payments.", count(files as u64, "", "file", "files", lang)),
            Self::NothingAttached => say!(lang,
                ko: "붙인 파일이 없어요.";
                en: "Nothing is attached to any payment or request."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_people_write_them() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_960, "1.0 MB"),
            (1_073_741_824, "1.1 GB"),
            (u64::MAX, "18446744.1 TB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn progress_reads_like_a_sentence() {
        let left = Some(Duration::from_secs(6));
        let progress =
            Content::Progress { bytes: 480_000_000, of: 1_073_741_824, rate: 85_000_000, providers: 2, left };
        assert_eq!(progress.say(Lang::En), "480.0 MB of 1.1 GB, 85.0 MB/s from 2 providers, 6.0 s left");
        assert_eq!(progress.say(Lang::Ko), "480.0 MB / 1.1 GB, 초당 85.0 MB, 2곳에서, 6.0초 남음");
    }

    #[test]
    fn a_liar_is_named_with_what_it_did() {
        let dropped = Content::Dropped { node: "12D3KooWabc", why: ProviderTrouble::Lied };
        assert!(dropped.say(Lang::En).starts_with("Node 12D3KooWabc sent a piece that does not belong"));
    }
}
