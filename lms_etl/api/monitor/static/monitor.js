// Replaces the numbers every 15 seconds. Without it the page works, and loads itself anew once a minute.
"use strict";
(() => {
  const every = 15000;
  const live = document.getElementById("live");
  const told = document.getElementById("told");
  const pause = document.getElementById("pause");
  let paused = false;

  // What the reader has opened and scrolled to stays as it is.
  const keep = () => ({
    open: [...live.querySelectorAll("details")].map((each) => each.open),
    left: [...live.querySelectorAll(".scroll")].map((each) => each.scrollLeft),
    focus: [...live.querySelectorAll("a, summary, .scroll")].indexOf(document.activeElement),
  });
  const restore = (kept) => {
    live.querySelectorAll("details").forEach((each, at) => { each.open = kept.open[at] ?? false; });
    live.querySelectorAll(".scroll").forEach((each, at) => { each.scrollLeft = kept.left[at] ?? 0; });
    live.querySelectorAll("a, summary, .scroll")[kept.focus]?.focus({ preventScroll: true });
  };

  const update = async () => {
    if (paused || document.hidden) return;
    try {
      const answer = await fetch(live.dataset.from, { headers: { Accept: "text/html" } });
      if (answer.status === 401) { location.assign("/monitor/login?to=" + location.pathname); return; }
      if (!answer.ok) throw new Error(answer.status);
      const html = await answer.text();
      if (paused) return;
      const kept = keep();
      live.innerHTML = html;
      restore(kept);
      live.classList.remove("stale");
      say("Live");
    } catch {
      live.classList.add("stale");
      say("No answer; these numbers are old");
    }
  };
  // Told once and not every 15 seconds: a screen reader reads each change aloud.
  const say = (words) => { if (told.textContent !== words) told.textContent = words; told.className = words === "Live" ? "" : "off"; };

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Resume" : "Pause";
    say(paused ? "Paused" : "Live");
    update();
  });
  document.addEventListener("visibilitychange", update);
  pause.parentElement.hidden = false;
  say("Live");
  setInterval(update, every);
})();
