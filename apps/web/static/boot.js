// Starts the page. Everything else is in the WebAssembly module.
import init from "./{glue}";

const told = (ko, en) => {
  const place = document.getElementById("boot");
  if (place) place.textContent = navigator.language.startsWith("ko") ? ko : en;
};

try {
  await init({ module_or_path: new URL("./{wasm}", import.meta.url) });
} catch (error) {
  told("이 브라우저에서 열 수 없어요. 최신 브라우저로 열어 주세요.", "This browser cannot open the page. Use a current one.");
  throw error;
}

// Without a service worker the page works all the same, but not offline.
if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("./sw.js", { updateViaCache: "none" }).catch(() => {});
}
