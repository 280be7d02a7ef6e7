// The page in a frame of its own, between the notebook's Python and the reader: numbers go both ways.
// In front of them the page has the word "graphnet", so that it is not taken for what others post to windows.

export default {
  render({ model, el }) {
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    frame.title = "a page that steps through a pass";
    frame.style.cssText = `width:100%;height:${model.get("_height")}px;border:0;display:block`;
    const box = document.createElement("div");
    box.style.cssText = "resize:vertical;overflow:hidden";
    box.append(frame);
    el.append(box);

    const turn = () => (frame.srcdoc = model.get("page"));
    const bytesOf = (view) => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
    let hearing = false; // what the page itself has told need not be told to it
    const tell = () => hearing || frame.contentWindow?.postMessage({ graphnet: bytesOf(model.get("leaves")) }, "*");
    const hear = (event) => {
      if (event.source !== frame.contentWindow || !(event.data?.graphnet instanceof ArrayBuffer)) return;
      hearing = true;
      model.set("leaves", new DataView(event.data.graphnet));
      hearing = false;
      model.save_changes();
    };

    window.addEventListener("message", hear);
    frame.addEventListener("load", tell);
    model.on("change:page", turn);
    model.on("change:leaves", tell);
    turn();
    return () => {
      window.removeEventListener("message", hear);
      model.off("change:page", turn);
      model.off("change:leaves", tell);
    };
  },
};
