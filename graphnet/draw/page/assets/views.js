// The two views: units, ops, or both below each other. What is selected in one is selected in the other.

const LARGE_ENOUGH = 7.2; // letters of the whole unit view in pixels, to start with it

function makeViews() {
  const names = ["units", "ops", "both"];
  const buttons = names.map((name) =>
    el("button", { type: "button", onclick: () => turnTo(name) }, name[0].toUpperCase() + name.slice(1)),
  );

  addZoom(byId("ops"), () => graph.camera, "Zoom the ops");
  if (units) {
    addZoom(byId("units"), () => units.camera, "Zoom the units");
    byId("views").append(...buttons);
    byId("views").hidden = false;
  }

  function turnTo(name) {
    byId("units").hidden = !units || name === "ops";
    byId("ops").hidden = name === "units";
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(names[i] === name)));
    cameras(name).forEach((camera) => camera.start());
    change({ view: name });
  }

  function cameras(view = state.view) {
    return [...(units && view !== "ops" ? [units.camera] : []), ...(view !== "units" ? [graph.camera] : [])];
  }

  // Where room is scarce, all of it is the picture's; the panel is one button away.
  function makeRoom() {
    document.body.classList.toggle("wide", low.matches);
  }

  function start() {
    low.addEventListener("change", makeRoom);
    makeRoom();
    turnTo(units && (page.view === "units" || !narrow.matches) ? "units" : "ops");
    if (page.view !== "units" && state.view === "units" && units.letter * units.camera.fitting() < LARGE_ENOUGH * (low.matches ? 0.7 : 1)) turnTo("ops");
  }

  const zoom = (times) => cameras().forEach((camera) => camera.zoom(times));
  return { start, cameras, zoom, next: () => units && turnTo(names[(names.indexOf(state.view) + 1) % names.length]) };
}

function addZoom(pane, camera, label) {
  pane.append(
    el(
      "div",
      { class: "zoom", role: "group", "aria-label": label },
      iconButton("Zoom in", "+", "M12 5v14M5 12h14", () => camera().zoom(1.25)),
      iconButton("Zoom out", "−", "M5 12h14", () => camera().zoom(0.8)),
      iconButton("The whole picture", "0", "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5", () => camera().fit()),
    ),
  );
}
