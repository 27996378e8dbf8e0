//! Peers: who they are, adding, dropping and banning them.

use bitcoin::Network;
use bitcoin::p2p::ServiceFlags;
use pumasi_p2p::wire::{Message, MessageType};
use pumasi_p2p::{
    AddressEntry, ConnectionKind, NetAddr, NetworkKind, PROTOCOL_VERSION, PeerAddress, PeerId, PeerInfo, Subnet, Time,
};

use super::{Kind, Method, optional, required};
use crate::clock;
use crate::conf::CLIENT_VERSION;
use crate::json::Json;
use crate::node::Node;
use crate::rpc::error::{RpcError, RpcResult};
use crate::rpc::params::{Params, btc};

/// Seconds that a ban holds when nothing else is said.
const DEFAULT_BAN_TIME: i64 = 24 * 60 * 60;

pub(in crate::rpc) const METHODS: &[Method] = &[
    Method {
        name: "getpeerinfo",
        category: "Network",
        arguments: &[],
        help: "Returns data about each connected network peer as a json array of objects.\n\
               network is one of (ipv4, ipv6, onion, i2p, cjdns, not_publicly_routable).",
        run: peers,
    },
    Method {
        name: "getnetworkinfo",
        category: "Network",
        arguments: &[],
        help: "Returns an object containing various state info regarding P2P networking.\n\
               The networks are (ipv4, ipv6, onion, i2p, cjdns).",
        run: info,
    },
    Method {
        name: "getconnectioncount",
        category: "Network",
        arguments: &[],
        help: "Returns the number of connections to other nodes.",
        run: |node, _| {
            let counts = node.net.connection_counts();
            Ok(Json::from(counts.inbound + counts.outbound))
        },
    },
    Method {
        name: "getnettotals",
        category: "Network",
        arguments: &[],
        help: "Returns information about network traffic, including bytes in, bytes out, and current system time.",
        run: totals,
    },
    Method {
        name: "addnode",
        category: "Network",
        arguments: &[
            required("node", Kind::Text),
            required("command", Kind::Text),
            optional("v2transport", Kind::Bool),
        ],
        help: "Attempts to add or remove a node from the addnode list.\nOr try a connection to a node once.\n\
               command is 'add', 'remove' or 'onetry'.",
        run: add_node,
    },
    Method {
        name: "getaddednodeinfo",
        category: "Network",
        arguments: &[optional("node", Kind::Text)],
        help: "Returns information about the given added node, or all added nodes.",
        run: added_nodes,
    },
    Method {
        name: "addconnection",
        category: "hidden",
        arguments: &[
            required("address", Kind::Text),
            required("connection_type", Kind::Text),
            required("v2transport", Kind::Bool),
        ],
        help: "Open an outbound connection to a specified node. This RPC is for testing only.\n\
               connection_type is \"outbound-full-relay\", \"block-relay-only\", \"addr-fetch\" or \"feeler\".",
        run: add_connection,
    },
    Method {
        name: "disconnectnode",
        category: "Network",
        arguments: &[optional("address", Kind::Text), optional("nodeid", Kind::Number)],
        help: "Immediately disconnects from the specified peer node.\n\n\
               Strictly one out of 'address' and 'nodeid' can be provided to identify the node.",
        run: disconnect,
    },
    Method {
        name: "setban",
        category: "Network",
        arguments: &[
            required("subnet", Kind::Text),
            required("command", Kind::Text),
            optional("bantime", Kind::Number),
            optional("absolute", Kind::Bool),
        ],
        help: "Attempts to add or remove an IP/Subnet from the banned list.\ncommand is 'add' or 'remove'.",
        run: set_ban,
    },
    Method {
        name: "listbanned",
        category: "Network",
        arguments: &[],
        help: "List all manually banned IPs/Subnets.",
        run: banned,
    },
    Method {
        name: "clearbanned",
        category: "Network",
        arguments: &[],
        help: "Clear all banned IPs.",
        run: |node, _| {
            node.net.clear_bans();
            Ok(Json::Null)
        },
    },
    Method {
        name: "ping",
        category: "Network",
        arguments: &[],
        help: "Requests that a ping be sent to all other nodes, to measure ping time.",
        run: |node, _| {
            node.net.ping_all();
            Ok(Json::Null)
        },
    },
    Method {
        name: "setnetworkactive",
        category: "Network",
        arguments: &[required("state", Kind::Bool)],
        help: "Disable/enable all p2p network activity.",
        run: |node, params| {
            let active = params.flag(0, true);
            node.net.set_network_active(active);
            Ok(Json::Bool(active))
        },
    },
    Method {
        name: "getnodeaddresses",
        category: "Network",
        arguments: &[optional("count", Kind::Number), optional("network", Kind::Text)],
        help: "Return known addresses, after filtering for quality and recency.",
        run: addresses,
    },
    Method {
        name: "addpeeraddress",
        category: "hidden",
        arguments: &[required("address", Kind::Text), required("port", Kind::Number), optional("tried", Kind::Bool)],
        help: "Add the address of a potential peer to an address manager table. This RPC is for testing only.",
        run: add_address,
    },
    Method {
        name: "sendmsgtopeer",
        category: "hidden",
        arguments: &[required("peer_id", Kind::Number), required("msg_type", Kind::Text), required("msg", Kind::Text)],
        help: "Send a p2p message to a peer specified by id. The message type and body must be provided, the message \
               header will be generated. This RPC is for testing only.",
        run: send_message,
    },
    Method {
        name: "getaddrmaninfo",
        category: "Network",
        arguments: &[],
        help: "Provides information about the node's address manager by returning the number of addresses in the `new` \
               and `tried` tables and their sum for all networks.",
        run: address_counts,
    },
    Method {
        name: "getrawaddrman",
        category: "hidden",
        arguments: &[],
        help: "EXPERIMENTAL warning: this call may be changed in future releases.\n\n\
               Returns information on all address manager entries for the new and tried tables.",
        run: raw_addresses,
    },
];

/// Core's names of the services, in the order of their bits.
fn service_names(services: ServiceFlags) -> Vec<&'static str> {
    let all = [
        (ServiceFlags::NETWORK, "NETWORK"),
        (ServiceFlags::BLOOM, "BLOOM"),
        (ServiceFlags::WITNESS, "WITNESS"),
        (ServiceFlags::COMPACT_FILTERS, "COMPACT_FILTERS"),
        (ServiceFlags::NETWORK_LIMITED, "NETWORK_LIMITED"),
        (ServiceFlags::P2P_V2, "P2P_V2"),
    ];
    all.into_iter().filter(|(flag, _)| services.has(*flag)).map(|(_, name)| name).collect()
}

fn seconds(micros: i64) -> Json {
    Json::Number(format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000))
}

fn peers(node: &mut Node, _: &Params) -> RpcResult {
    let now = node.time();
    Ok(Json::Array(node.net.peer_infos(now).iter().map(peer).collect()))
}

fn peer(info: &PeerInfo) -> Json {
    let mut view =
        Json::object().with("id", info.id.0).with("addr", info.name.clone()).with("addrbind", info.bound.to_string());
    if let Some(local) = info.address_local {
        view.push("addrlocal", local.to_string());
    }
    view.push("network", info.network.name());
    view.push("services", format!("{:016x}", info.services.to_u64()));
    view.push("servicesnames", service_names(info.services));
    view.push("relaytxes", info.relays_txs);
    view.push("last_inv_sequence", info.last_inv_sequence);
    view.push("inv_to_send", info.inv_to_send);
    for (name, time) in [
        ("lastsend", info.last_send),
        ("lastrecv", info.last_receive),
        ("last_transaction", info.last_transaction),
        ("last_block", info.last_block),
    ] {
        view.push(name, time.secs());
    }
    view.push("bytessent", info.bytes_sent);
    view.push("bytesrecv", info.bytes_received);
    view.push("conntime", info.connected.secs());
    view.push("timeoffset", info.time_offset);
    for (name, time) in [("pingtime", info.ping), ("minping", info.min_ping), ("pingwait", info.ping_wait)] {
        if let Some(micros) = time {
            view.push(name, seconds(micros));
        }
    }
    view.push("version", info.version);
    view.push("subver", info.subversion.clone());
    view.push("inbound", info.inbound);
    view.push("bip152_hb_to", info.high_bandwidth_to);
    view.push("bip152_hb_from", info.high_bandwidth_from);
    view.push("presynced_headers", info.presynced_headers);
    view.push("synced_headers", info.synced_headers);
    view.push("synced_blocks", info.synced_blocks);
    view.push("inflight", info.in_flight.clone());
    view.push("addr_relay_enabled", info.addr_relay);
    view.push("addr_processed", info.addr_processed);
    view.push("addr_rate_limited", info.addr_rate_limited);
    view.push("permissions", info.permissions.clone());
    view.push("minfeefilter", btc(i64::try_from(info.min_fee_filter).unwrap_or(i64::MAX)));
    let by_type = |counts: &std::collections::BTreeMap<pumasi_p2p::wire::MessageType, u64>| {
        counts.iter().fold(Json::object(), |view, (kind, bytes)| view.with(&kind.to_string(), *bytes))
    };
    view.push("bytessent_per_msg", by_type(&info.sent_by_type));
    view.push("bytesrecv_per_msg", by_type(&info.received_by_type));
    view.push("connection_type", info.kind.name());
    view.push("transport_protocol_type", info.transport.kind.name());
    view.push("session_id", info.transport.session_id.map(hex::encode).unwrap_or_default());
    view
}

fn info(node: &mut Node, _: &Params) -> RpcResult {
    let services = node.net.local_services();
    let counts = node.net.connection_counts();
    let config = node.backend.mempool.config();
    let only = node.settings.args.all("onlynet");
    let networks = NetworkKind::ROUTABLE.into_iter().map(|network| {
        // Sockets reach IPv4 and IPv6; the others would need a proxy.
        let reachable = matches!(network, NetworkKind::Ipv4 | NetworkKind::Ipv6)
            && (only.is_empty() || only.contains(&network.name()));
        Json::object()
            .with("name", network.name())
            .with("limited", !reachable)
            .with("reachable", reachable)
            .with("proxy", "")
            .with("proxy_randomize_credentials", false)
    });
    let networks = Json::Array(networks.collect());
    // Given by hand, which counts most (Core's `LOCAL_MANUAL`).
    let local = node.net.local_addresses().iter().map(|address| {
        Json::object().with("address", address.addr.to_string()).with("port", address.port).with("score", 4)
    });
    Ok(Json::object()
        .with("version", CLIENT_VERSION)
        .with("subversion", node.settings.subversion.clone())
        .with("protocolversion", PROTOCOL_VERSION)
        .with("localservices", format!("{:016x}", services.to_u64()))
        .with("localservicesnames", service_names(services))
        .with("localrelay", !node.settings.args.flag("blocksonly", false))
        .with("timeoffset", node.net.median_time_offset())
        .with("networkactive", node.net.network_active())
        .with("connections", counts.inbound + counts.outbound)
        .with("connections_in", counts.inbound)
        .with("connections_out", counts.outbound)
        .with("networks", networks)
        .with("relayfee", btc(config.min_relay_feerate.sat_per_kvb()))
        .with("incrementalfee", btc(config.incremental_relay_feerate.sat_per_kvb()))
        .with("localaddresses", Json::Array(local.collect()))
        .with("warnings", node.backend.warnings_view()))
}

fn totals(node: &mut Node, _: &Params) -> RpcResult {
    let now = node.time();
    let target = node.settings.max_upload;
    let totals = node.net.totals();
    let left = target.saturating_sub(totals.sent_in_cycle());
    let upload = Json::object()
        .with("timeframe", 86_400)
        .with("target", target)
        .with("target_reached", node.net.upload_target_reached(false, now))
        .with("serve_historical_blocks", !node.net.upload_target_reached(true, now))
        .with("bytes_left_in_cycle", left)
        .with("time_left_in_cycle", if target == 0 { 0 } else { totals.cycle_left(now) });
    Ok(Json::object()
        .with("totalbytesrecv", totals.received)
        .with("totalbytessent", totals.sent)
        .with("timemillis", i64::try_from(clock::real().as_millis()).unwrap_or(i64::MAX))
        .with("uploadtarget", upload))
}

/// What a method says that was called in a wrong way: its help.
fn usage(name: &str) -> RpcError {
    let text = crate::rpc::table::find(name).map(|method| method.help_text());
    RpcError::misc(text.unwrap_or_default())
}

fn wants_v2(node: &Node, params: &Params, index: usize, refusal: &str) -> Result<bool, RpcError> {
    let ours = node.net.local_services().has(ServiceFlags::P2P_V2);
    let wanted = params.flag(index, ours);
    if wanted && !ours {
        return Err(RpcError::invalid_parameter(refusal));
    }
    Ok(wanted)
}

fn add_node(node: &mut Node, params: &Params) -> RpcResult {
    let (peer, command) = (params.required_text(0), params.required_text(1));
    if !matches!(command, "add" | "remove" | "onetry") {
        return Err(usage("addnode"));
    }
    let v2 = wants_v2(node, params, 2, "Error: v2transport requested but not enabled (see -v2transport)")?;
    let now = node.time();
    match command {
        "onetry" => node.net.connect_once(peer, v2, now),
        "add" => node.net.add_node(peer, v2).map_err(|_| RpcError::peer_already_added("Error: Node already added"))?,
        _ => node.net.remove_node(peer).map_err(|_| {
            RpcError::peer_not_added("Error: Node could not be removed. It has not been added previously.")
        })?,
    }
    Ok(Json::Null)
}

fn added_nodes(node: &mut Node, params: &Params) -> RpcResult {
    let mut views = Vec::new();
    let wanted = params.text(0);
    for added in node.net.added_nodes() {
        if wanted.is_some_and(|wanted| wanted != added.name) {
            continue;
        }
        let addresses = added.connected.iter().map(|(address, inbound)| {
            Json::object()
                .with("address", address.to_string())
                .with("connected", if *inbound { "inbound" } else { "outbound" })
        });
        let addresses = Json::Array(addresses.collect());
        let connected = added.connected.is_some();
        views.push(
            Json::object().with("addednode", added.name).with("connected", connected).with("addresses", addresses),
        );
    }
    if wanted.is_some() && views.is_empty() {
        return Err(RpcError::peer_not_added("Error: Node has not been added."));
    }
    Ok(Json::Array(views))
}

fn add_connection(node: &mut Node, params: &Params) -> RpcResult {
    if node.settings.network != Network::Regtest {
        return Err(RpcError::misc("addconnection is for regression testing (-regtest mode) only."));
    }
    let (address, name) = (params.required_text(0), params.required_text(1).trim());
    let kind = match ConnectionKind::from_name(name) {
        Some(
            kind @ (ConnectionKind::FullRelay
            | ConnectionKind::BlockRelay
            | ConnectionKind::AddrFetch
            | ConnectionKind::Feeler),
        ) => kind,
        _ => return Err(RpcError::invalid_parameter(usage("addconnection").message)),
    };
    let refusal = "Error: Adding v2transport connections requires -v2transport init flag to be set.";
    let v2 = wants_v2(node, params, 2, refusal)?;
    let now = node.time();
    node.net
        .add_connection(address, kind, v2, now)
        .map_err(|_| RpcError::node_capacity_reached("Error: Already at capacity for specified connection type."))?;
    Ok(Json::object().with("address", address).with("connection_type", name))
}

fn disconnect(node: &mut Node, params: &Params) -> RpcResult {
    let (address, id) = (params.text(0), params.integer(1)?);
    let found = match (address, id) {
        (Some(address), None) => node.net.disconnect_address(address),
        (None | Some(""), Some(id)) => u64::try_from(id).is_ok_and(|id| node.net.disconnect_id(PeerId(id))),
        _ => return Err(RpcError::invalid_params("Only one of address and nodeid should be provided.")),
    };
    if !found {
        return Err(RpcError::peer_not_connected("Node not found in connected nodes"));
    }
    Ok(Json::Null)
}

fn subnet_of(text: &str) -> Result<Subnet, RpcError> {
    let invalid = || RpcError::invalid_ip_or_subnet("Error: Invalid IP/Subnet");
    if text.contains('/') {
        return text.parse().map_err(|_| invalid());
    }
    text.parse::<NetAddr>().map(Subnet::single).map_err(|_| invalid())
}

fn set_ban(node: &mut Node, params: &Params) -> RpcResult {
    let command = params.required_text(1);
    if !matches!(command, "add" | "remove") {
        return Err(usage("setban"));
    }
    let subnet = subnet_of(params.required_text(0))?;
    let now = node.time();
    if command == "remove" {
        if !node.net.unban(&subnet) {
            return Err(RpcError::invalid_ip_or_subnet(
                "Error: Unban failed. Requested address/subnet was not previously manually banned.",
            ));
        }
        return Ok(Json::Null);
    }
    let bans = node.net.bans();
    let known = match params.required_text(0).parse::<NetAddr>() {
        Ok(address) => bans.is_banned(&address, now),
        Err(_) => bans.is_subnet_banned(&subnet, now),
    };
    if known {
        return Err(RpcError::peer_already_added("Error: IP/Subnet already banned"));
    }
    let (time, absolute) = (params.integer(2)?.unwrap_or(0), params.flag(3, false));
    if absolute && time < now.secs() {
        return Err(RpcError::invalid_parameter("Error: Absolute timestamp is in the past"));
    }
    let default = node.settings.args.integer("bantime", DEFAULT_BAN_TIME);
    let until = match (time, absolute) {
        (0, _) => now.secs().saturating_add(default),
        (time, true) => time,
        (time, false) => now.secs().saturating_add(time),
    };
    node.net.ban(subnet, Time::from_secs(until), now);
    Ok(Json::Null)
}

fn banned(node: &mut Node, _: &Params) -> RpcResult {
    let now = node.time();
    let views = node.net.bans().list(now).into_iter().map(|(subnet, ban)| {
        Json::object()
            .with("address", subnet.to_string())
            .with("ban_created", ban.created.secs())
            .with("banned_until", ban.until.secs())
            .with("ban_duration", ban.until.secs() - ban.created.secs())
            .with("time_remaining", ban.until.secs() - now.secs())
    });
    Ok(Json::Array(views.collect()))
}

fn addresses(node: &mut Node, params: &Params) -> RpcResult {
    let count = params.integer(0)?.unwrap_or(1);
    let count = usize::try_from(count).map_err(|_| RpcError::invalid_parameter("Address count out of range"))?;
    let network = match params.text(1) {
        None => None,
        Some(name) => Some(
            NetworkKind::from_name(name)
                .ok_or_else(|| RpcError::invalid_parameter(format!("Network not recognized: {name}")))?,
        ),
    };
    let known = node.net.book().positions().into_iter().map(|(entry, _)| entry.info);
    let wanted = known.filter(|info| network.is_none_or(|network| info.address.addr.network() == network));
    let views = wanted.take(if count == 0 { usize::MAX } else { count }).map(|info| {
        Json::object()
            .with("time", info.time)
            .with("services", info.services.to_u64())
            .with("address", info.address.addr.to_string())
            .with("port", info.address.port)
            .with("network", info.address.addr.network().name())
    });
    Ok(Json::Array(views.collect()))
}

fn add_address(node: &mut Node, params: &Params) -> RpcResult {
    let addr: NetAddr =
        params.required_text(0).parse().map_err(|_| RpcError::invalid_ip_or_subnet("Invalid IP address"))?;
    let port = params.integer(1)?.and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| RpcError::misc("JSON integer out of range"))?;
    let now = node.time();
    let address = PeerAddress { addr, port };
    let entry = AddressEntry {
        address,
        services: ServiceFlags::NETWORK | ServiceFlags::WITNESS,
        time: u32::try_from(now.secs()).unwrap_or(u32::MAX),
    };
    let book = node.net.book_mut();
    if !book.add(&[entry], &addr, std::time::Duration::ZERO, now) {
        return Ok(Json::object().with("success", false).with("error", "failed-adding-to-new"));
    }
    if params.flag(2, false) && !book.good(&address, now) {
        return Ok(Json::object().with("success", false).with("error", "failed-adding-to-tried"));
    }
    Ok(Json::object().with("success", true))
}

/// The longest type of a message.
const MAX_MESSAGE_TYPE: usize = 12;

fn send_message(node: &mut Node, params: &Params) -> RpcResult {
    let peer = params.integer(0)?.and_then(|id| u64::try_from(id).ok()).unwrap_or(u64::MAX);
    let kind = params.required_text(1);
    if kind.len() > MAX_MESSAGE_TYPE {
        return Err(RpcError::invalid_parameter(format!("Error: msg_type too long, max length is {MAX_MESSAGE_TYPE}")));
    }
    let payload =
        hex::decode(params.required_text(2)).map_err(|_| RpcError::invalid_parameter("Error parsing input for msg"))?;
    let kind = MessageType::from_name(kind);
    let kind = kind.ok_or_else(|| RpcError::invalid_parameter("Error: msg_type is not readable"))?;
    if !node.net.send_raw(PeerId(peer), Message { kind, payload }) {
        return Err(RpcError::misc("Error: Could not send message to peer"));
    }
    Ok(Json::object())
}

fn address_counts(node: &mut Node, _: &Params) -> RpcResult {
    let count = |network| {
        let (new, tried) = node.net.book().counts(network);
        Json::object().with("new", new).with("tried", tried).with("total", new + tried)
    };
    let all = NetworkKind::ROUTABLE.into_iter();
    let view = all.fold(Json::object(), |view, network| view.with(network.name(), count(Some(network))));
    Ok(view.with("all_networks", count(None)))
}

fn raw_addresses(node: &mut Node, _: &Params) -> RpcResult {
    let (mut new, mut tried) = (Json::object(), Json::object());
    for (entry, place) in node.net.book().positions() {
        let info = entry.info;
        let view = Json::object()
            .with("address", info.address.addr.to_string())
            .with("port", info.address.port)
            .with("services", info.services.to_u64())
            .with("time", info.time)
            .with("network", info.address.addr.network().name())
            .with("source", entry.source.to_string())
            .with("source_network", entry.source.network().name());
        let table = if place.tried { &mut tried } else { &mut new };
        table.push(&format!("{}/{}", place.bucket, place.position), view);
    }
    Ok(Json::object().with("new", new).with("tried", tried))
}
