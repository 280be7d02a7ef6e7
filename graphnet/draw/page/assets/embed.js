// Within a notebook, which frames the page: numbers of all inputs and parameters are heard from there, and told there when
// they are changed here. In front of them stands the word "graphnet", so that they are not taken for what others post.

if (live && parent !== window) {
  const leaves = Object.keys(page.live.nodes).filter(live.isLeaf);
  let known = live.edits.values; // to the notebook, which has told them or was told

  addEventListener("message", (event) => {
    if (event.source !== parent || !(event.data?.graphnet instanceof ArrayBuffer)) return;
    const told = new Float64Array(event.data.graphnet);
    let start = 0;
    const heard = leaves.map((id) => {
      const { shape, data } = live.edits.values[id];
      start += data.length;
      return [id, { shape, data: data.constructor.from(told.subarray(start - data.length, start)) }];
    });
    known = { ...live.edits.values, ...Object.fromEntries(heard) };
    live.keep({ ...live.edits, values: known }, "notebook");
  });

  live.onChange(() => {
    if (live.edits.values === known) return;
    known = live.edits.values;
    const numbers = leaves.flatMap((id) => [...known[id].data]);
    parent.postMessage({ graphnet: Float64Array.from(numbers).buffer }, "*");
  });
}
