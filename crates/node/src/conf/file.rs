//! The lines of `bitcoin.conf`.

/// One setting of a file: `section.name=value`, the section empty in the general part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// `regtest`, `main`, … or empty.
    pub(crate) section: String,
    /// The option's name, still with a leading `no` if it had one.
    pub(crate) name: String,
    /// What stands after the `=`.
    pub(crate) value: String,
}

/// Reads a configuration file.
///
/// # Errors
/// The first line that is no setting, in Bitcoin Core's words.
pub(crate) fn parse(text: &str) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    let mut section = String::new();
    for (index, raw) in text.lines().enumerate() {
        let number = index + 1;
        let (before_hash, commented) = match raw.split_once('#') {
            Some((before, _)) => (before, true),
            None => (raw, false),
        };
        let line = before_hash.trim_matches([' ', '\t', '\r', '\n']);
        if line.is_empty() {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
            continue;
        }
        if line.starts_with('-') {
            return Err(format!(
                "parse error on line {number}: {line}, options in configuration file must be specified without leading -"
            ));
        }
        let Some((name, value)) = line.split_once('=') else {
            let hint = if line.len() >= 2 && line.starts_with("no") {
                format!(", if you intended to specify a negated option, use {line}=1 instead")
            } else {
                String::new()
            };
            return Err(format!("parse error on line {number}: {line}{hint}"));
        };
        let (name, value) = (name.trim(), value.trim());
        if commented && name.contains("rpcpassword") {
            return Err(format!(
                "parse error on line {number}, using # in rpcpassword can be ambiguous and should be avoided"
            ));
        }
        // A name may carry its own section, as in `regtest.port=1`, but only in the general part.
        let (section, name) = match name.split_once('.') {
            Some((own, name)) if section.is_empty() => (own, name),
            _ => (section.as_str(), name),
        };
        lines.push(Line { section: section.to_owned(), name: name.to_owned(), value: value.to_owned() });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(section: &str, name: &str, value: &str) -> Line {
        Line { section: section.into(), name: name.into(), value: value.into() }
    }

    #[test]
    fn sections_and_comments_are_read() {
        let text = "regtest=1 # the network\n\n[regtest]\nport = 18444\n[main]\nserver=0\n";
        let lines = parse(text).unwrap();
        assert_eq!(lines, [line("", "regtest", "1"), line("regtest", "port", "18444"), line("main", "server", "0")]);
        assert_eq!(parse("test.port=1").unwrap(), [line("test", "port", "1")]);
    }

    #[test]
    fn errors_name_the_line() {
        assert_eq!(
            parse("a=1\nnolisten").unwrap_err(),
            "parse error on line 2: nolisten, if you intended to specify a negated option, use nolisten=1 instead"
        );
        assert!(parse("-dash=1").unwrap_err().contains("must be specified without leading -"));
        assert!(parse("rpcpassword=a#b").unwrap_err().contains("using # in rpcpassword"));
    }
}
