//! What a client needs to know of the node that it asks: the same files, read without making any.

use std::path::PathBuf;

use super::settings::{default_rpc_port, folder_name, network_of, port_of, read_files, section_name};
use super::{Args, ConfError};

/// Where a node is and how to prove who asks.
#[derive(Debug, Clone)]
pub(crate) struct ClientSettings {
    /// `-rpcport`.
    pub(crate) given_port: Option<u16>,
    /// The network's port.
    pub(crate) default_port: u16,
    /// `-rpcuser`.
    pub(crate) user: String,
    /// `-rpcpassword`; without it the cookie counts.
    pub(crate) password: Option<String>,
    /// The cookie; `None` with `-norpccookiefile`.
    pub(crate) cookie: Option<PathBuf>,
    /// The configuration file.
    pub(crate) file: PathBuf,
}

impl ClientSettings {
    /// Reads the configuration file that the options name.
    pub(crate) fn load(mut args: Args) -> Result<Self, ConfError> {
        read_files(&mut args)?;
        let network = network_of(&args)?;
        args.select_network(section_name(network));
        let base = args.base_folder();
        let cookie = (!args.is_negated("rpccookiefile"))
            .then(|| args.path("rpccookiefile", ".cookie", &base.join(folder_name(network))));
        Ok(Self {
            given_port: port_of(&args, "rpcport").map_err(|_| {
                ConfError::Value(format!(
                    "Invalid port provided in -rpcport: {}",
                    args.text("rpcport").unwrap_or_default()
                ))
            })?,
            default_port: default_rpc_port(network),
            user: args.text("rpcuser").unwrap_or_default().to_owned(),
            password: args.text("rpcpassword").filter(|text| !text.is_empty()).map(str::to_owned),
            cookie,
            file: args.path("conf", "bitcoin.conf", &base),
        })
    }
}
