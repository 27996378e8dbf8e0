//! Everything that the fuzzer knows goes through the same functions on every run of the tests.

use pumasi_testing::fuzz_targets::TARGETS;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo names the folder of the package"))
        .join("../fuzz/corpus")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("a readable folder").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_file_of_the_corpora_is_taken_without_a_panic() {
    for (name, target) in TARGETS {
        let folder = corpus().join(name);
        let files = names(&folder);
        assert!(files.len() >= 4, "{name}: a corpus of {} files", files.len());
        for file in files {
            let data = fs::read(folder.join(&file)).expect("a readable file");
            // Shows which file it was, if this ends here.
            println!("{name}/{file}");
            target(&data);
        }
    }
}

#[test]
fn every_target_has_a_corpus_and_a_program_and_nothing_else_does() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&corpus()), targets);
    let programs = names(&corpus().join("../fuzz_targets"));
    assert_eq!(programs, targets.iter().map(|name| format!("{name}.rs")).collect());
}
