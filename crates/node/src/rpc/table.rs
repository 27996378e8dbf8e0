//! The methods: their names, parameters and help, and how a call's parameters are checked.

use super::error::{RpcError, RpcResult};
use super::params::Params;
use crate::json::Json;
use crate::node::Node;

/// The JSON type that a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Bool,
    Array,
    Object,
    /// A number or a text with one.
    Amount,
    /// A number of a text of 64 hexadecimal digits.
    HashOrHeight,
    Any,
    /// Anything; on a command line it is text.
    AnyText,
    /// An object whose members may be given as named parameters too.
    Options(&'static [&'static str]),
}

impl Kind {
    /// The type that is expected instead of `value`.
    fn mismatch(self, value: &Json) -> Option<&'static str> {
        let expected = match self {
            Self::Text => "string",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Array => "array",
            Self::Object | Self::Options(_) => "object",
            Self::Amount | Self::HashOrHeight | Self::Any | Self::AnyText => return None,
        };
        (value.type_name() != expected).then_some(expected)
    }
}

/// One parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Argument {
    /// The name; other names after `|`.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

impl Argument {
    fn is_json(&self) -> bool {
        !matches!(self.kind, Kind::Text | Kind::HashOrHeight | Kind::AnyText)
    }
}

/// A parameter that must be given.
pub(super) const fn required(name: &'static str, kind: Kind) -> Argument {
    Argument { name, kind, required: true }
}

/// A parameter that may be left out.
pub(super) const fn optional(name: &'static str, kind: Kind) -> Argument {
    Argument { name, kind, required: false }
}

/// A method.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) name: &'static str,
    /// The heading in `help`; `hidden` ones are not listed.
    pub(super) category: &'static str,
    pub(super) arguments: &'static [Argument],
    pub(super) help: &'static str,
    pub(super) run: fn(&mut Node, &Params) -> RpcResult,
}

impl Method {
    /// The first line of the help: the name and its parameters.
    pub(super) fn usage(&self) -> String {
        let mut usage = self.name.to_owned();
        let mut open = false;
        for argument in self.arguments {
            if !argument.required && !open {
                usage.push_str(" (");
                open = true;
            } else if argument.required && open {
                usage.push_str(" )");
                open = false;
            }
            let name = argument.name.split('|').next().unwrap_or_default();
            usage.push(' ');
            match argument.kind {
                Kind::Text => usage.push_str(&format!("\"{name}\"")),
                Kind::Array => usage.push_str(&format!("[{name},...]")),
                Kind::Object | Kind::Options(_) => usage.push_str(&format!("{{\"{name}\":...}}")),
                _ => usage.push_str(name),
            }
        }
        if open {
            usage.push_str(" )");
        }
        usage
    }

    /// The whole help.
    pub(super) fn help_text(&self) -> String {
        format!("{}\n\n{}\n", self.usage(), self.help)
    }

    /// Puts named parameters in order and checks number and types.
    pub(super) fn arrange(&self, params: Json) -> Result<Params, RpcError> {
        let values = match params {
            Json::Object(members) => self.by_name(members)?,
            Json::Array(values) => values,
            _ => Vec::new(),
        };
        let positional = self.arguments;
        let needed = positional.iter().rposition(|argument| argument.required).map_or(0, |at| at + 1);
        if values.len() < needed || values.len() > positional.len() {
            return Err(RpcError::misc(self.help_text()));
        }
        let mut mismatches = Json::object();
        for (index, argument) in positional.iter().enumerate() {
            let value = values.get(index).unwrap_or(&Json::Null);
            if value.is_null() && !argument.required {
                continue;
            }
            if let Some(expected) = argument.kind.mismatch(value) {
                let name = argument.name.split('|').next().unwrap_or_default();
                mismatches.push(
                    &format!("Position {} ({name})", index + 1),
                    format!("JSON value of type {} is not of expected type {expected}", value.type_name()),
                );
            }
        }
        if let Json::Object(members) = &mismatches
            && !members.is_empty()
        {
            let lines: Vec<String> =
                members.iter().map(|(key, value)| format!("    {}: {value}", Json::from(key.as_str()))).collect();
            return Err(RpcError::type_error(format!("Wrong type passed:\n{{\n{}\n}}", lines.join(",\n"))));
        }
        Ok(Params::new(values))
    }

    fn by_name(&self, members: Vec<(String, Json)>) -> Result<Vec<Json>, RpcError> {
        let mut given: Vec<(String, Json)> = Vec::with_capacity(members.len());
        for (name, value) in members {
            if given.iter().any(|(known, _)| *known == name) {
                return Err(RpcError::invalid_parameter(format!("Parameter {name} specified multiple times")));
            }
            given.push((name, value));
        }
        let mut values: Vec<Json> = Vec::new();
        let (mut hole, mut initial_hole, mut first) = (0, 0, None);
        for argument in self.arguments {
            if let Kind::Options(fields) = argument.kind {
                fold_options(argument.name, fields, &mut given);
            }
            let at = argument.name.split('|').find_map(|name| given.iter().position(|(known, _)| known == name));
            let Some(at) = at else {
                hole += 1;
                if values.is_empty() {
                    initial_hole = hole;
                }
                continue;
            };
            values.extend((0..hole).map(|_| Json::Null));
            hole = 0;
            first = first.or(Some(argument.name));
            values.push(given.remove(at).1);
        }
        if let Some(at) = given.iter().position(|(name, value)| name == "args" && matches!(value, Json::Array(_))) {
            let (_, Json::Array(mut positional)) = given.remove(at) else { return Ok(values) };
            if let Some(first) = first.filter(|_| initial_hole < positional.len()) {
                return Err(RpcError::invalid_parameter(format!(
                    "Parameter {first} specified twice both as positional and named argument"
                )));
            }
            if values.len() > positional.len() {
                positional.extend(values.drain(positional.len()..));
            }
            values = positional;
        }
        match given.first() {
            Some((name, _)) => Err(RpcError::invalid_parameter(format!("Unknown named parameter {name}"))),
            None => Ok(values),
        }
    }
}

/// Puts members of an object that stand alone where they belong.
fn fold_options(name: &str, fields: &[&str], given: &mut Vec<(String, Json)>) {
    let (alone, rest): (Vec<_>, Vec<_>) = given.drain(..).partition(|(name, _)| fields.contains(&name.as_str()));
    *given = rest;
    if alone.is_empty() {
        return;
    }
    match given.iter_mut().find(|(known, _)| known == name) {
        Some((_, Json::Object(members))) => members.extend(alone),
        Some(_) => given.extend(alone),
        None => given.push((name.to_owned(), Json::Object(alone))),
    }
}

/// All methods, by theme.
fn groups() -> [&'static [Method]; 12] {
    use super::methods::{
        blocks, chain, coins, control, light, mempool, mining, network, proofs, snapshot, stats, transactions,
    };
    [
        blocks::METHODS,
        chain::METHODS,
        coins::METHODS,
        control::METHODS,
        light::METHODS,
        mempool::METHODS,
        mining::METHODS,
        network::METHODS,
        proofs::METHODS,
        snapshot::METHODS,
        stats::METHODS,
        transactions::METHODS,
    ]
}

/// All methods.
pub(super) fn methods() -> impl Iterator<Item = &'static Method> {
    groups().into_iter().flatten()
}

/// The method of this name.
pub(super) fn find(name: &str) -> Option<&'static Method> {
    methods().find(|method| method.name == name)
}

/// Whether a method takes JSON, not text, at this place of its parameters.
pub(crate) fn is_json(method: &str, at: usize) -> bool {
    find(method).and_then(|method| method.arguments.get(at)).is_some_and(Argument::is_json)
}

/// Whether a method has a parameter at this place that is JSON or text, not either.
pub(crate) fn takes(method: &str, at: usize) -> bool {
    find(method).and_then(|method| method.arguments.get(at)).is_some_and(|argument| argument.kind != Kind::AnyText)
}

/// Whether a method takes JSON for the parameter of this name; `None` when the method has no such parameter.
pub(crate) fn is_json_by_name(method: &str, name: &str) -> Option<bool> {
    let has = |argument: &&Argument| {
        let member = matches!(argument.kind, Kind::Options(fields) if fields.contains(&name));
        member || argument.name.split('|').any(|known| known == name)
    };
    find(method)?.arguments.iter().find(has).map(Argument::is_json)
}
