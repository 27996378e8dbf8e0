//! The page's module in two parts: the screens, and the peer behind them.
//!
//! `wasm_split_cli_support` cuts at the functions that are marked with `wasm_split`: what only they reach goes into a module
//! of its own, which works on the memory and the tables of the first. It reads the linker's relocations.

use anyhow::{Context, anyhow, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// For `cargo rustc`: keep the relocations in what is linked last.
pub(super) const RUSTC: [&str; 3] = ["--", "-C", "link-arg=--emit-relocs"];
/// The JavaScript that fetches the second part.
pub(super) const LOADER: &str = "parts.js";
/// What wasm-bindgen writes.
pub(super) const GLUE: &str = "pumasi.js";
/// The second part.
pub(super) const PEER: &str = "peer.wasm";

/// Cuts a module in two, and gives the first part, which is for wasm-bindgen to finish.
pub(super) fn cut(module: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let bytes = fs::read(module).with_context(|| module.display().to_string())?;
    let first = folder.join("first.wasm");
    let link = format!("./{LOADER}");
    let glue = format!("./{GLUE}");
    let mut options = wasm_split_cli_support::Options::new(&bytes);
    options.output_dir = folder;
    options.main_out_path = &first;
    options.link_name = &link;
    options.main_module = &glue;
    options.emit_dwarf = false;
    let split = wasm_split_cli_support::transform(options).map_err(|error| anyhow!("{error:?}"))?;
    ensure!(split.split_modules.len() == 1, "the page is cut into {:?}", split.split_modules);
    let second = &split.split_modules[0];
    let name = second.file_name().and_then(|name| name.to_str()).context("the second part has no name")?;

    // Under a name that the assembler knows.
    let loader = fs::read_to_string(folder.join(LOADER)).context(LOADER)?.replace(name, PEER);
    fs::write(folder.join(LOADER), loader).context(LOADER)?;
    fs::rename(second, folder.join(PEER)).context(PEER)?;
    Ok(first)
}

/// JavaScript that imports from `to` rather than from `from`. The module asks for what is imported by the old name, which
/// therefore stays wherever it is not an import.
pub(super) fn import_from(javascript: &str, from: &str, to: &str) -> anyhow::Result<String> {
    let import = format!(r#"from "./{from}""#);
    ensure!(javascript.matches(&import).count() == 1, "there is not one import from {from}");
    Ok(javascript.replace(&import, &format!(r#"from "./{to}""#)))
}

/// A module without its custom sections: names, and what the linker left.
pub(super) fn bare(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    const HEADER: usize = 8;
    const CUSTOM: u8 = 0;
    let mut bare = module.get(..HEADER).context("not a module")?.to_vec();
    let mut rest = &module[HEADER..];
    while let [id, after @ ..] = rest {
        // LEB128, of 32 bits at most.
        let end = after.iter().take(5).position(|byte| byte & 0x80 == 0).context("the length of a section")?;
        let length = after[..=end].iter().rev().fold(0_usize, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        let (section, next) = rest.split_at_checked(2 + end + length).context("a section is longer than its module")?;
        if *id != CUSTOM {
            bare.extend_from_slice(section);
        }
        rest = next;
    }
    Ok(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_import_is_renamed() {
        let glue = "import * as import1 from \"./parts.js\"\n  imports = { \"./parts.js\": import1 };";
        let renamed = import_from(glue, LOADER, "parts.0123456789.js").unwrap();
        assert_eq!(renamed, glue.replacen("parts.js", "parts.0123456789.js", 1));
        import_from(&renamed, LOADER, "other.js").unwrap_err();
    }

    #[test]
    fn custom_sections_go_and_the_others_stay() {
        let header = *b"\0asm\x01\0\0\0";
        // A type section of 2 bytes, a custom one of 130 (two bytes of length), and a code section of 1.
        let custom = [&[0, 0x82, 1][..], &[7; 130]].concat();
        let module = [&header[..], &[1, 2, 1, 0x60], &custom, &[10, 1, 0]].concat();
        assert_eq!(bare(&module).unwrap(), [&header[..], &[1, 2, 1, 0x60, 10, 1, 0]].concat());
        for cut in [4, 9, 11, 20, module.len() - 1] {
            assert!(bare(&module[..cut]).is_err(), "{cut}");
        }
    }
}
