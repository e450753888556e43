"use strict";
(() => {
  const readout = document.getElementById("readout");
  const links = [...document.querySelectorAll("svg a")];

  const wipe = (input) => input.parentElement.style.setProperty("--x", `${input.value}%`);
  const follow = (event) => {
    const box = event.currentTarget.parentElement.getBoundingClientRect();
    event.currentTarget.value = (100 * (event.clientX - box.left)) / box.width;
    wipe(event.currentTarget);
  };
  const press = (chosen) => {
    for (const button of document.querySelectorAll("[data-all]")) {
      button.setAttribute("aria-pressed", String(button === chosen));
    }
  };
  for (const input of document.querySelectorAll(".wipe input")) {
    input.addEventListener("input", () => { wipe(input); press(null); });
    // Some phones move a range only by its thumb; here all of the picture is the handle.
    input.addEventListener("pointerdown", follow);
    input.addEventListener("pointermove", (event) => { if (event.buttons) follow(event); });
    wipe(input);
  }
  for (const button of document.querySelectorAll("[data-all]")) {
    button.addEventListener("click", () => {
      for (const input of document.querySelectorAll(".wipe input")) {
        input.value = button.dataset.all;
        wipe(input);
      }
      press(button);
    });
  }

  const show = (number) => {
    const card = document.getElementById(`shot-${number}`);
    for (const other of document.querySelectorAll(".here")) other.classList.remove("here");
    card.classList.add("here");
    (card.querySelector("input") || card).focus({ preventScroll: true });
    // Twice: cards above take their true height only when they are near.
    card.scrollIntoView({ behavior: "instant", block: "center" });
    requestAnimationFrame(() => card.scrollIntoView({ behavior: "instant", block: "center" }));
  };
  for (const link of document.querySelectorAll('a[href^="#shot-"]')) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      history.replaceState(null, "", link.getAttribute("href"));
      show(link.getAttribute("href").slice(6));
    });
  }

  // One stop of the Tab key for the whole timeline; arrow keys go through it.
  const tell = (link) => { readout.textContent = link.getAttribute("aria-label"); };
  const rove = (at) => {
    links.forEach((link, number) => link.setAttribute("tabindex", number === at ? "0" : "-1"));
  };
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
  links.forEach((link, at) => {
    link.addEventListener("focus", () => { tell(link); rove(at); });
    link.addEventListener("pointerenter", () => tell(link));
    link.addEventListener("keydown", (event) => {
      let next = at;
      if (event.key in steps) next = at + steps[event.key];
      else if (event.key === "Home") next = 0;
      else if (event.key === "End") next = links.length - 1;
      else return;
      event.preventDefault();
      links[Math.max(0, Math.min(links.length - 1, next))].focus();
    });
  });
  rove(0);
})();
