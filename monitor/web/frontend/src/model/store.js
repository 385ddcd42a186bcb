// What the page knows. Owns change: who watches a key is called once after every set, in the same turn of the loop.

export function makeStore(initial) {
  const state = { ...initial };
  const watchers = [];
  const changed = new Set();

  const flush = () => {
    const keys = new Set(changed);
    changed.clear();
    for (const { wanted, call } of watchers) if (wanted.some((key) => keys.has(key))) call(state, keys);
  };

  return {
    state,
    set(patch) {
      const idle = changed.size === 0;
      for (const [key, value] of Object.entries(patch)) {
        if (Object.is(state[key], value)) continue;
        state[key] = value;
        changed.add(key);
      }
      if (idle && changed.size) queueMicrotask(flush);
    },
    /** Call now and whenever one of the keys (a list of names) changed. */
    watch(wanted, call) {
      watchers.push({ wanted, call });
      call(state, new Set(wanted));
    },
  };
}
