//! The command line and the configuration file, and which of them wins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::ConfError;
use super::file;
use super::options::{self, Scope};

/// A setting as given; a negated option (`-nolisten`) has no text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Text(String),
    Negated,
}

impl Value {
    /// Reads `-name`, `-name=value` or `-noname`; a double negation (`-nolisten=0`) is a plain `1`.
    fn interpret(negated: bool, text: Option<&str>) -> Self {
        match (negated, text) {
            (true, Some(text)) if !truth(text) => Self::Text("1".to_owned()),
            (true, _) => Self::Negated,
            (false, text) => Self::Text(text.unwrap_or_default().to_owned()),
        }
    }
}

/// Core's reading of a yes-or-no value: an empty text is yes, otherwise the number that it begins with.
fn truth(text: &str) -> bool {
    text.is_empty() || leading_integer(text) != 0
}

/// The integer that a text begins with, or 0, as C's `atoi` reads it.
fn leading_integer(text: &str) -> i64 {
    let text = text.trim_start();
    let end = text
        .char_indices()
        .take_while(|(at, c)| c.is_ascii_digit() || (*at == 0 && matches!(c, '-' | '+')))
        .last()
        .map_or(0, |(at, c)| at + c.len_utf8());
    text[..end].parse().unwrap_or(0)
}

type Settings = BTreeMap<String, Vec<Value>>;

/// All settings of a node, and the network that decides which sections count.
#[derive(Debug, Clone, Default)]
pub struct Args {
    command_line: Settings,
    sections: BTreeMap<String, Settings>,
    network: String,
    /// What the user should read on the terminal.
    pub notices: Vec<String>,
}

impl Args {
    /// Reads the arguments that follow the program's name.
    ///
    /// # Errors
    /// An unknown option or a word that is no option, in Bitcoin Core's words.
    pub fn parse(arguments: &[String]) -> Result<Self, ConfError> {
        let mut args = Self::default();
        for argument in arguments {
            let Some(option) = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-')) else {
                return Err(ConfError::Token(argument.clone()));
            };
            let (name, text) = match option.split_once('=') {
                Some((name, text)) => (name, Some(text)),
                None => (option, None),
            };
            let (name, negated) = option_of(name).ok_or_else(|| ConfError::Parameter(argument.clone()))?;
            if name == "includeconf" {
                let told = match Value::interpret(negated, text) {
                    Value::Negated => None,
                    _ if negated => Some("true".to_owned()),
                    Value::Text(text) => Some(format!("\"{text}\"")),
                };
                if let Some(told) = told {
                    return Err(ConfError::CommandLine(format!(
                        "-includeconf cannot be used from commandline; -includeconf={told}"
                    )));
                }
            }
            args.command_line.entry(name.to_owned()).or_default().push(Value::interpret(negated, text));
        }
        Ok(args)
    }

    /// Reads a configuration file's text; unknown options are returned, to be told as warnings.
    ///
    /// # Errors
    /// The first line that is no setting.
    pub fn read_file(&mut self, text: &str) -> Result<Vec<String>, ConfError> {
        let mut unknown = Vec::new();
        for line in file::parse(text).map_err(ConfError::File)? {
            if line.name == "conf" {
                return Err(ConfError::File(
                    "conf cannot be set in the configuration file; use includeconf= if you want to include \
                     additional config files"
                        .to_owned(),
                ));
            }
            let Some((name, negated)) = option_of(&line.name) else {
                unknown.push(line.name);
                continue;
            };
            let section = self.sections.entry(line.section).or_default();
            section.entry(name.to_owned()).or_default().push(Value::interpret(negated, Some(&line.value)));
        }
        Ok(unknown)
    }

    /// The network's section counts from now on: `main`, `test`, `testnet4`, `signet` or `regtest`.
    pub(super) fn select_network(&mut self, section: &str) {
        section.clone_into(&mut self.network);
    }

    /// Values for `name` in the order of their weight: command line (where the last one wins), section, general part.
    fn sources<'a>(&'a self, name: &str) -> impl Iterator<Item = (bool, &'a [Value])> + use<'a> {
        let general = self.network == "main" || options::scope(name) != Some(Scope::Network);
        let section = if self.network.is_empty() { None } else { self.sections.get(&self.network) };
        let found: [Option<(bool, &'a [Value])>; 3] = [
            self.command_line.get(name).map(|values| (true, values.as_slice())),
            section.and_then(|all| all.get(name)).map(|values| (false, values.as_slice())),
            self.sections
                .get("")
                .filter(|_| general)
                .and_then(|all| all.get(name))
                .map(|values| (false, values.as_slice())),
        ];
        found.into_iter().flatten()
    }

    fn value(&self, name: &str) -> Option<&Value> {
        // On the command line the last one counts, in a file the first one, unless it is negated further down.
        self.sources(name).find_map(|(last_wins, values)| match values.last() {
            Some(Value::Negated) => Some(&Value::Negated),
            last if last_wins => last,
            _ => values.iter().rev().take_while(|value| **value != Value::Negated).last(),
        })
    }

    /// The text of an option; `None` when it is not given or is negated.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Value::Text(text) => Some(text),
            Value::Negated => None,
        }
    }

    /// Whether an option is given in any form.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Whether an option is given and negated (`-noconnect`, `connect=0` counts too).
    #[must_use]
    pub fn is_negated(&self, name: &str) -> bool {
        match self.value(name) {
            Some(Value::Negated) => true,
            Some(Value::Text(text)) => text == "0",
            None => false,
        }
    }

    /// A yes-or-no option.
    #[must_use]
    pub fn flag(&self, name: &str, default: bool) -> bool {
        match self.value(name) {
            Some(Value::Text(text)) => truth(text),
            Some(Value::Negated) => false,
            None => default,
        }
    }

    /// A number; a text that is none reads as 0, as in Bitcoin Core.
    #[must_use]
    pub fn integer(&self, name: &str, default: i64) -> i64 {
        match self.value(name) {
            Some(Value::Text(text)) => leading_integer(text),
            Some(Value::Negated) => 0,
            None => default,
        }
    }

    /// All values of an option that may be given several times; a negation drops the ones before it.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        let mut found = Vec::new();
        for (_, values) in self.sources(name) {
            let start = values.iter().rposition(|value| *value == Value::Negated).map_or(0, |at| at + 1);
            found.extend(values[start..].iter().filter_map(|value| match value {
                Value::Text(text) => Some(text.as_str()),
                Value::Negated => None,
            }));
            if start > 0 {
                break;
            }
        }
        found
    }

    /// The folder given with `-datadir`, or the usual one.
    #[must_use]
    pub fn base_folder(&self) -> PathBuf {
        self.text("datadir").filter(|text| !text.is_empty()).map_or_else(usual_folder, PathBuf::from)
    }

    /// A path that an option gives, below `folder` when it is relative.
    #[must_use]
    pub fn path(&self, name: &str, default: &str, folder: &Path) -> PathBuf {
        folder.join(self.text(name).filter(|text| !text.is_empty()).unwrap_or(default))
    }
}

/// The option that `given` names, and whether it is negated.
fn option_of(given: &str) -> Option<(&str, bool)> {
    if options::scope(given).is_some() {
        return Some((given, false));
    }
    let name = given.strip_prefix("no")?;
    options::scope(name).map(|_| (name, true))
}

fn usual_folder() -> PathBuf {
    std::env::var_os("HOME").map_or_else(PathBuf::new, PathBuf::from).join(".pumasi/bitcoin")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(list: &[&str]) -> Args {
        Args::parse(&list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_last_on_the_command_line_counts_and_the_first_in_a_file() {
        let mut args = args(&["-par=1", "-par=2", "-regtest"]);
        args.read_file("par=3\nmaxmempool=5\n[regtest]\nmaxmempool=6\nmaxmempool=7\nport=1\n").unwrap();
        args.select_network("regtest");
        assert_eq!((args.integer("par", 0), args.integer("maxmempool", 0)), (2, 6));
        assert_eq!(args.integer("port", 0), 1);
    }

    #[test]
    fn ports_in_the_general_part_do_not_count_on_other_networks() {
        let mut args = Args::default();
        args.read_file("port=1\nserver=0\n").unwrap();
        args.select_network("regtest");
        assert_eq!((args.text("port"), args.flag("server", true)), (None, false));
        args.select_network("main");
        assert_eq!(args.text("port"), Some("1"));
    }

    #[test]
    fn negation_takes_back_what_stood_before() {
        let args = args(&["-debug=net", "-nodebug", "-debug=rpc", "-nolisten", "-nodnsseed=0"]);
        assert_eq!(args.all("debug"), ["rpc"]);
        assert!(!args.flag("listen", true) && args.flag("dnsseed", false));
        assert!(args.is_negated("listen"));
    }

    #[test]
    fn unknown_options_are_refused_by_name() {
        let error = Args::parse(&["-nosuchthing=1".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "Error parsing command line arguments: Invalid parameter -nosuchthing=1");
        let error = Args::parse(&["word".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("unexpected token 'word'"));
        assert_eq!(Args::default().read_file("nosuchthing=1").unwrap(), ["nosuchthing"]);
    }
}
