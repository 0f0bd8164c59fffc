// Moves the simulated inputs, and shows what the unit makes of them.
"use strict";
(() => {
  const lost = document.querySelector(".lost");
  let queue = Promise.resolve();

  // Sets arrive in the order in which they were made: a press must not come after its release.
  function set(name, value) {
    queue = queue
      .then(() => fetch("/simulator/set", { method: "POST", body: new URLSearchParams({ name, value }), keepalive: true }))
      .catch(() => { lost.hidden = false; });
  }

  for (const e of document.querySelectorAll("[data-input]")) {
    e.addEventListener("input", () => {
      const out = document.querySelector(`label[for="${e.id}"] output`);
      if (out) out.value = e.value;
      set(e.dataset.input, e.value);
    });
  }

  for (const e of document.querySelectorAll("[data-hold]")) {
    let held = false;
    const hold = (down) => {
      if (down === held) return;
      held = down;
      e.classList.toggle("down", down);
      set(e.dataset.hold, down ? "down" : "up");
    };
    e.addEventListener("pointerdown", (ev) => {
      if (ev.button !== 0) return;
      e.setPointerCapture(ev.pointerId);
      hold(true);
    });
    for (const up of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) e.addEventListener(up, () => hold(false));
    e.addEventListener("contextmenu", (ev) => ev.preventDefault()); // a long touch is a long press
    e.addEventListener("keydown", (ev) => {
      if (ev.key !== " " && ev.key !== "Enter") return;
      ev.preventDefault();
      hold(true);
    });
    e.addEventListener("keyup", (ev) => { if (ev.key === " " || ev.key === "Enter") hold(false); });
    addEventListener("pagehide", () => hold(false));
  }

  const events = new EventSource(document.body.dataset.events);
  events.addEventListener("view", (message) => {
    lost.hidden = true;
    const m = JSON.parse(message.data);
    for (const [name, html] of Object.entries(m.parts ?? {})) {
      const part = document.querySelector(`[data-part="${name}"]`);
      if (part) part.innerHTML = html;
    }
    for (const [name, value] of Object.entries(m.inputs ?? {})) {
      const e = document.querySelector(`[data-input="${name}"]`);
      if (!e || e === document.activeElement) continue;
      e.value = value;
      const out = document.querySelector(`label[for="${e.id}"] output`);
      if (out) out.value = value;
    }
  });
  events.onerror = () => { lost.hidden = false; };
})();
