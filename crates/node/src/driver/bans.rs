//! The ban list on disk, in the form of Bitcoin Core's `banlist.json`.

use pumasi_p2p::{Ban, Subnet, Time};

use crate::json::Json;

/// The name of the file.
pub(super) const FILE_NAME: &str = "banlist.json";
/// Most ranges that are read; what is behind them was not written by us.
const MAX_BANS: usize = 100_000;

/// The list as text.
pub(super) fn write(bans: &[(Subnet, Ban)]) -> String {
    let ranges = bans.iter().map(|(subnet, ban)| {
        Json::object()
            .with("version", 1)
            .with("ban_created", ban.created.secs())
            .with("banned_until", ban.until.secs())
            .with("address", subnet.to_string())
    });
    Json::object().with("banned_nets", Json::Array(ranges.collect())).to_string()
}

/// Reads [`write()`]; ranges that are none are left out. `None` when it is no ban list at all.
pub(super) fn read(text: &[u8]) -> Option<Vec<(Subnet, Ban)>> {
    let list = Json::parse(text)?;
    let Json::Array(ranges) = list.get("banned_nets")? else { return None };
    let range = |entry: &Json| {
        let time = |key: &str| entry.get(key)?.to_string().parse().ok().map(Time::from_secs);
        let subnet = entry.get("address")?.as_str()?.parse().ok()?;
        Some((subnet, Ban { created: time("ban_created")?, until: time("banned_until")? }))
    };
    Some(ranges.iter().take(MAX_BANS).filter_map(range).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_survive_their_file() {
        let ban = Ban { created: Time::from_secs(5), until: Time::from_secs(9) };
        let list = [("10.0.0.0/8".parse().unwrap(), ban), ("1.2.3.4".parse().unwrap(), ban)];
        assert_eq!(read(write(&list).as_bytes()).unwrap(), list);
        assert_eq!(read(b"{}"), None);
        assert_eq!(read(br#"{"banned_nets":[{"address":"nonsense"}]}"#).unwrap(), []);
    }
}
