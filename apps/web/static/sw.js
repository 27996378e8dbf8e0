// The shell of the page, for when there is no network. Only files of this build, from this origin; never an answer of a
// directory, a gateway or a shop.
const CACHE = "pumasi-{version}";
const SHELL = {files};

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith("pumasi-") && name !== CACHE;
  event.waitUntil(
    caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name)))).then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  const base = new URL("./", self.location.href).pathname;
  if (!url.pathname.startsWith(base)) return;
  const name = url.pathname.slice(base.length) || "./";
  if (event.request.mode === "navigate") {
    // The network first, so that a new build is seen; what is kept when there is none.
    if (name === "./" || name === "index.html") {
      event.respondWith(fetch(event.request).catch(() => caches.match("./")));
    }
    return;
  }
  if (SHELL.includes(name)) {
    event.respondWith(caches.match(name).then((kept) => kept ?? fetch(event.request)));
  }
});
