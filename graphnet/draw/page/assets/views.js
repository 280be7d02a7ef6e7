// The two views: units, ops, or both below each other. What is selected in one is selected in the other.

function makeViews() {
  const names = ["units", "ops", "both"];
  const narrow = matchMedia("(max-width: 820px)").matches;
  let shown = "ops";
  const buttons = names.map((name) =>
    el(
      "button",
      { type: "button", onclick: () => turnTo(name) },
      name === "both" ? "Both" : name === "ops" ? "Ops" : "Units",
    ),
  );

  addZoom(byId("ops"), () => graph.camera, "Zoom the ops");
  if (units) {
    addZoom(byId("units"), () => units.camera, "Zoom the units");
    byId("views").append(...buttons);
    byId("views").hidden = false;
  }

  function turnTo(name) {
    shown = name;
    byId("units").hidden = !units || name === "ops";
    byId("ops").hidden = name === "units";
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(names[i] === name)));
    cameras().forEach((camera) => camera.start());
    change({});
  }

  function cameras() {
    return [...(units && shown !== "ops" ? [units.camera] : []), ...(shown !== "units" ? [graph.camera] : [])];
  }

  function start() {
    turnTo(!units ? "ops" : page.view === "units" ? "units" : narrow ? "ops" : "both");
    if (shown === "both" && !units.camera.isLegible()) turnTo("ops");
  }

  return { start, cameras, next: () => units && turnTo(names[(names.indexOf(shown) + 1) % names.length]) };
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
