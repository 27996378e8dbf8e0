// Real processes of ours, from clean folders, on free ports of this machine. Each prints JSON lines.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const PUMASI = process.env.PUMASI ?? join(process.env.CARGO_TARGET_DIR ?? "target", "debug", "pumasi");
export const PASSWORD = "가게 비밀번호 하나";

export class World {
  constructor(folder) {
    this.folder = folder;
    this.running = new Set();
  }

  static async make() {
    if (!existsSync(PUMASI)) throw new Error(`no ${PUMASI}; build pumasi-cli, or name it in PUMASI`);
    return new World(await mkdtemp(join(tmpdir(), "pumasi-web-")));
  }

  path(name) {
    return join(this.folder, name);
  }

  // Runs to the end, and gives the objects that it printed.
  async run(...args) {
    const one = this.start(...args);
    const code = await one.ended;
    if (code !== 0) throw new Error(`pumasi ${args.join(" ")} ended with ${code}:\n${one.log.join("\n")}`);
    return one.events;
  }

  // Starts it; `event(name)` waits for an object with that `event`.
  start(...args) {
    const env = { ...process.env, PUMASI_PASSWORD: PASSWORD, PUMASI_LANG: "en" };
    const child = spawn(PUMASI, ["--json", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    const one = { child, events: [], log: [], waiting: [] };
    this.running.add(one);
    createInterface({ input: child.stderr }).on("line", (line) => one.log.push(line));
    createInterface({ input: child.stdout }).on("line", (line) => {
      one.log.push(line);
      let object;
      try {
        object = JSON.parse(line);
      } catch {
        return;
      }
      one.events.push(object);
      one.waiting = one.waiting.filter(({ fits, done }) => !(fits(object) && (done(object), true)));
    });
    one.ended = new Promise((done) => child.on("exit", (code) => { this.running.delete(one); done(code); }));
    one.event = (name, fits = () => true, timeout = 60_000) => {
      const wanted = (object) => object.event === name && fits(object);
      const past = one.events.find(wanted);
      if (past) return Promise.resolve(past);
      return new Promise((done, failed) => {
        const timer = setTimeout(() => failed(new Error(`pumasi ${args[0]}: no event ${name}:\n${one.log.join("\n")}`)), timeout);
        one.waiting.push({ fits: wanted, done: (object) => { clearTimeout(timer); done(object); } });
      });
    };
    one.stop = async (signal = "SIGTERM") => { child.kill(signal); await one.ended; };
    return one;
  }

  async end() {
    await Promise.all([...this.running].map((one) => one.stop("SIGKILL")));
    await rm(this.folder, { recursive: true, force: true });
  }
}

// Two bootstrap nodes with gateways, a directory, and a shop that is listed under 식당 and takes payments of strangers.
export async function street(world) {
  const gateway = ["--gateway", "127.0.0.1:0"];
  const first = world.start("bootstrap", "--listen", "127.0.0.1:0", "--data", world.path("one"), ...gateway);
  const address = (await first.event("listening")).addresses[0];
  const second = world.start("bootstrap", "--listen", "127.0.0.1:0", "--data", world.path("two"), "--join", address, ...gateway);
  await second.event("listening");
  const gateways = [(await first.event("gateway")).url, (await second.event("gateway")).url];
  const directory = world.start("discovery", "--listen", "127.0.0.1:0", "--data", world.path("directory"));
  const directoryUrl = (await directory.event("listening")).url;

  const home = world.path("shop");
  const [made] = await world.run("--home", home, "init", "--name", "할매국밥", "--bootstrap", address);
  const shop = await openShop(world, home, address, "127.0.0.1:0");
  const listing = ["--category", "식당", "--category", "restaurant", "--description", "역삼동 국밥집, 아침 여섯 시부터"];
  const entrances = gateways.flatMap((url) => ["--bootstrap", url]);
  await world.run("--home", home, "register", ...listing, "--endpoint", shop.url, ...entrances, "--directory", directoryUrl);
  return { address, gateways, directoryUrl, home, shop, did: made.did };
}

// The shop, listening. The address of its endpoint can be given, so that it comes back where it was.
export async function openShop(world, home, bootstrap, endpoint) {
  const args = ["--home", home, "listen", "--bootstrap", bootstrap, "--loopback", "--endpoint", endpoint, "--shop"];
  const one = world.start(...args, "--stranger-limit", "50,000 KRW");
  const { endpoint: url } = await one.event("listening");
  return { ...one, url, address: new URL(url).host };
}
