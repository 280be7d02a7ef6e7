// Zoom and pan: one transform of the whole picture.

// Where a part is shown, letters of 14 pixels are at least of 12; the whole is shown from `LEGIBLE` on, of two views from `OVERVIEW`.
const READABLE = 0.86;
const LEGIBLE = narrow.matches ? READABLE : 0.6;
const OVERVIEW = 0.3;
const ROOM = 12;

function makeCamera(viewport, world, size, { enough = () => LEGIBLE, buttons = 44, zoomed = () => {} } = {}) {
  const camera = { x: 0, y: 0, k: 1 };
  const pointers = new Map();
  let moved = 0;
  let isFitted = true; // until the reader moves it

  function apply(glide = false) {
    world.classList.toggle("gliding", glide && !calm.matches);
    world.style.transform = `translate(${camera.x}px, ${camera.y}px) scale(${camera.k})`;
    zoomed(camera.k);
  }

  function zoom(factor, x = viewport.clientWidth / 2, y = viewport.clientHeight / 2) {
    const k = Math.max(0.05, Math.min(4, camera.k * factor));
    camera.x = x - ((x - camera.x) * k) / camera.k;
    camera.y = y - ((y - camera.y) * k) / camera.k;
    camera.k = k;
    isFitted = false;
    apply();
  }

  function fitting() {
    const [wide, high] = [viewport.clientWidth - 2 * ROOM - buttons, viewport.clientHeight - 2 * ROOM];
    return Math.min(wide / size.width, high / size.height, 1.6);
  }

  function fit(glide = true) {
    isFitted = true;
    camera.k = fitting();
    camera.x = (viewport.clientWidth - buttons - size.width * camera.k) / 2;
    camera.y = (viewport.clientHeight - size.height * camera.k) / 2;
    apply(glide);
  }

  // Start with the whole picture, or, where that would be too small to read, with a part of it.
  function start() {
    fit(false);
    if (camera.k >= enough()) return;
    camera.k = READABLE;
    camera.x = kept(ROOM, viewport.clientWidth - buttons, size.width * camera.k);
    camera.y = kept(ROOM, viewport.clientHeight, size.height * camera.k);
    isFitted = false;
    apply();
  }

  // Bring a rectangle into view, if it is not: to the middle, but with as little beside the picture as can be.
  function follow([x, y, width, height]) {
    const [left, top] = [camera.x + x * camera.k, camera.y + y * camera.k];
    const [right, bottom] = [left + width * camera.k, top + height * camera.k];
    const { clientWidth, clientHeight } = viewport;
    if (left >= 4 && top >= 4 && right <= clientWidth - 4 && bottom <= clientHeight - 4) return;
    isFitted = false;
    camera.x = kept(clientWidth / 2 - (x + width / 2) * camera.k, clientWidth, size.width * camera.k);
    camera.y = kept(clientHeight / 2 - (y + height / 2) * camera.k, clientHeight, size.height * camera.k);
    apply(true);
  }

  function kept(start, room, length) {
    const [most, least] = [ROOM, room - length - ROOM];
    return least > most ? (room - length) / 2 : Math.max(least, Math.min(most, start));
  }

  // Zoom around a point of the window.
  function zoomAt(factor, x, y) {
    const { left, top } = viewport.getBoundingClientRect();
    zoom(factor, x - left, y - top);
  }

  function turnWheel(event) {
    event.preventDefault();
    zoomAt(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX, event.clientY);
  }

  viewport.addEventListener("wheel", turnWheel, { passive: false });

  viewport.addEventListener("pointerdown", (event) => {
    moved = 0;
    if (event.button || event.target.closest(".tunable")) return; // a number is dragged, not the picture
    pointers.set(event.pointerId, event);
  });

  viewport.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const others = [...pointers.values()].filter((other) => other.pointerId !== event.pointerId);
    if (others.length) pinch(before, event, others[0]);
    else {
      camera.x += event.clientX - before.clientX;
      camera.y += event.clientY - before.clientY;
      isFitted = false;
      apply();
    }
    moved += Math.abs(event.clientX - before.clientX) + Math.abs(event.clientY - before.clientY);
    if (moved > 6) viewport.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
  });

  function pinch(before, now, other) {
    const distance = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY) || 1;
    const [x, y] = [(now.clientX + other.clientX) / 2, (now.clientY + other.clientY) / 2];
    zoomAt(distance(now) / distance(before), x, y);
  }

  for (const end of ["pointerup", "pointercancel"]) {
    viewport.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }

  // A click that ends a drag selects nothing.
  viewport.addEventListener("click", (event) => moved > 6 && event.stopPropagation(), { capture: true });

  new ResizeObserver(() => isFitted && viewport.clientWidth && start()).observe(viewport);

  return { zoom, fit, follow, start, fitting };
}
