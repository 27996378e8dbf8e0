//! Puts the page into the program: every file of the folder that `PUMASI_WEB_DIST` names, which `cargo xtask web` has
//! written. Without the variable there is no page inside, and `pumasi web` looks for one beside itself.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=PUMASI_WEB_DIST");
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if let Some(folder) = env::var_os("PUMASI_WEB_DIST").map(PathBuf::from) {
        println!("cargo::rerun-if-changed={}", folder.display());
        if !folder.join("index.html").is_file() {
            return Err(format!("PUMASI_WEB_DIST: {} has no index.html; run cargo xtask web", folder.display()).into());
        }
        files = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
        files.retain(|path| path.is_file());
        files.sort();
    }
    let mut list = String::from("&[\n");
    for path in &files {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or("a file name that is not UTF-8")?;
        let whole = fs::canonicalize(path)?;
        writeln!(list, "    ({name:?}, include_bytes!({:?})),", whole.to_str().ok_or("a path that is not UTF-8")?)?;
    }
    list.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("page.rs"), list)?;
    Ok(())
}
